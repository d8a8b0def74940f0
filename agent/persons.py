"""What one person knows of one ban of one tool: what was shown to them and when, and what they shall still be told.

Pure. Two rules beside those of `agent.cases` live here, both of docs/adr/0060:

- Who has an exception is warned seven days, one day and an hour before it ends. With it ends what they were told
  before: when it lapses, `min_notice` counts from such a warning, or from a new notice if none could be shown.
- After an exception or a pause everything is enforced anew: what runs then may finish, and each stage says so again.
"""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

from policy_schema.rules.decision import Action, Decision, State
from policy_schema.rules.instant import Instant

DAY = 86_400
WARNINGS = (7 * DAY, DAY, 3600)
"""Seconds before the end of an exception at which people are warned."""
_LAPSES = "lapses"


class About(StrEnum):
    """What a notice is about that is no stage's own."""

    STAGE = ""
    """A stage's own, or a mark of a countdown."""
    LAPSES = _LAPSES
    """An exception ends soon."""
    HELD = "held"
    """A request holds the block."""
    EXCEPTED = "excepted"
    """An exception was granted."""
    PAUSED = "paused"
    NARROWED = "narrowed"
    """The ban no longer names this version."""
    LIFTED = "lifted"
    REMINDER = "reminder"
    """A stage acts soon, or the day has come to which a notice was put off."""
    REFUSED = "refused"
    """Somebody has refused a request."""
    UNANSWERED = "unanswered"
    """The time of a request is over, and nobody granted it."""
    WELCOME = "welcome"
    """Who installed this and what it looks at: of no ban."""


class Person(NamedTuple):
    """What one person has been told about one ban of one tool, and since when it is enforced towards them."""

    told: Mapping[str, Instant] = {}
    """When the notice of each stage was shown, by action; and each warning of an exception that ends."""
    tried: Instant = Instant(0)
    """When a notice was last tried that has not been shown yet."""
    enforcing_since: Instant | None = None
    held_until: Instant = Instant(0)
    """Until when a request for an exception holds everything; it stays, since a ban is held so only once."""
    owed: About = About.STAGE
    """What they shall be told beside the stages, until it was shown."""
    detail: str = ""
    """Of `narrowed`: which version is allowed now; of `lifted`: the tool's name."""
    after: About = About.STAGE
    """What held the ban before (an exception, a pause, a request); the next notice of a stage says that it is over."""
    said: Instant = Instant(0)
    """When they were last shown anything about it."""
    later: Instant = Instant(0)
    """Until when they have put reminders off."""
    put_off: int = 0
    """How often they have."""
    asked: Instant = Instant(0)
    """When they asked for an exception and have not heard yet what became of it."""
    request: str = ""
    """The id of that request."""


def told(person: Person, action: Action, now: Instant) -> Person:
    """A notice of this stage was shown to the person: whatever else there is to say may follow at once."""
    shown = {**person.told, action.value: person.told.get(action.value, now)}
    answered = person.after is About.HELD and person.held_until <= now
    after = _over(person, now, About.STAGE, person.after)
    person = person._replace(told=shown, tried=Instant(0), after=after, said=now)
    return _answered(person) if answered else person


def _answered(person: Person) -> Person:
    return person._replace(asked=Instant(0), request="")


def over(person: Person, now: Instant) -> About:
    """What is over by now that held the ban."""
    return _over(person, now, person.after, About.STAGE)


def _over(person: Person, now: Instant, then: About, before: About) -> About:
    return before if person.after is About.HELD and person.held_until > now else then


def told_of(person: Person, about: About, until: Instant | None, now: Instant) -> Person:
    """A notice of another occasion was shown; one that names the end of an exception counts as its warnings."""
    owed = About.STAGE if person.owed is about else person.owed
    marks = _reached(until, now) if until is not None and about in (About.LAPSES, About.EXCEPTED) else ()
    shown = {**{_mark(mark, until): now for mark in marks}, **person.told}
    person = person._replace(owed=owed, told=shown, tried=Instant(0), said=now)
    return _answered(person) if about in (About.EXCEPTED, About.REFUSED, About.UNANSWERED) else person


def due_warning(person: Person, until: Instant, now: Instant) -> bool:
    """Whether they shall be warned now that an exception ends."""
    marks = _reached(until, now)
    return bool(marks) and person.owed is About.STAGE and _mark(min(marks), until) not in person.told


def next_warning(until: Instant, now: Instant) -> Instant | None:
    """When the next warning is due."""
    return min((Instant(until - mark) for mark in WARNINGS if until - mark > now), default=None)


def at_rest(person: Person, decision: Decision) -> Person:
    """What an exception or a pause makes of what was told and enforced before."""
    if decision.state is State.EXCEPTED:
        end = f"@{decision.exception_until}"
        kept = {key: when for key, when in person.told.items() if key.endswith(end)}
        owed = About.EXCEPTED if any(stage.value in person.told for stage in Action) else person.owed
        return person._replace(told=kept, enforcing_since=None, owed=owed, after=About.EXCEPTED)
    if decision.state is State.PAUSED and person.told:
        begun = any(stage.value in person.told for stage in (Action.BLOCK, Action.REMOVE))
        first = {Action.NOTIFY.value: min(person.told.values())}
        owed, after = (About.PAUSED, About.PAUSED) if begun else (person.owed, person.after)
        return person._replace(told=first, enforcing_since=None, owed=owed, after=after)
    if person.owed in (About.EXCEPTED, About.PAUSED, About.LIFTED) and decision.state is not State.WEAK:
        # It is over before they were told of it.
        return person._replace(owed=About.STAGE)
    return person


def asking(person: Person, now: Instant, request: str) -> Person:
    """They asked for an exception, and wait for an answer."""
    return person._replace(asked=now, request=request)


def requested(person: Person, now: Instant, longest: int) -> Person:
    """They asked for an exception: made before anything is enforced, it holds that once, for `longest` seconds."""
    if person.held_until or person.enforcing_since is not None or longest <= 0:
        return person
    return person._replace(held_until=Instant(now + longest), owed=About.HELD, after=About.HELD)


def unanswered(person: Person, now: Instant, patience: int) -> bool:
    """Whether they asked long enough ago (seconds) to be told that nobody granted it. Not at the moment in which a
    stage's own notice is tried: that says so itself."""
    over = max(person.held_until, person.asked + patience)
    return person.asked > 0 and over <= now and person.tried != now


def released(person: Person, about: About, detail: str = "") -> Person:
    """Their ban was lifted, or no longer names this version: they are told, if they were told of the ban."""
    if about is About.LIFTED:
        known = person.told or person.owed is not About.STAGE
        return Person(tried=person.tried, owed=About.LIFTED, detail=detail) if known else Person()
    return person._replace(owed=about, detail=detail) if person.told else person


def not_later(person: Person, now: Instant) -> Person:
    """What was written by a clock that has been set back since happened now, not in some years: a person who was told
    in 2036 was told, and what is enforced since then is enforced."""
    if person.later > now + DAY:
        person = person._replace(later=Instant(now + DAY))
    if max((person.tried, person.said, person.asked, person.enforcing_since or now, *person.told.values())) <= now:
        return person
    return person._replace(
        told={stage: min(at, now) for stage, at in person.told.items()},
        tried=min(person.tried, now),
        said=min(person.said, now),
        asked=min(person.asked, now),
        enforcing_since=None if person.enforcing_since is None else min(person.enforcing_since, now),
    )


def _reached(until: Instant, now: Instant) -> tuple[int, ...]:
    return tuple(mark for mark in WARNINGS if until - mark <= now < until)


def _mark(mark: int, until: Instant | None) -> str:
    return f"{_LAPSES} {mark // DAY}d@{until}" if mark >= DAY else f"{_LAPSES} 1h@{until}"
