"""What is old is forgotten, with figures; what still counts stays, and so do the totals of each day."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from sqlalchemy import func, insert, select, text, update

from console import upkeep
from console.config import Config
from console.errors import BadFile
from console.state import DeviceState
from console.store import partitions, retention, totals
from console.store.db import Database
from console.store.queries.fleet import Silence
from console.store.queries.upkeep import totals as totals_of
from console.store.retention import DAY, Keep, keep_of
from console.store.tables import audit, device, finding, finding_event, move, report, request, session
from console.store.tables_fleet import day_total, device_group
from console.store.tables_schedules import device_gap, device_past
from policy_schema.rules.instant import Instant
from tests.fakes.stored_fleet import StoredFleet

NOW = 1_783_000_000
KEEP = Keep(history=400 * DAY, reports=90 * DAY, totals=1000 * DAY)
OLD, YOUNG = NOW - 401 * DAY, NOW - 399 * DAY


@pytest.fixture
def fleet(database: Database) -> StoredFleet:
    return StoredFleet(database, NOW)


def count(database: Database, table: str) -> int:
    with database.read() as connection:
        return connection.execute(text(f'SELECT count(*) FROM "{table}"')).scalar_one()


AGED = {
    "finding_event": lambda of, at: insert(finding_event).values(
        device_id=of, at=at, epoch="e-1", sequence=at, finding_id="f-1", change="new", ban="b", tool="t",
        face="package", version="1", state="active", action="block", outcome="", since="2026-07-01T00:00:00Z",
    ),
    "finding": lambda of, at: insert(finding).values(**StoredFleet.a_finding(of, f"f-{at}", gone_at=at)),
    "move": lambda of, at: insert(move).values(
        device_id=of, tool=f"t-{at}", from_tool="", version="1", seen_at="2026-07-01", gone_at=at
    ),
    "request": lambda of, at: insert(request).values(
        device_id=of, request_id=f"r-{at}", kind="wrong", ban="b", finding_id="f-1", asked_on="2026-07-01", reason="",
        person="", received_at=at,
    ),
    "device_gap": lambda of, at: insert(device_gap).values(device_id=of, began_at=at - 10, ended_at=at),
}  # fmt: skip


@pytest.mark.parametrize("table", AGED)
def test_what_is_older_than_the_history_goes_and_what_is_younger_stays(fleet: StoredFleet, table: str) -> None:
    of = fleet.device()
    with fleet.database.write() as connection:
        partitions.make_ahead(connection, OLD - 60 * DAY)
        for at in (OLD - 60 * DAY, YOUNG):
            connection.execute(AGED[table](of, at))
    assert retention.prune(fleet.database, KEEP, NOW, "a test") == {table: 1}
    assert count(fleet.database, table) == 1
    assert retention.prune(fleet.database, KEEP, NOW, "a test") == {}


def test_what_is_there_stays_however_old(fleet: StoredFleet) -> None:
    of = fleet.device(findings=2)
    with fleet.database.write() as connection:
        connection.execute(update(finding).values(first_reported_at=OLD, changed_at=OLD))
        connection.execute(insert(move).values(device_id=of, tool="t", from_tool="", version="1", seen_at="2020-01-01"))
    assert retention.prune(fleet.database, KEEP, NOW, "a test") == {}


def test_reports_as_received_have_a_time_of_their_own(fleet: StoredFleet) -> None:
    of = fleet.device()
    rows = [
        {"device_id": of, "slot": slot, "epoch": "e-1", "sequence": slot, "received_at": at, "digest": "", "body": b""}
        for slot, at in enumerate((NOW - 91 * DAY, NOW - 89 * DAY))
    ]
    with fleet.database.write() as connection:
        connection.execute(insert(report), rows)
    assert retention.prune(fleet.database, KEEP, NOW, "a test") == {"report": 1}


def test_what_a_device_was_when_the_history_begins_stays(fleet: StoredFleet) -> None:
    of = fleet.device()
    with fleet.database.write() as connection:
        for at in (OLD - 9 * DAY, OLD - 2 * DAY, YOUNG):
            connection.execute(insert(device_past).values(**StoredFleet.what_it_was(of, at)))
    assert retention.prune(fleet.database, KEEP, NOW, "a test") == {"device_past": 1}
    with fleet.database.read() as connection:
        assert connection.execute(select(func.min(device_past.c.at))).scalar_one() == OLD - 2 * DAY


def test_a_device_that_was_taken_out_long_ago_goes_with_everything(fleet: StoredFleet) -> None:
    gone, stays = fleet.device(findings=1, groups=("it",)), fleet.device(findings=1, groups=("it",))
    with fleet.database.write() as connection:
        connection.execute(update(device).where(device.c.device_id == gone).values(removed_at=OLD))
    assert retention.prune(fleet.database, KEEP, NOW, "a test")["device"] > 2
    with fleet.database.read() as connection:
        for table in (device, finding, device_group):
            assert connection.execute(select(table.c.device_id)).scalars().all() == [stays]


def test_the_record_says_how_much_went(fleet: StoredFleet) -> None:
    with fleet.database.write() as connection:
        connection.execute(
            insert(session).values(
                digest="x", name="chen", csrf="y", source="local", role="viewer", address="", begun_at=0, seen_at=0,
                expires_at=NOW - 1,
            )
        )  # fmt: skip
    retention.prune(fleet.database, KEEP, NOW, "chen")
    with fleet.database.read() as connection:
        lines = connection.execute(select(audit.c.who, audit.c.what, audit.c.detail)).all()
    assert [tuple(line) for line in lines] == [("chen", "pruned", "1 of session")]


@pytest.mark.parametrize(
    ("table", "problem"),
    [
        ({"history": "0s"}, "history"),
        ({"reports": "soon"}, "reports"),
        ({"events": "400d"}, "events"),
    ],
    ids=["no time at all", "no duration", "no setting"],
)
def test_a_setting_that_makes_no_sense_is_one_clear_line(table: dict[str, str], problem: str) -> None:
    with pytest.raises(BadFile, match=problem):
        keep_of(Config("console.toml", {"keep": table}, {}).section("keep"))
    assert keep_of(Config("x", {"keep": {"history": "30d"}}, {}).section("keep")) == Keep(history=30 * DAY)


# Totals of each day


def written(database: Database, ban: str = "", group: str = "", now: int = NOW) -> dict[str, int]:
    with database.write() as connection:
        totals.write(connection, Silence(now, DAY))
    day = totals.day_of(now)
    with database.read() as connection:
        return {row.state: row.devices for row in connection.execute(totals_of(ban, group, day, day))}


def test_the_totals_of_a_day_count_each_device_once(fleet: StoredFleet) -> None:
    fleet.device(standing="open", findings=3, groups=("it", "cn"))
    fleet.device(standing="clean", groups=("it",), moved=True)
    fleet.device(standing="clean", heard=NOW - 2 * DAY)
    fleet.device(standing="excepted", findings=1, state="excepted")
    fleet.device(standing="clean", findings=1, gone_at=NOW - 5)
    assert written(fleet.database) == {"open": 1, "clean": 2, "silent": 1, "excepted": 1, "moved": 1}
    assert written(fleet.database, group="it") == {"open": 1, "clean": 1, "moved": 1}
    assert written(fleet.database, ban="claude-code") == {"open": 1, "excepted": 1, "gone": 1}
    assert written(fleet.database, ban="claude-code", group="cn") == {"open": 1}


def test_written_again_the_same_day_the_totals_are_replaced_and_another_day_gets_its_own(fleet: StoredFleet) -> None:
    fleet.device(standing="open", findings=1)
    assert written(fleet.database)["open"] == 1
    fleet.device(standing="open", findings=1)
    assert written(fleet.database)["open"] == 2
    assert written(fleet.database, now=NOW + DAY) == {"silent": 2}
    with fleet.database.read() as connection:
        days = connection.execute(select(day_total.c.day).distinct()).scalars().all()
    assert len(days) == 2


# By itself


@pytest.fixture
def keeper(fleet: StoredFleet) -> Iterator[tuple[upkeep.Upkeep, list[int]]]:
    clock = [NOW]
    yield upkeep.Upkeep(fleet.database, keep=KEEP, silent_after=DAY, clock=lambda: Instant(clock[0])), clock


def test_each_task_is_done_when_it_is_due_by_one_of_several(
    fleet: StoredFleet, keeper: tuple[upkeep.Upkeep, list[int]]
) -> None:
    first, clock = keeper
    second = upkeep.Upkeep(fleet.database, keep=KEEP, silent_after=DAY, clock=lambda: Instant(clock[0]))
    assert first.turn() == ["months", "totals", "prune"]
    assert second.turn() == []
    clock[0] += totals.EVERY
    assert (second.turn(), first.turn()) == (["totals"], [])
    clock[0] += DAY
    assert first.turn() == ["months", "totals", "prune"]


def test_it_runs_in_a_thread_and_ends(fleet: StoredFleet, keeper: tuple[upkeep.Upkeep, list[int]]) -> None:
    one, _ = keeper
    fleet.device(standing="open", findings=1)
    one.start()
    one.stop()
    assert count(fleet.database, "upkeep") in (0, 1, 2, 3)


def test_states_of_the_totals_are_those_of_devices() -> None:
    assert {"open", "held", "excepted", "paused"} <= {state.value for state in DeviceState}
