"""A copy of the database is made while it is used, and becomes a database again, on both kinds."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest
from sqlalchemy import URL, make_url, select, text

from console.errors import BadCommand, BadFile, StoreUnusable
from console.store.backup import backup, restore
from console.store.db import Database
from console.store.migrate import migrate, newest
from console.store.tables import device, finding
from tests.fakes.stored_fleet import StoredFleet
from tests.fakes.stores import Stores

NOW = 1_783_000_000


def empty_place(database: Database, stores: Stores, folder: Path) -> URL:
    """Where a database of this kind can be made."""
    if database.dialect == "postgresql":
        return make_url(stores.cluster.address(stores.cluster.create()))
    return URL.create("sqlite", database=str(folder / "new" / "console.sqlite3"))


def test_what_was_there_is_there_again(database: Database, stores: Stores, tmp_path: Path) -> None:
    fleet = StoredFleet(database, NOW)
    there = [fleet.device(standing="open", findings=3, groups=("it",)) for _ in range(5)]
    copy = tmp_path / "copy"
    with database.write() as connection:
        connection.execute(
            text("UPDATE device SET standing = 'clean' WHERE device_id = 'being written, not committed'")
        )
        if database.dialect == "postgresql":
            assert backup(database.engine.url, copy) == copy.stat().st_size > 1000
    if database.dialect == "sqlite":
        backup(database.engine.url, copy)
    assert stat.S_IMODE(copy.stat().st_mode) == 0o600
    fleet.device(standing="open")
    address = empty_place(database, stores, tmp_path)
    restore(address, copy)
    again = Database(address)
    assert migrate(again) == (newest(), newest())
    with again.read() as connection:
        assert connection.execute(select(device.c.device_id).order_by(device.c.device_id)).scalars().all() == there
        assert len(connection.execute(select(finding.c.finding_id)).all()) == 15
    again.close()


def test_a_copy_is_made_while_somebody_writes(database: Database, tmp_path: Path) -> None:
    """A reader is open and rows are added between the pages: the copy is whole, of one moment."""
    fleet = StoredFleet(database, NOW)
    for _ in range(20):
        fleet.device(findings=20)
    with database.read() as reading:
        reading.execute(select(device.c.device_id)).all()
        backup(database.engine.url, tmp_path / "copy")
        fleet.device(findings=1)
    assert (tmp_path / "copy").stat().st_size > 1000


def test_nothing_is_overwritten(database: Database, tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    backup(database.engine.url, copy)
    with pytest.raises(BadFile, match="exists"):
        backup(database.engine.url, copy)
    with pytest.raises(BadCommand, match=r"exists|tables already"):
        restore(database.engine.url, copy)


@pytest.mark.parametrize("content", [b"", b"not a backup", b"SQLite format 3\0 and then nothing", b"PGDMP and nothing"])
def test_what_is_no_backup_is_refused_and_leaves_nothing_behind(
    database: Database, stores: Stores, tmp_path: Path, content: bytes
) -> None:
    copy = tmp_path / "copy"
    copy.write_bytes(content)
    address = empty_place(database, stores, tmp_path)
    with pytest.raises((BadFile, StoreUnusable)):
        restore(address, copy)
    if database.dialect == "sqlite":
        assert not list((tmp_path / "new").glob("*")) if (tmp_path / "new").exists() else True


def test_a_folder_that_is_not_there_is_one_clear_line(database: Database, tmp_path: Path) -> None:
    with pytest.raises(BadFile, match="cannot be written"):
        backup(database.engine.url, tmp_path / "no" / "copy")
