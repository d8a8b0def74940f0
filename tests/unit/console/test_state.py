"""In which one state a device is: the table, and the same table in SQL."""

from __future__ import annotations

from itertools import product

import pytest
from sqlalchemy import insert, select

from console.state import (
    MEANS,
    SHOWN_FIRST,
    DeviceState,
    Looked,
    device_state,
    standing_of,
    why_partial,
)
from console.store.db import Database
from console.store.queries.fleet import Silence, state_of
from console.store.tables import device
from policy_schema.rules.decision import State

EVERYWHERE = Looked(trust="verified", unknown=(("npm", 0, ()), ("pypi", 0, ())), sources=2, not_understood=())
NOT_EVERYWHERE = EVERYWHERE._replace(unknown=(("npm", 2, ("denied",)), ("pypi", 1, ())))


AMOUNTS: dict[str, tuple[tuple[str, ...], Looked, str]] = {
    "nothing found everywhere": ((), EVERYWHERE, "clean"),
    "nothing found, not everywhere": ((), NOT_EVERYWHERE, "partial"),
    "nothing found, no policy to compare with": ((), EVERYWHERE._replace(trust="none"), "partial"),
    "nothing found, nothing looked at": ((), EVERYWHERE._replace(sources=0, unknown=()), "partial"),
    "nothing found, a ban not understood": ((), EVERYWHERE._replace(not_understood=("only-approved",)), "partial"),
    "nothing found by the last good policy": ((), EVERYWHERE._replace(trust="last-good"), "clean"),
    "found, and not told yet": ((), EVERYWHERE._replace(withheld=2), "partial"),
    "announced": (("announced",), EVERYWHERE, "open"),
    "in force": (("active",), EVERYWHERE, "open"),
    "the person is not told yet": (("awaiting-notice",), EVERYWHERE, "open"),
    "the rollout comes later": (("not-in-rollout",), EVERYWHERE, "open"),
    "in force, not everywhere": (("active",), NOT_EVERYWHERE, "open"),
    "one in force among excepted and held ones": (("active", "excepted", "held"), EVERYWHERE, "open"),
    "one held among excepted and paused ones": (("held", "excepted", "paused"), EVERYWHERE, "held"),
    "one excepted, one paused": (("excepted", "paused"), EVERYWHERE, "excepted"),
    "paused": (("paused",), EVERYWHERE, "paused"),
    "excepted, not everywhere": (("excepted",), NOT_EVERYWHERE, "excepted"),
    "only what does not count": (("out-of-scope", "lifted", "weak"), EVERYWHERE, "clean"),
    "only a name, not everywhere": (("weak",), NOT_EVERYWHERE, "partial"),
    "a state of tomorrow": (("a-state-of-tomorrow",), EVERYWHERE, "open"),
}


@pytest.mark.parametrize(("findings", "looked", "state"), AMOUNTS.values(), ids=AMOUNTS)
def test_what_findings_and_coverage_amount_to(findings: tuple[str, ...], looked: Looked, state: str) -> None:
    assert standing_of(findings, looked).value == state


def test_every_state_of_a_finding_leads_to_one_state_of_a_device() -> None:
    for first, second in product(State, State):
        assert standing_of((first, second), EVERYWHERE) in set(DeviceState)


def test_the_reasons_are_sentences_that_name_source_number_and_code() -> None:
    looked = NOT_EVERYWHERE._replace(trust="none", not_understood=("b1",))
    assert why_partial(looked) == (
        "has no policy to compare with",
        "npm: 2 places could not be looked at (denied)",
        "pypi: 1 place could not be looked at",
        "needs a newer agent for b1",
    )


NOW, AFTER = 1_000_000, 86_400
CASES: dict[str, tuple[bool, int, str]] = {
    "heard just now": (False, NOW, "open"),
    "heard exactly as long ago as allowed": (False, NOW - AFTER, "open"),
    "heard a second longer ago": (False, NOW - AFTER - 1, "silent"),
    "removed": (True, NOW, "removed-by-IT"),
    "removed, and silent since": (True, NOW - AFTER - 1, "removed-by-IT"),
    "heard from the future": (False, NOW + 60, "open"),
}


@pytest.mark.parametrize(("removed", "heard", "state"), CASES.values(), ids=CASES)
def test_silence_and_removal_come_first(removed: bool, heard: int, state: str) -> None:
    found = device_state(standing=DeviceState.OPEN, removed=removed, last_heard=heard, now=NOW, silent_after=AFTER)
    assert found.value == state


@pytest.mark.parametrize("reported", [True, False], ids=["after reports", "before the first report"])
@pytest.mark.parametrize("standing", [DeviceState.OPEN, DeviceState.CLEAN, DeviceState.PARTIAL])
@pytest.mark.parametrize(("removed", "heard", "_"), CASES.values(), ids=CASES)
def test_sql_says_the_same(
    database: Database, removed: bool, heard: int, standing: DeviceState, reported: bool, _: str
) -> None:
    with database.write() as connection:
        connection.execute(insert(device).values(row(removed, heard, standing, reported)))
        in_sql = connection.execute(select(state_of(Silence(NOW, AFTER)))).scalar_one()
    assert in_sql == device_state(standing=standing, removed=removed, last_heard=heard, now=NOW, silent_after=AFTER)


def row(removed: bool, heard: int, standing: DeviceState, reported: bool) -> dict[str, object]:
    return {
        "device_id": "d-1",
        "public_key": b"",
        "enrolled_at": 0 if reported else heard,
        "last_report_at": heard if reported else None,
        "secret_id": 1,
        "epoch": "e-00000000",
        "removed_at": 5 if removed else None,
        "standing": standing.value,
        "why": "[]",
        **dict.fromkeys(("host_name", "host_key", "os", "os_version", "kind", "ownership", "agent"), ""),
    }


def test_every_state_has_a_place_and_a_meaning_on_the_page() -> None:
    assert set(SHOWN_FIRST) == set(DeviceState) == set(MEANS)
