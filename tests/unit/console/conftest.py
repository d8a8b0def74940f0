"""An empty database in its newest form for each test."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from console.store.db import Database
from console.store.migrate import migrate


@pytest.fixture
def database(tmp_path: Path) -> Iterator[Database]:
    database = Database(f"sqlite:///{tmp_path / 'console.sqlite3'}")
    migrate(database)
    yield database
    database.close()
