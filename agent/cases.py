"""What the machine remembers of a finding, and what follows from it now.

`step` is pure: it takes the case, the decision and the time and answers with the case as it is afterwards, how the
finding stands, what shall be done now, and when to ask again. History lives here and nowhere else: the rulebook does
not know it, the actors do not either.

Fair before fast: nothing is stopped or moved before the notice was shown to that person `min_notice` ago (outer limit
`no_later_than`); what runs when a block begins may finish for `let_finish`; what starts afterwards may not.
"""

from __future__ import annotations

from agent.case_values import (
    CAME_BACK_LIMIT,
    NOTICE_RETRY,
    Case,
    Conditions,
    Kind,
    Standing,
    Step,
    Subject,
    Wish,
)
from agent.notices_due import coming_of, lapse_warnings, reminders_due, stage_notices
from agent.persons import Person, at_rest, next_warning, not_later
from policy_schema.rules.decision import Action, Decision, State
from policy_schema.rules.instant import Instant, format_instant, soonest

__all__ = [
    "CAME_BACK_LIMIT",
    "NOTICE_RETRY",
    "Case",
    "Conditions",
    "Kind",
    "Standing",
    "Step",
    "Subject",
    "Wish",
    "came_back",
    "concluded",
    "held",
    "step",
]

COUNTDOWN = (3600, 900, 300)
"""Seconds before the end of `let_finish` at which the person is told once more."""
RETRY = (60, 600, 3600)
"""Seconds to wait after the first, second, and every later act that did not work."""


def step(case: Case, decision: Decision, person: Person, at: Conditions) -> Step:
    """One step of one case. Pure."""
    case, person = _not_later(case, person, at)
    person = at_rest(person, decision)
    action, why = _capped(case, decision, at)
    state = decision.state
    wake: Instant | None = None
    if action.rung >= Action.BLOCK.rung:
        state, action, wake = _fair(case, decision, person, action, at)
        why += _what_holds(case, at, state, wake)
    coming = coming_of(case, decision, Standing(state, action, ()), wake, person, at)
    wishes, later = stage_notices(case, decision, person, action, coming, at)
    wake = soonest(wake, later)
    if decision.state is State.EXCEPTED and decision.exception_until is not None:
        wishes += lapse_warnings(case, person, decision.exception_until, at)
        wake = soonest(wake, next_warning(decision.exception_until, at.now))
    if action.rung >= Action.BLOCK.rung and person.enforcing_since is None:
        person = person._replace(enforcing_since=at.now)
    asked = _asked(case, action, at)
    if asked.rung >= Action.BLOCK.rung:
        case, acts, later = _act(case, decision, person, asked, at)
        wishes += acts
        wake = soonest(wake, later)
    if not wishes:
        wishes, later = reminders_due(case, person, action, coming, at)
        wake = soonest(wake, later)
    if any(wish.kind is Kind.NOTIFY for wish in wishes):
        person = person._replace(tried=at.now)
        wake = soonest(wake, Instant(at.now + NOTICE_RETRY))
    case = case._replace(state=state, action=action, gone_at=None)
    return Step(case, person, Standing(state, action, (*decision.why, *why)), tuple(wishes), wake)


def concluded(case: Case, outcome: str, now: Instant, worked: bool) -> Case:
    """An act on this case ended."""
    return case._replace(outcome=outcome, outcome_at=now, tries=0 if worked else case.tries + 1)


def came_back(case: Case, now: Instant) -> Case:
    """What had been removed was seen again."""
    return case._replace(came_back=case.came_back + 1, gone_at=None, first_seen=now, outcome="", tries=0, wished=False)


def held(case: Case, until: Instant) -> Case:
    """No act on this case before an instant (restored by an administrator, a request made in time)."""
    return case._replace(held_until=max(case.held_until, until))


def _not_later(case: Case, person: Person, at: Conditions) -> tuple[Case, Person]:
    """What was written by a clock that has been set back since happened now."""
    now, person = at.now, not_later(person, at.now)
    if person.held_until > now + at.pending_hold:
        person = person._replace(held_until=Instant(now + at.pending_hold))
    if max(case.outcome_at, case.first_seen) > now:
        case = case._replace(outcome_at=min(case.outcome_at, now), first_seen=min(case.first_seen, now))
    return case, person


def _capped(case: Case, decision: Decision, at: Conditions) -> tuple[Action, tuple[str, ...]]:
    """What the decision's action comes down to on this machine, and the sentences that say why."""
    action = decision.action
    if action is Action.REMOVE and not at.believable:
        action, reason = Action.BLOCK, "This machine's clock is not believable, so nothing is removed."
    elif action is Action.REMOVE and case.came_back >= CAME_BACK_LIMIT:
        action, reason = Action.BLOCK, _left_alone(case)
    else:
        reason = ""
    if at.observe and action.rung > Action.NOTIFY.rung:
        action, reason = Action.NOTIFY, "This machine only observes (its settings say so)."
    if at.hold and action.rung > Action.NOTIFY.rung:
        action, reason = Action.REPORT, at.hold
    return action, (reason,) if reason else ()


def _left_alone(case: Case) -> str:
    said = f"It came back {case.came_back} times, so it is no longer removed."
    return f"{said} {case.brought_by}" if case.brought_by else said


def _asked(case: Case, action: Action, at: Conditions) -> Action:
    """What is done: what the policy asks for now, or at once what the owner has wished for."""
    wished = case.wished and case.subject.pid is None and not (at.observe or at.hold or at.restored)
    return Action.REMOVE if wished else action


def _fair(
    case: Case, decision: Decision, person: Person, action: Action, at: Conditions
) -> tuple[State, Action, Instant | None]:
    """Holds an act until the person had `min_notice`, or until a hold ends."""
    if at.restored:
        return State.HELD, Action.NOTIFY, None
    now, held_until = at.now, max(case.held_until, person.held_until)
    if held_until > now:
        return State.HELD, Action.NOTIFY, held_until
    if decision.min_notice == 0:
        return decision.state, action, None
    limit = decision.no_later_than
    if limit is not None and now >= limit:
        return decision.state, action, None
    shown = min(person.told.values(), default=None)
    ready = Instant(shown + decision.min_notice) if shown is not None else None
    if ready is not None and now >= ready:
        return decision.state, action, None
    return State.AWAITING_NOTICE, Action.NOTIFY, soonest(ready, limit)


def _what_holds(case: Case, at: Conditions, state: State, until: Instant | None) -> tuple[str, ...]:
    """Why an act that the policy asks for is not done now, as a person may read it."""
    if at.restored:
        return ("It was put back under this policy version, so it is left alone until another one is in force.",)
    if state is State.HELD and until is not None:
        return (f"Nothing is stopped or moved before {format_instant(until)}: it is held.",)
    if state is State.AWAITING_NOTICE:
        when = f"before {format_instant(until)}" if until is not None else "before that"
        return (f"People get a notice and their time first; nothing is stopped or moved {when}.",)
    return ()


def _act(
    case: Case, decision: Decision, person: Person, action: Action, at: Conditions
) -> tuple[Case, list[Wish], Instant | None]:
    if case.settled:
        return case, [], None
    if case.tries and at.now < case.outcome_at + _patience(case.tries):
        return case, [], Instant(case.outcome_at + _patience(case.tries))
    if case.subject.pid is not None:
        return _act_on_process(case, decision, person, action, at.now)
    if action is Action.REMOVE and not at.running:
        return case, [Wish(_removal(case), case.subject, action, came_back=case.came_back)], None
    return case, [], None


def _removal(case: Case) -> Kind:
    """By the manager that installed it, else by moving it away; in a project nobody but the person changes anything."""
    subject = case.subject
    return Kind.UNINSTALL if subject.manager and not subject.project and not case.by_hand else Kind.QUARANTINE


def _act_on_process(
    case: Case, decision: Decision, person: Person, action: Action, now: Instant
) -> tuple[Case, list[Wish], Instant | None]:
    """What ran before the block began may finish; what started afterwards ends at once."""
    stage = decision.stage
    since = person.enforcing_since
    if stage is None or since is None:
        return case, [], None
    began_before = case.subject.started is not None and case.subject.started < since
    until = Instant(since + stage.let_finish) if began_before else now
    if now >= until:
        return case, [Wish(Kind.STOP, case.subject, action, until, stage.kill_after)], None
    left = until - now
    case = case._replace(finish_until=until, outcome="finishing", outcome_at=now)
    due = [mark for mark in COUNTDOWN if left <= mark and mark not in case.counted_down and stage.let_finish > mark]
    wishes = [Wish(Kind.NOTIFY, case.subject, action, until, countdown=min(due), presses=True)] if due else []
    case = case._replace(counted_down=(*case.counted_down, *due))
    marks = [Instant(until - mark) for mark in COUNTDOWN if mark not in case.counted_down and until - mark > now]
    return case, wishes, min([*marks, until])


def _patience(tries: int) -> int:
    return RETRY[min(tries, len(RETRY)) - 1]
