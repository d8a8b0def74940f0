"""An empty database in its newest form for each test, once on SQLite and once on PostgreSQL."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from console.store.db import Database


@pytest.fixture
def database(store: str) -> Iterator[Database]:
    database = Database(store)
    yield database
    database.close()
