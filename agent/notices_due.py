"""Which notices are due to a person now: of a stage, before an act, before the end of an exception. Pure.

Whatever presses (something happens now or within the hour) is said at once. The rest waits for the end of quiet hours,
and a stage that begins for a whole fleet is told device by device within an hour.
"""

from __future__ import annotations

from agent import reminders
from agent.case_values import CAME_BACK_LIMIT, NOTICE_RETRY, Case, Conditions, Kind, Standing, Wish
from agent.persons import About, Person, due_warning, over
from agent.reminders import Coming
from policy_schema.rules.decision import Action, Decision, State
from policy_schema.rules.instant import Instant, soonest


def coming_of(
    case: Case, decision: Decision, stands: Standing, wake: Instant | None, person: Person, at: Conditions
) -> Coming | None:
    """What is going to happen to it by itself, as far as that is known now. `wake` is the end of what holds it."""
    if at.observe or at.hold or at.restored or case.settled or person.told == {}:
        return None
    if stands.state in (State.HELD, State.AWAITING_NOTICE):
        return Coming(decision.action, wake) if wake is not None else None
    following = decision.next_stage
    if decision.state is not State.ACTIVE or following is None or following.action.rung < Action.BLOCK.rung:
        return None
    if following.action is Action.REMOVE and (case.subject.project or case.came_back >= CAME_BACK_LIMIT):
        return None
    fair = Instant(min(person.told.values()) + decision.min_notice) if decision.min_notice else following.start
    limit = decision.no_later_than
    fair = min(fair, limit) if limit is not None else fair
    return Coming(following.action, max(following.start, fair, case.held_until, person.held_until))


def stage_notices(
    case: Case, decision: Decision, person: Person, action: Action, coming: Coming | None, at: Conditions
) -> tuple[list[Wish], Instant | None]:
    """One notice a person, tool and stage; tried again while it could not be shown.

    The stage is what applies to this person now: who is still to get their time is told what will happen, and is told
    again when it does. Also says until when a notice that does not press waits.
    """
    if action.rung < Action.NOTIFY.rung or action.value in person.told or at.now < person.tried + NOTICE_RETRY:
        return [], None
    presses = action.rung >= Action.BLOCK.rung or reminders.is_last_hour(_soonest_act(decision, coming), at.now)
    wait = None if presses else _patient_until(case, decision, at)
    if wait is not None:
        return [], wait
    return [
        Wish(Kind.NOTIFY, case.subject, action, case.finish_until, after=over(person, at.now), presses=presses)
    ], None


def _soonest_act(decision: Decision, coming: Coming | None) -> Instant | None:
    """When something can happen to whoever is not told before."""
    following, limit = decision.next_stage, decision.no_later_than
    acts = following is not None and following.action.rung >= Action.BLOCK.rung and not decision.min_notice
    next_act = following.start if following is not None and acts else None
    overdue = limit if decision.action.rung >= Action.BLOCK.rung else None
    return soonest(soonest(next_act, overdue), coming.at if coming is not None else None)


def _patient_until(case: Case, decision: Decision, at: Conditions) -> Instant | None:
    """Until when the notice of a stage waits: for the end of quiet hours, and where the stage begins for a whole fleet
    at once for this device's turn within the hour, as far as nobody gets less time for it."""
    stage, following = decision.stage, decision.next_stage
    if stage is not None and stage.action is Action.NOTIFY and case.first_seen < stage.start:
        turn = stage.start + at.spread
        if following is not None:
            turn = min(turn, max(stage.start, following.start - decision.min_notice - reminders.HOUR))
        if at.now < turn:
            return Instant(turn)
    return at.quiet_until


def reminders_due(
    case: Case, person: Person, action: Action, coming: Coming | None, at: Conditions
) -> tuple[list[Wish], Instant | None]:
    """That something is soon to happen to it; and what was put off until now."""
    if case.subject.pid is not None or not person.told:
        return [], None
    wake, again = reminders.next_due(person, coming, at.now, at.spread), reminders.asked_again(person, at.now)
    presses = coming is not None and reminders.is_last_hour(coming.at, at.now)
    due = (coming is not None and reminders.due(person, coming, at.now, at.spread)) or again
    if not due or at.now < person.tried + NOTICE_RETRY or (again and action.rung < Action.NOTIFY.rung and not coming):
        return [], wake
    if at.quiet_until is not None and not presses:
        return [], soonest(wake, at.quiet_until)
    about, until = (coming.action, coming.at) if coming is not None else (action, None)
    return [Wish(Kind.NOTIFY, case.subject, about, until, about=About.REMINDER, presses=presses)], wake


def lapse_warnings(case: Case, person: Person, until: Instant, at: Conditions) -> tuple[Wish, ...]:
    """That an exception ends soon: each of its warnings once, tried again while it could not be shown."""
    presses = reminders.is_last_hour(until, at.now)
    if not due_warning(person, until, at.now) or at.now < person.tried + NOTICE_RETRY:
        return ()
    if at.quiet_until is not None and not presses:
        return ()
    return (Wish(Kind.NOTIFY, case.subject, Action.NOTIFY, until, about=About.LAPSES, presses=presses),)
