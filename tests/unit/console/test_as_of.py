"""A report as of a past moment is the one that was made then, whatever has happened since."""

from __future__ import annotations

import os
from collections import Counter
from typing import NamedTuple

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from sqlalchemy import delete

from console.errors import BadCommand
from console.expected import Expected
from console.reports import compliance
from console.reports.shapes import Device, Totals
from console.store.all_tables import FLEET_TABLES, metadata
from console.store.db import Database
from console.store.queries.fleet import Silence
from policy_schema.messages.report import FindingLine
from policy_schema.rules.decision import State
from tests.fakes.fleet_history import SILENT_AFTER, Fleet
from tests.fakes.reporting_device import coverage, finding, move, policy

BEGIN = 1_783_818_000
HOUR, DAY = 3_600, 86_400
MANY = int(os.environ.get("INTERDICT_HISTORIES", "8"))
"""Random histories each; 150 take a minute and a half."""


class Step(NamedTuple):
    """Something that happens to one device, some hours after the last step."""

    hours: int
    device: int
    what: str
    number: int
    state: str
    looked: bool


STEPS = st.lists(
    st.builds(
        Step,
        hours=st.sampled_from((0, 0, 0, 1, 5, 19, 23, 24, 25, 60)),
        device=st.integers(0, 2),
        what=st.sampled_from(
            ("report", "report", "report", "gone", "again", "remove", "enrol", "expect", "groups", "move", "look")
        ),
        number=st.integers(0, 3),
        state=st.sampled_from([state.value for state in State]),
        looked=st.booleans(),
    ),
    min_size=4,
    max_size=25,
)
FACES = {"files": "package", "processes": "process"}


def line(step: Step, face: str) -> FindingLine:
    day = "2026-07-03" if face == "process" else "2026-07-03T08:12:44Z"
    return finding(
        id=f"f-{step.number}",
        installation=f"i-{step.number // 2}",
        ban=f"ban-{step.number % 2}",
        face=face,
        state=step.state,
        exception="x-1" if step.state == "excepted" else None,
        since=day,
        gone=step.what == "gone",
    )


def happen(fleet: Fleet, step: Step, face: str) -> None:
    name = str(step.device)
    if step.what == "expect":
        fleet.expect(*(Expected(f"host-{n}", (f"g-{step.number}",)) for n in range(step.number, 4)))
    elif step.what == "enrol" or not fleet.knows(name):
        fleet.enrol(name, groups=(f"g-{step.number}",) if step.looked else None)
    elif step.what == "remove":
        fleet.remove(name)
    elif step.what == "again":
        fleet.begin_again(name)
        fleet.report(name, findings=(line(step, face),))
    elif step.what == "groups":
        fleet.report(name, facts_change={"groups": ("a", "b")[: step.number % 3]}, policy=policy(version=step.number))
    elif step.what == "move":
        fleet.report(name, moves=(move(gone=not step.looked),))
    elif step.what == "look":
        fleet.report(name, coverage=(coverage(unknown=0 if step.looked else 3),))
    else:
        fleet.report(name, findings=(line(step, face),))


def emptied(database: Database) -> Fleet:
    with database.write() as connection:
        for name in (*FLEET_TABLES, "expected_device", "expected_past", "enrolment_secret"):
            connection.execute(delete(metadata.tables[name]))
    return Fleet(database, BEGIN)


@pytest.mark.parametrize("face", FACES.values(), ids=FACES.keys())
@settings(max_examples=MANY, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_computed_later_it_equals_the_one_computed_then(database: Database, face: str, steps: list[Step]) -> None:
    """Of running programs the day alone is kept, so for those the moments are ends of days."""
    fleet = emptied(database)
    made: dict[int, tuple[list[Device], Totals]] = {}
    for step in steps:
        happen(fleet, step, face)
        if step.hours == 0:
            continue
        if face == "process":
            fleet.now = fleet.now - fleet.now % DAY + DAY - 1
        made[fleet.now] = fleet.pieces(fleet.question())
        fleet.now += 1 + step.hours * HOUR
    for moment, then in made.items():
        assert fleet.pieces(fleet.question(moment)) == then


@settings(max_examples=6, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(steps=STEPS)
def test_as_of_now_it_agrees_with_the_overview(database: Database, steps: list[Step]) -> None:
    fleet = emptied(database)
    for step in steps:
        happen(fleet, step, "package")
        fleet.now += step.hours * HOUR
    devices, totals = fleet.pieces(fleet.question())
    with database.read() as connection:
        seen = compliance.overview(connection, Silence(fleet.now, SILENT_AFTER))
    assert Counter(device.state for device in devices) == +Counter({str(state): n for state, n in seen.totals})
    assert totals.groups[0].devices == seen.devices
    assert totals.groups[0].moved == seen.moved
    assert {ban.ban.id: ban.installations for ban in totals.bans if ban.installations} == {
        ban.ban: ban.installations for ban in seen.bans if ban.installations
    }


def test_a_moment_that_has_not_come_is_refused(database: Database) -> None:
    fleet = Fleet(database, BEGIN)
    with pytest.raises(BadCommand, match="has not come yet"):
        fleet.pieces(fleet.question(BEGIN + 1))


def test_silences_finer_than_what_is_kept_are_refused_for_the_past_only(database: Database) -> None:
    fleet = Fleet(database, BEGIN)
    fleet.enrol("0")
    fleet.pieces(fleet.question(silent_after=HOUR))
    with pytest.raises(BadCommand, match="not kept"):
        fleet.pieces(fleet.question(BEGIN - 1, silent_after=HOUR))


@pytest.mark.parametrize(
    ("hours", "state"),
    [(1, "clean"), (24, "clean"), (25, "silent"), (71, "silent"), (72, "clean"), (80, "clean")],
    ids=["heard of", "just not too long", "too long", "the whole while", "heard of again", "and after"],
)
def test_a_silence_that_is_over_is_still_seen(database: Database, hours: int, state: str) -> None:
    fleet = Fleet(database, BEGIN)
    fleet.enrol("0")
    fleet.report("0")
    fleet.now = BEGIN + 72 * HOUR
    fleet.report("0")
    fleet.now = BEGIN + 400 * HOUR
    (device,), _ = fleet.pieces(fleet.question(BEGIN + hours * HOUR))
    assert device.state == state


def test_ordinary_reports_add_no_row_of_history(database: Database) -> None:
    fleet = Fleet(database, BEGIN)
    fleet.enrol("0")
    for _ in range(5):
        fleet.now += 900
        fleet.report("0")
    with database.read() as connection:
        past = connection.exec_driver_sql("SELECT count(*) FROM device_past").scalar_one()
        gaps = connection.exec_driver_sql("SELECT count(*) FROM device_gap").scalar_one()
    assert (past, gaps) == (2, 0)
