"""Pages of the list, filled state by state, are what one statement over everything says."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import insert, update

from console.settings import Settings
from console.state import SHOWN_FIRST, DeviceState
from console.store import listing
from console.store.db import Database
from console.store.queries import fleet
from console.store.queries.fleet import Place, Silence, Wanted
from console.store.retention import Keep
from console.store.tables import device, expected_device
from console.web.context import Context
from console.web.kept import Kept
from policy_schema.rules.instant import Instant
from tests.fakes.stored_fleet import StoredFleet
from tests.fakes.stores import Stores

NOW = 1_783_000_000
SILENCE = Silence(NOW, 86_400)
WANTED = {
    "everything": Wanted(),
    **{f"only {state.value}": Wanted(state=state) for state in SHOWN_FIRST},
    "a ban": Wanted(ban="claude-code"),
    "a ban of nobody": Wanted(ban="no-such-ban"),
    "who has moved": Wanted(moved=True),
    "the groups of a viewer": Wanted(groups=frozenset({"it", "cn"})),
    "no group at all": Wanted(groups=frozenset()),
    "one group": Wanted(group="it"),
    "one system": Wanted(os="linux"),
    "one version": Wanted(agent="0.1.0"),
    "a part of a name": Wanted(search="host-1"),
    "a part of a name that never enrolled": Wanted(search="missing"),
    "signs that mean something in SQL": Wanted(search="100%_"),
    "an id": Wanted(search=f"d-{3:024x}"),
    "several at once": Wanted(state=DeviceState.OPEN, ban="claude-code", group="it"),
}


@pytest.fixture(scope="module", params=["sqlite", pytest.param("postgresql", marks=pytest.mark.postgres)])
def stored(request: pytest.FixtureRequest, stores: Stores) -> Iterator[StoredFleet]:
    """A fleet that these tests only read."""
    with stores.new(request.param) as address:
        database = Database(address)
        yield a_fleet(database)
        database.close()


def a_fleet(database: Database) -> StoredFleet:
    """Two devices and more in each state, some of them silent, taken out, moved, in groups; and expected ones."""
    made = StoredFleet(database, NOW)
    for number, standing in enumerate(["open", "held", "excepted", "paused", "partial", "clean"] * 3):
        old = NOW - 90_000 if number % 7 == 0 else None
        groups = ("it",) if number % 3 == 0 else ("cn", "it") if number % 5 == 0 else ()
        one = made.device(standing=standing, findings=number % 2, groups=groups, moved=number % 4 == 0, heard=old)
        if number % 8 == 5:
            with database.write() as connection:
                connection.execute(update(device).where(device.c.device_id == one).values(removed_at=NOW - 5))
    names = ["host-2", "missing-1", "missing-2", "100%_sure", "zz-missing"]
    with database.write() as connection:
        rows = [{"host_key": name, "host_name": name, "imported_at": NOW} for name in names]
        connection.execute(insert(expected_device), rows)
    return made


@pytest.mark.parametrize("name", WANTED)
@pytest.mark.parametrize("few", [0, 20_000], ids=["a filter leaves many", "a filter leaves few"])
@pytest.mark.parametrize("most", [1, 3, 100])
def test_pages_are_what_one_statement_says(
    stored: StoredFleet, name: str, most: int, few: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "FEW", few)
    wanted, seen, after = WANTED[name], [], None
    with stored.database.read() as connection:
        whole = [tuple(row) for row in connection.execute(fleet.page(SILENCE, wanted, None, 1_000))]
        while rows := listing.page(connection, SILENCE, wanted, after, most):
            assert len(rows) <= most
            seen += [tuple(row) for row in rows]
            after = Place(rows[-1].rank, rows[-1].host_key, rows[-1].device_id)
        counted = listing.counts(connection, SILENCE, wanted)
        first, quick = listing.counted_page(connection, SILENCE, wanted, None, most)
        assert [tuple(row)[:5] for row in first] == whole[:most]
    assert seen == whole
    assert counted == (NOW, Counter(row[3] for row in whole))
    assert quick in (None, counted)


def test_a_small_fleet_is_counted_anew_each_time(database: Database) -> None:
    stored = a_fleet(database)
    with stored.database.read() as connection:
        before = listing.counts(connection, SILENCE, Wanted())
    stored.device(standing="open")
    with stored.database.read() as connection:
        after = listing.counts(connection, SILENCE, Wanted())
    assert after.numbers["open"] == before.numbers["open"] + 1


@pytest.mark.parametrize(
    ("large", "state", "kept"),
    [(1, None, True), (1, DeviceState.OPEN, True), (20_000, None, False), (20_000, DeviceState.OPEN, False)],
    ids=["a large fleet", "one state of a large fleet", "a small fleet", "one state of a small fleet"],
)
def test_a_list_keeps_the_numbers_of_a_large_fleet_alone(
    database: Database, large: int, state: DeviceState | None, kept: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(listing, "LARGE", large)
    monkeypatch.setattr(listing, "FEW", 0)
    moments = iter(range(100))  # each count takes a second
    parts: dict[str, Any] = dict.fromkeys(("access", "agents", "templates", "pages"))
    context = Context(
        database=database,
        settings=Settings(data=Path("/nowhere")),
        clock=lambda: Instant(NOW),
        keep=Keep(),
        kept=Kept(lambda: float(next(moments))),
        **parts,
    )
    stored = a_fleet(database)
    before = context.counts(Wanted(state=state))
    stored.device(standing="open")
    after = context.counts(Wanted(state=state))
    assert set(before.numbers) == ({"open"} if state else {each.value for each in SHOWN_FIRST})
    assert after.numbers["open"] - before.numbers["open"] == (0 if kept else 1)
