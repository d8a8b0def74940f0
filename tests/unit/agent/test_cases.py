"""What a case does, minute by minute, on a virtual clock: `step` is pure, so no daemon is needed."""

from __future__ import annotations

from collections.abc import Mapping

import pytest

from agent.cases import (
    CAME_BACK_LIMIT,
    Case,
    Conditions,
    Kind,
    Step,
    Subject,
    came_back,
    concluded,
    held,
    step,
)
from agent.persons import Person, told
from policy_schema.rules.decision import Action, Decision, Identity, Stage, State
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Confidence, Face, Match

T = 1_000_000
HOUR = 3600
PACKAGE = Subject("f-1", "i-1", "claude-code", "claude-code", Face.PACKAGE, "/home/li/x", 1000)
PROCESS = PACKAGE._replace(finding="f-2", face=Face.PROCESS, pid=42, started=T - 500.0)
IDENTITY = Identity("claude-code", "2.1.197", (Match.PACKAGE_IDENTITY,), Confidence.EXACT)


def _decision(action: Action, **changes: object) -> Decision:
    stage = Stage(Instant(T), action, let_finish=4 * HOUR, kill_after=30)
    base = Decision("claude-code", IDENTITY, State.ACTIVE, action, stage, None, None, None, 0, None, ("because",))
    return base._replace(**changes)  # type: ignore[arg-type]  # the table names fields of Decision


def _step(
    decision: Decision,
    *,
    subject: Subject = PACKAGE,
    person: Person | None = None,
    case: Case | None = None,
    **at: object,
) -> Step:
    moment = Conditions(now=Instant(at.pop("now", T)), **at)  # type: ignore[arg-type]
    return step(case or Case(subject, Instant(T)), decision, person or Person(), moment)


def _kinds(result: Step) -> list[str]:
    return [wish.kind.value for wish in result.wishes]


TOLD = Person(told={"notify": Instant(T - 10 * HOUR), "block": Instant(T), "remove": Instant(T)})

TABLE: Mapping[str, tuple[Decision, dict[str, object], tuple[str, str], list[str]]] = {
    "a report tells nobody": (_decision(Action.REPORT), {}, ("active", "report"), []),
    "a notice is asked for once": (_decision(Action.NOTIFY), {}, ("active", "notify"), ["notify"]),
    "what was told is not told again": (_decision(Action.NOTIFY), {"person": TOLD}, ("active", "notify"), []),
    "a notice that could not be shown waits five minutes": (
        _decision(Action.NOTIFY),
        {"person": Person(tried=Instant(T - 299))},
        ("active", "notify"),
        [],
    ),
    "and is then tried again": (
        _decision(Action.NOTIFY),
        {"person": Person(tried=Instant(T - 300))},
        ("active", "notify"),
        ["notify"],
    ),
    "a block without min_notice acts on no installation": (
        _decision(Action.BLOCK),
        {"person": TOLD},
        ("active", "block"),
        [],
    ),
    "a removal takes the installation": (
        _decision(Action.REMOVE),
        {"person": TOLD},
        ("active", "remove"),
        ["quarantine"],
    ),
    "but not while it still runs": (
        _decision(Action.REMOVE),
        {"person": TOLD, "running": True},
        ("active", "remove"),
        [],
    ),
    "a clock that is not believable removes nothing": (
        _decision(Action.REMOVE),
        {"person": TOLD, "believable": False},
        ("active", "block"),
        [],
    ),
    "a machine that observes only tells": (
        _decision(Action.REMOVE),
        {"observe": True},
        ("active", "notify"),
        ["notify"],
    ),
    "the brake leaves reporting": (
        _decision(Action.REMOVE),
        {"hold": "held", "person": TOLD},
        ("active", "report"),
        [],
    ),
    "what was restored is held": (_decision(Action.REMOVE), {"restored": True, "person": TOLD}, ("held", "notify"), []),
    "min_notice counts from what was shown": (
        _decision(Action.BLOCK, min_notice=24 * HOUR),
        {"person": TOLD},
        ("awaiting-notice", "notify"),
        [],
    ),
    "nobody told yet means no act": (
        _decision(Action.REMOVE, min_notice=24 * HOUR),
        {},
        ("awaiting-notice", "notify"),
        ["notify"],
    ),
    "min_notice over means the act": (
        _decision(Action.REMOVE, min_notice=10 * HOUR),
        {"person": TOLD},
        ("active", "remove"),
        ["quarantine"],
    ),
    "no_later_than ends the waiting": (
        _decision(Action.REMOVE, min_notice=24 * HOUR, no_later_than=Instant(T)),
        {},
        ("active", "remove"),
        ["notify", "quarantine"],
    ),
    "a process that ran before may finish": (
        _decision(Action.BLOCK),
        {"subject": PROCESS, "person": TOLD},
        ("active", "block"),
        [],
    ),
    "a process that starts under a block ends at once": (
        _decision(Action.BLOCK),
        {
            "subject": PROCESS._replace(started=T + 1.0),
            "person": TOLD._replace(enforcing_since=Instant(T)),
            "now": T + 1,
        },
        ("active", "block"),
        ["stop"],
    ),
    "let_finish over means the end": (
        _decision(Action.BLOCK),
        {"subject": PROCESS, "person": TOLD._replace(enforcing_since=Instant(T - 4 * HOUR))},
        ("active", "block"),
        ["stop"],
    ),
    "weak is only reported": (_decision(Action.REPORT, state=State.WEAK), {}, ("weak", "report"), []),
}


@pytest.mark.parametrize(("decision", "moment", "standing", "kinds"), TABLE.values(), ids=TABLE.keys())
def test_step(decision: Decision, moment: dict[str, object], standing: tuple[str, str], kinds: list[str]) -> None:
    result = _step(decision, **dict(moment))  # type: ignore[arg-type]
    assert (result.standing.state.value, result.standing.action.value) == standing
    assert _kinds(result) == kinds


def test_a_day_in_the_life_of_a_running_tool() -> None:
    """Told, block begins, three countdowns, and the end: each at its second and once."""
    decision = _decision(Action.BLOCK)
    case, person = Case(PROCESS, Instant(T)), TOLD
    seen: list[tuple[int, str, int]] = []
    now: int | None = T
    while now is not None and len(seen) < 10:
        result = step(case, decision, person, Conditions(now=Instant(now)))
        case, person = result.case, result.person
        seen += [(now - T, wish.kind.value, wish.countdown) for wish in result.wishes]
        if any(wish.kind is Kind.STOP for wish in result.wishes):
            break
        person = person._replace(tried=Instant(0))
        now = result.wake
    assert seen == [
        (4 * HOUR - 3600, "notify", 3600),
        (4 * HOUR - 900, "notify", 900),
        (4 * HOUR - 300, "notify", 300),
        (4 * HOUR, "stop", 0),
    ]


def test_the_laptop_that_comes_back_late_still_gets_its_notice_and_its_time() -> None:
    decision = _decision(Action.REMOVE, min_notice=24 * HOUR)
    late = T + 21 * 24 * HOUR
    first = _step(decision, now=late)
    assert (first.standing.state, _kinds(first)) == (State.AWAITING_NOTICE, ["notify"])
    person = told(first.person, Action.REMOVE, Instant(late + 60))
    waiting = step(first.case, decision, person, Conditions(now=Instant(late + 24 * HOUR)))
    assert waiting.standing.state is State.AWAITING_NOTICE
    assert waiting.wake == late + 60 + 24 * HOUR
    after = step(waiting.case, decision, waiting.person, Conditions(now=waiting.wake or Instant(0)))
    assert _kinds(after) == ["quarantine"]


def test_what_came_back_three_times_is_blocked_and_no_longer_removed() -> None:
    case = Case(PACKAGE, Instant(T))
    for _ in range(CAME_BACK_LIMIT):
        case = came_back(case, Instant(T))
    result = _step(_decision(Action.REMOVE), case=case, person=TOLD)
    assert (result.standing.action, _kinds(result)) == (Action.BLOCK, [])
    assert "came back 3 times" in result.standing.why[-1]


def test_an_act_that_failed_is_tried_again_later_and_later() -> None:
    case = Case(PACKAGE, Instant(T))
    waits: list[int] = []
    now = T
    for _ in range(4):
        assert _kinds(_step(_decision(Action.REMOVE), case=case, person=TOLD, now=now)) == ["quarantine"]
        case = concluded(case, "failed", Instant(now), worked=False)
        wake = _step(_decision(Action.REMOVE), case=case, person=TOLD, now=now).wake
        assert wake is not None
        waits.append(wake - now)
        now = wake
    assert waits == [60, 600, 3600, 3600]


def test_what_is_settled_is_left_alone() -> None:
    case = Case(PACKAGE, Instant(T), settled=True)
    assert _kinds(_step(_decision(Action.REMOVE), case=case, person=TOLD)) == []


@pytest.mark.parametrize(
    ("case", "decision", "moment", "sentence"),
    [
        pytest.param(
            Case(PACKAGE, Instant(T)),
            _decision(Action.REMOVE),
            {"restored": True},
            "It was put back under this policy version, so it is left alone until another one is in force.",
            id="put back by an administrator",
        ),
        pytest.param(
            held(Case(PACKAGE, Instant(T)), Instant(T + 60)),
            _decision(Action.REMOVE),
            {},
            "Nothing is stopped or moved before 1970-01-12T13:47:40Z: it is held.",
            id="held for a minute",
        ),
        pytest.param(
            Case(PACKAGE, Instant(T)),
            _decision(Action.REMOVE, min_notice=HOUR),
            {},
            "People get a notice and their time first; nothing is stopped or moved before that.",
            id="nobody was told yet",
        ),
        pytest.param(
            Case(PACKAGE, Instant(T)),
            _decision(Action.REMOVE, min_notice=HOUR, no_later_than=Instant(T + 60)),
            {},
            "People get a notice and their time first; nothing is stopped or moved before 1970-01-12T13:47:40Z.",
            id="nobody was told yet, and the outer limit is near",
        ),
    ],
)
def test_what_holds_an_act_is_said(case: Case, decision: Decision, moment: dict[str, object], sentence: str) -> None:
    assert sentence in _step(decision, case=case, **moment).standing.why


def test_a_hold_ends_at_its_second() -> None:
    case = held(Case(PACKAGE, Instant(T)), Instant(T + 60))
    assert _step(_decision(Action.REMOVE), case=case, person=TOLD, now=T + 59).standing.state is State.HELD
    assert _kinds(_step(_decision(Action.REMOVE), case=case, person=TOLD, now=T + 60)) == ["quarantine"]


LATE = Instant(T + 10 * 365 * 86400)
"""What the clock said before somebody set it back to `T`."""


def test_a_clock_that_was_ten_years_ahead_ends_nothing_for_ten_years() -> None:
    ahead = Person(told={"notify": LATE, "block": LATE}, tried=LATE, enforcing_since=LATE)
    decision = _decision(Action.BLOCK, min_notice=HOUR)
    result = _step(decision, subject=PROCESS, person=ahead, case=concluded(Case(PROCESS, LATE), "failed", LATE, False))
    assert result.standing.state is State.AWAITING_NOTICE
    assert result.wake == T + HOUR, "it counts from now, and does not move along with the clock"
    later = _step(decision, subject=PROCESS, person=result.person, case=result.case, now=T + HOUR)
    assert (later.standing.state, later.person.enforcing_since) == (State.ACTIVE, T)
    assert later.wake is not None and later.wake <= T + 4 * HOUR
    over = _step(decision, subject=PROCESS, person=later.person, case=later.case, now=T + 4 * HOUR)
    assert _kinds(over) == ["stop"]
