"""The database is brought to the form that the tables describe, and never taken back."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.runtime.migration import MigrationContext
from sqlalchemy import text

from console.errors import StoreUnusable
from console.ingest.apply import HEARTBEATS_KEPT, REPORTS_KEPT
from console.store.all_tables import metadata
from console.store.db import Database, open_database
from console.store.migrate import SCRIPTS, migrate, newest
from console.store.partitions import is_partition
from tests.fakes.stores import Stores


def test_the_steps_lead_to_the_tables_as_they_are_described(database: Database) -> None:
    beside = {"ix_device_host_key_trigram", "ix_expected_device_host_key_trigram"}
    without_months = {"include_name": lambda name, kind, parents: name not in beside and not is_partition(name)}
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


@pytest.fixture(params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def of_yesterday(request: pytest.FixtureRequest, stores: Stores, tmp_path: Path) -> Iterator[Database]:
    """A database as the last release made it, with a device, its reports and its history."""
    address = f"sqlite:///{tmp_path / 'x.sqlite3'}"
    if request.param == "postgresql":
        address = stores.cluster.address(stores.cluster.create())
    database = Database(address)
    migrate(database, "0002")
    with database.engine.begin() as connection:
        connection.execute(text(DEVICE))
        for number in range(1, 41):
            connection.execute(text(REPORT), {"number": number, "body": b"x"})
        for number in range(1, 4):
            connection.execute(text(EVENT), {"number": number})
    yield database
    database.close()


DEVICE = """
INSERT INTO device (device_id, public_key, enrolled_at, secret_id, epoch, host_name, host_key, os, os_version, kind,
                    ownership, groups, agent, standing, why)
VALUES ('d-1', '', 0, 1, 'e-1', 'h', 'h', 'linux', '12', 'workstation', 'company', '["it", "cn", "it"]', '0.1.0',
        'clean', '[]')
"""
REPORT = """
INSERT INTO report (device_id, epoch, sequence, received_at, digest, body)
VALUES ('d-1', 'e-1', :number, :number, '', :body)
"""
EVENT = """
INSERT INTO finding_event (device_id, epoch, sequence, finding_id, at, change, ban, tool, face, version, state, action,
                           outcome)
VALUES ('d-1', 'e-1', :number, 'f-1', 1783000000, 'new', 'b', 't', 'package', '1', 'active', 'block', '')
"""


def test_what_the_last_release_kept_is_kept(of_yesterday: Database) -> None:
    assert migrate(of_yesterday) == ("0002", newest())
    with of_yesterday.read() as connection:
        groups = connection.execute(text('SELECT "group" FROM device_group ORDER BY 1')).scalars().all()
        events = connection.execute(text("SELECT sequence FROM finding_event ORDER BY 1")).scalars().all()
        ring = connection.execute(text("SELECT sequence, slot FROM report ORDER BY sequence")).all()
        kept = connection.execute(text("SELECT kept FROM device")).scalar_one()
    assert (groups, events) == (["cn", "it"], [1, 2, 3])
    assert [row.sequence for row in ring] == list(range(11, 41))
    oldest = ring[0].slot
    assert HEARTBEATS_KEPT + kept % REPORTS_KEPT == oldest, "the next report takes the place of the oldest"
