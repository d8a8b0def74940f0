"""Reminders: which are due when, what is too soon after another notice, putting off, several tools in one notice."""

from __future__ import annotations

import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent import welcome
from agent.decider import Decider
from agent.enforce.interface import Detail, Intent, Outcome, OutcomeCode
from agent.events import EventLog
from agent.host.clock import Now
from agent.memory import Memory
from agent.persons import DAY, Person
from agent.quiet_hours import QuietHours, parse_quiet_hours
from agent.reminders import (
    HOUR,
    MARKS,
    MOST_PUT_OFF,
    Coming,
    Said,
    due,
    gathered,
    next_due,
    not_put_off,
    put_off,
    reminded,
    spread_of,
)
from agent.report.journal import Journal
from agent.settings import Settings
from agent.wording import Wording
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Face, Observation
from policy_schema.rules.rulebook import Device
from tests.fakes.policies import BLOCK, NOTIFY, ban, rulebook

T = 2_000_000_000
ACT = Coming(Action.BLOCK, Instant(T))
LONG_AGO = Person(told={"notify": Instant(T - 30 * DAY)}, said=Instant(T - 30 * DAY))


def _told(before: int) -> Person:
    """Who was last told of it so many seconds before it acts."""
    return Person(told={"notify": Instant(T - before)}, said=Instant(T - before))


DUE: dict[str, tuple[Person, int, bool]] = {
    "a second before the week": (LONG_AGO, 7 * DAY + 1, False),
    "a week before": (LONG_AGO, 7 * DAY, True),
    "a machine that comes back two days before": (LONG_AGO, 2 * DAY, True),
    "a day before": (LONG_AGO, DAY, True),
    "an hour before": (LONG_AGO, HOUR, True),
    "when it acts": (LONG_AGO, 0, False),
    "who was never told": (Person(), DAY, False),
    "told at the mark itself": (_told(7 * DAY), 7 * DAY - 60, False),
    "told half a day before the mark of the week": (_told(7 * DAY + DAY // 2), 7 * DAY, False),
    "told two days before the mark of the week": (_told(9 * DAY), 7 * DAY, True),
    "told an hour before the mark of the day": (_told(DAY + HOUR), DAY, False),
    "and then the last hour": (_told(DAY + HOUR), HOUR, True),
    "told a minute before the last hour": (_told(HOUR + 60), HOUR, False),
    "told ten minutes before the last hour": (_told(HOUR + 600), HOUR, True),
    "put off": (LONG_AGO._replace(later=Instant(T - DAY + 60)), DAY, False),
    "put off, and the last hour": (LONG_AGO._replace(later=Instant(T + DAY)), HOUR, True),
}


@pytest.mark.parametrize(("person", "before", "expected"), DUE.values(), ids=DUE)
def test_a_reminder_is_due(person: Person, before: int, expected: bool) -> None:
    assert due(person, ACT, Instant(T - before)) is expected


@given(st.integers(0, HOUR - 1))
def test_whoever_looks_at_each_moment_is_reminded_three_times_and_the_last_time_an_hour_before(spread: int) -> None:
    person, now, times = LONG_AGO, Instant(T - 30 * DAY), []
    while (moment := next_due(person, ACT, now, spread)) is not None and moment < T:
        now = moment
        if due(person, ACT, now, spread):
            person = reminded(person, ACT, now)
            times.append(T - now)
    assert times == [7 * DAY - spread, DAY - spread, HOUR]


def test_one_reminder_stands_for_every_mark_that_was_missed() -> None:
    person = reminded(LONG_AGO, ACT, Instant(T - DAY + 10))
    assert not due(person, ACT, Instant(T - DAY + 20))
    assert sum("remind" in key for key in person.told) == 2


def test_another_deadline_is_another_matter_and_those_of_the_past_are_forgotten() -> None:
    person = reminded(LONG_AGO, ACT, Instant(T - DAY))
    later = Coming(Action.REMOVE, Instant(T + 10 * DAY))
    person = reminded(person, later, Instant(T + 3 * DAY + 1))
    assert [key for key in person.told if str(T) in key and str(later.at) not in key] == []
    assert "notify" in person.told


def test_putting_off_is_limited_counted_and_can_be_undone() -> None:
    person, now = LONG_AGO, T - 20 * DAY
    for number in range(1, MOST_PUT_OFF + 1):
        now += DAY
        other = put_off(person, Instant(now))
        assert other is not None and (other.later, other.put_off) == (now + DAY, number)
        assert put_off(other, Instant(now + 1)) == other, "asking twice counts once"
        person = other
    assert put_off(person, Instant(now + DAY)) is None
    undone = not_put_off(person, Instant(now + 1))
    assert (undone.later, undone.put_off) == (0, MOST_PUT_OFF - 1)
    assert not_put_off(undone, Instant(now + 2)) == undone
    assert person.told == LONG_AGO.told and person.held_until == 0


def test_what_one_ban_does_at_one_moment_to_one_person_is_said_at_once() -> None:
    at_another = Coming(Action.BLOCK, Instant(T + 1))
    rows = [
        Said(1000, "a", "one", ACT),
        Said(1000, "a", "one", ACT),
        Said(1000, "a", "two", ACT),
        Said(1000, "b", "three", ACT),
        Said(1000, "b", "four", at_another),
        Said(1001, "a", "one", ACT),
    ]
    made = gathered(rows)
    assert {(one.uid, one.tool): beside for one, beside in made.items()} == {
        (1000, "one"): (("a", "two"),),
        (1000, "three"): (),
        (1000, "four"): (),
        (1001, "one"): (),
    }


def test_a_fleet_is_spread_over_an_hour_and_each_device_is_always_at_its_place() -> None:
    places = [spread_of(f"d-{number}", "claude-code") for number in range(2000)]
    assert 0 <= min(places) < 60 and HOUR - 60 < max(places) < HOUR
    quarters = [sum(1 for place in places if place // 900 == quarter) for quarter in range(4)]
    assert min(quarters) > 400
    assert spread_of("d-1", "claude-code") == spread_of("d-1", "claude-code") != spread_of("d-1", "another")


# Quiet hours

WITHIN: dict[str, tuple[str, str, str | None]] = {
    "before them": ("22:00-07:30", "21:59", None),
    "at their beginning": ("22:00-07:30", "22:00", "07:30"),
    "after midnight": ("22:00-07:30", "00:10", "07:30"),
    "at their end": ("22:00-07:30", "07:30", None),
    "over noon": ("12:00-14:00", "13:00", "14:00"),
    "outside of those over noon": ("12:00-14:00", "15:00", None),
    "all day but a minute": ("0:01-00:00", "23:59", "00:00"),
}


@pytest.mark.parametrize(("hours", "clock", "end"), WITHIN.values(), ids=WITHIN)
def test_quiet_hours_end_when_they_say(hours: str, clock: str, end: str | None) -> None:
    ahead = 8 * HOUR
    hour, minute = map(int, clock.split(":"))
    now = Instant(T - (T + ahead) % DAY + hour * HOUR + minute * 60)
    quiet = parse_quiet_hours(hours)
    assert quiet is not None
    until = quiet.until(now, lambda at: ahead)
    said = None if until is None else f"{(until + ahead) % DAY // HOUR:02}:{(until + ahead) % HOUR // 60:02}"
    assert said == end and (until is None or 0 < until - now <= DAY)


@pytest.mark.parametrize(
    "text",
    ["22:00", "22:00-", "-07:00", "24:00-07:00", "22:60-07:00", "7-8", "22:00-22:00", "a:bb-c:dd", "२२:००-07:00"],
)
def test_what_is_no_span_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match="such as 22:00"):
        parse_quiet_hours(text)


@given(st.integers(0, 1439), st.integers(0, 1439), st.integers(0, 2**31), st.integers(-12 * HOUR, 14 * HOUR))
def test_within_them_or_not_they_are_never_longer_than_a_day(begin: int, end: int, now: int, ahead: int) -> None:
    until = QuietHours(begin, end).until(Instant(now), lambda at: ahead)
    if begin != end and until is not None:
        assert now < until <= now + DAY
        assert QuietHours(begin, end).until(until, lambda at: ahead) is None


# With the real words and the real decider

HOME = "/home/li/.npm-global/lib/node_modules"


def _package(name: str) -> Observation:
    return Observation(
        "npm", Face.PACKAGE, f"{HOME}/{name}", owner="li", uid=1000, name=name, version="0.1.0",
        purl=f"pkg:npm/{name.replace('@', '%40')}@0.1.0", home="/home/li", manager="npm",
    )  # fmt: skip


class Machine:
    """Two tools of one ban."""

    def __init__(self, folder: Path) -> None:
        targets = [{"tool": tool, "versions": None} for tool in ("claude-agent-sdk", "claude-code")]
        rules = rulebook(ban(targets=targets)).for_device(Device("d-1"))
        self.journal = Journal(str(folder / "journal.db"))
        self.memory = Memory(self.journal)
        told = lambda name, tool, uid: min(self.memory.person(name, tool, uid).told.values(), default=None)  # noqa: E731
        wording = Wording(settings=Settings(), rules=lambda: rules, told=told, places=lambda *_: 1)
        self.decider = Decider(
            journal=self.journal, memory=self.memory, log=EventLog(io.StringIO()), compose=wording,
            queue=lambda lines: None, observe=False,
        )  # fmt: skip
        self.decider.adopt(rules)
        found = [_package("@anthropic-ai/claude-code"), _package("@anthropic-ai/claude-agent-sdk")]
        self.decider.looked({"npm": found}, {})

    def told(self, now: int) -> list[Intent]:
        """What is shown at this moment."""
        intents = self.decider.judge(Now(Instant(now), True), looked_everywhere=True)
        for intent in intents:
            self.decider.outcome(Outcome(intent, OutcomeCode.TOLD, Detail.NONE, Instant(now)), Instant(now))
        return intents


@pytest.fixture
def machine(tmp_path: Path) -> Iterator[Machine]:
    one = Machine(tmp_path)
    yield one
    one.journal.close()


def test_the_welcome_comes_before_everything_else_and_once(machine: Machine) -> None:
    first = machine.told(NOTIFY)
    assert [intent.about.value for intent in first] == ["welcome", "", ""]
    assert "has installed Interdict" in first[0].title and "interdict status --html" in first[0].body
    assert [intent.about.value for intent in machine.told(NOTIFY + DAY)] == []


def test_the_welcome_comes_again_when_more_is_collected_and_reports_wait_for_it(
    machine: Machine, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.told(NOTIFY)
    assert machine.decider.withheld() == () and len(machine.decider.whole().findings) == 2
    monkeypatch.setattr(welcome, "_SEEN", "welcome 2")
    assert [line.findings for line in machine.decider.withheld()] == [2]
    assert machine.decider.whole().findings == ()
    assert [intent.about.value for intent in machine.told(NOTIFY + HOUR)] == ["welcome"]
    assert machine.decider.withheld() == ()


def test_two_tools_of_one_moment_are_one_reminder_that_names_both(machine: Machine) -> None:
    machine.told(NOTIFY)
    [reminder] = machine.told(BLOCK - HOUR)
    assert reminder.title == "2 programs may not be used in 60 minutes"
    assert "From Fri 10 July 2026, 09:00 on it can no longer be started." in reminder.body
    assert "It concerns: Claude Agent SDK, Claude Code." in reminder.body.splitlines()
    assert reminder.presses and reminder.beside == (("claude-code", "claude-code"),)
    assert "Claude Agent SDK, Claude Code cannot be started from" in reminder.brief
    assert machine.told(BLOCK - HOUR + 600) == []


@pytest.mark.parametrize("mark", MARKS[1:])
def test_a_reminder_that_could_not_be_shown_is_tried_again(machine: Machine, mark: int) -> None:
    machine.told(NOTIFY)
    at = BLOCK - mark + HOUR if mark > HOUR else BLOCK - mark
    [first] = machine.decider.judge(Now(Instant(at), True), looked_everywhere=True)
    machine.decider.outcome(Outcome(first, OutcomeCode.NOT_SHOWN, Detail.NO_DESKTOP, Instant(at)), Instant(at))
    assert machine.told(at + 299) == []
    assert [intent.about.value for intent in machine.told(at + 300)] == ["reminder"]
