"""The database is brought to the form that the tables describe, and never taken back."""

from __future__ import annotations

from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext

from console.errors import StoreUnusable
from console.store.all_tables import metadata
from console.store.db import Database, open_database
from console.store.migrate import SCRIPTS, migrate, newest
from console.store.partitions import is_partition


def test_the_steps_lead_to_the_tables_as_they_are_described(database: Database) -> None:
    without_months = {"include_name": lambda name, kind, parents: kind != "table" or not is_partition(name)}
    with database.read() as connection:
        assert compare_metadata(MigrationContext.configure(connection, opts=without_months), metadata) == []


def test_a_second_time_changes_nothing(database: Database) -> None:
    assert migrate(database) == (newest(), newest())


def test_a_database_of_a_newer_program_is_refused(database: Database) -> None:
    with database.write() as connection:
        connection.exec_driver_sql("UPDATE alembic_version SET version_num = 'of-tomorrow'")
    with pytest.raises(StoreUnusable, match="of-tomorrow") as refused:
        migrate(database)
    assert "Upgrade" in refused.value.advice()


def test_a_step_that_fails_leaves_nothing_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The second table is there already, made by somebody else: the first one is not made either."""
    database = Database(f"sqlite:///{tmp_path / 'x.sqlite3'}")
    with database.write() as connection:
        connection.exec_driver_sql("CREATE TABLE user_account (x)")
    with pytest.raises(Exception, match="already exists"):
        migrate(database)
    with database.read() as connection:
        tables = connection.exec_driver_sql("SELECT name FROM sqlite_master WHERE type = 'table'").scalars().all()
    database.close()
    assert tables == ["user_account"]


def test_a_percent_sign_in_the_path_of_the_program_does_no_harm() -> None:
    assert (SCRIPTS / "env.py").is_file()
    assert list((SCRIPTS / "versions").glob("*.py"))


def test_a_database_that_cannot_be_opened_is_one_clear_error(tmp_path: Path) -> None:
    with pytest.raises(StoreUnusable, match="cannot be opened"):
        open_database(f"sqlite:///{tmp_path / 'no' / 'such' / 'folder' / 'x.sqlite3'}")
