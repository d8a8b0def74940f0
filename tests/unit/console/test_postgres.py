"""What PostgreSQL is asked for beside the common SQL: months, heartbeats within a page, steps while others write."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor

import pytest
from sqlalchemy import insert, select, text

from console.store import partitions
from console.store.db import Database
from console.store.migrate import migrate, newest
from console.store.partitions import Month, month_of
from console.store.tables import finding_event
from tests.fakes.stores import Stores
from tests.unit.console.test_together import NOW, coverage, enrolled, store

pytestmark = pytest.mark.postgres
MONTH = month_of(NOW)


@pytest.fixture
def database(stores: Stores) -> Iterator[Database]:
    with stores.new("postgresql") as address:
        made = Database(address)
        yield made
        made.close()


@pytest.fixture
def fresh(stores: Stores) -> Iterator[str]:
    """The address of a database without any table."""
    name = stores.cluster.create()
    yield stores.cluster.address(name)
    stores.cluster.drop(name)


def counters(database: Database, table: str) -> tuple[int, int]:
    """Rows updated, and how many of them within their page, without an index being touched."""
    with database.engine.connect() as connection:
        connection.execute(text("SELECT pg_stat_force_next_flush()"))
        connection.commit()
        row = connection.execute(
            text("SELECT n_tup_upd, n_tup_hot_upd FROM pg_stat_user_tables WHERE relname = :name"), {"name": table}
        ).one()
    return row[0], row[1]


def test_heartbeats_touch_no_index(database: Database) -> None:
    devices = enrolled(database, 40)
    beats = 10
    database.engine.dispose()
    before = {table: counters(database, table) for table in ("device", "device_epoch")}
    for number in range(beats):
        store(database, [one.report(coverage=(coverage(),)) for one in devices], NOW + number)
    database.engine.dispose()
    for table, (updated, hot) in before.items():
        now_updated, now_hot = counters(database, table)
        assert now_updated - updated == beats * len(devices)
        assert now_hot - hot >= 0.9 * beats * len(devices), table


def an_event(at: int, sequence: int = 1) -> dict[str, object]:
    return {
        "device_id": "d-1", "at": at, "epoch": "e-1", "sequence": sequence, "finding_id": "f-1", "change": "new",
        "ban": "b", "tool": "t", "face": "package", "version": "1", "state": "active", "action": "block", "outcome": "",
        "since": "2026-07-01T00:00:00Z",
    }  # fmt: skip


def where(database: Database) -> list[tuple[str, int]]:
    with database.read() as connection:
        rows = connection.execute(
            text("SELECT tableoid::regclass::text, count(*) FROM finding_event GROUP BY 1 ORDER BY 1")
        )
        return [(row[0], row[1]) for row in rows]


def test_an_event_lies_in_its_month_and_one_without_a_month_in_the_rest(database: Database) -> None:
    with database.write() as connection:
        assert partitions.make_ahead(connection, NOW) == partitions.AHEAD + 1
        assert partitions.make_ahead(connection, NOW) == 0
        connection.execute(insert(finding_event), [an_event(NOW), an_event(MONTH.next().begins), an_event(1)])
    assert where(database) == [("finding_event_rest", 1), (MONTH.name, 1), (MONTH.next().name, 1)]


def test_what_came_before_its_month_was_made_moves_into_it(database: Database) -> None:
    with database.write() as connection:
        connection.execute(insert(finding_event), [an_event(NOW, 1), an_event(NOW, 2), an_event(MONTH.begins - 1, 3)])
    with database.write() as connection:
        partitions.make_ahead(connection, NOW)
    assert where(database) == [("finding_event_rest", 1), (MONTH.name, 2)]
    with database.read() as connection:
        found = connection.execute(select(finding_event.c.sequence).where(finding_event.c.device_id == "d-1")).scalars()
        assert sorted(found) == [1, 2, 3]


def test_a_month_goes_when_all_of_it_is_old(database: Database) -> None:
    with database.write() as connection:
        partitions.make_ahead(connection, NOW)
        connection.execute(insert(finding_event), [an_event(MONTH.begins), an_event(MONTH.next().begins)])
        assert partitions.drop_before(connection, MONTH.next().begins - 1) == 0
        assert partitions.drop_before(connection, MONTH.next().begins) == 1
    assert where(database) == [(MONTH.next().name, 1)]


@pytest.mark.parametrize(
    ("month", "following"),
    [(Month(2026, 7), Month(2026, 8)), (Month(2026, 12), Month(2027, 1))],
    ids=["july", "december"],
)
def test_months_follow_each_other(month: Month, following: Month) -> None:
    assert month.next() == following
    assert month_of(following.begins) == following and month_of(following.begins - 1) == month


def test_processes_that_start_at_once_make_one_database(fresh: str) -> None:
    barrier = threading.Barrier(4)

    def start(_: int) -> str:
        database = Database(fresh)
        barrier.wait()
        try:
            return migrate(database)[1]
        finally:
            database.close()

    with ThreadPoolExecutor(4) as consoles:
        assert set(consoles.map(start, range(4))) == {newest()}


def test_steps_are_made_while_others_write(fresh: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A long transaction holds a row: the steps let everybody else go first, and are made when it is over."""
    monkeypatch.setattr("console.store.migrate.LOCK_MS", 100)
    database, reports = Database(fresh), Database(fresh)
    migrate(database, "0002")
    with reports.engine.begin() as connection:
        for number in range(2):
            connection.execute(text(OLD_DEVICE), {"name": f"d-{number}"})
    with ThreadPoolExecutor(1) as upgrade:
        with reports.engine.begin() as holding:
            holding.execute(text("UPDATE device SET agent = 'held' WHERE device_id = 'd-0'"))
            upgraded = upgrade.submit(migrate, database)
            for number in range(20):
                with reports.engine.begin() as connection:
                    connection.execute(
                        text("UPDATE device SET agent = :agent WHERE device_id = 'd-1'"), {"agent": str(number)}
                    )
            assert not upgraded.done()
        assert upgraded.result(60) == ("0002", newest())
    with database.read() as connection:
        assert connection.execute(text("SELECT agent FROM device ORDER BY device_id")).scalars().all() == ["held", "19"]
        valid = "SELECT indisvalid FROM pg_index WHERE indexrelid = 'ix_device_standing_host_key_device_id'::regclass"
        assert connection.execute(text(valid)).scalar_one()
    database.close()
    reports.close()


OLD_DEVICE = """
INSERT INTO device (device_id, public_key, enrolled_at, secret_id, epoch, host_name, host_key, os, os_version, kind,
                    ownership, agent, standing, why)
VALUES (:name, '', 0, 1, 'e-1', 'h', 'h', 'linux', '12', 'workstation', 'company', '0.1.0', 'clean', '[]')
"""


def test_a_read_is_one_moment_and_cannot_write(database: Database) -> None:
    with database.read() as reading:
        assert reading.execute(text("SELECT count(*) FROM audit")).scalar_one() == 0
        with database.write() as writing:
            writing.execute(text("INSERT INTO audit (at, who, what, about, detail) VALUES (0, '', 'x', '', '')"))
        assert reading.execute(text("SELECT count(*) FROM audit")).scalar_one() == 0
        with pytest.raises(Exception, match="read-only"):
            reading.execute(text("DELETE FROM audit"))
