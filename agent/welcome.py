"""The welcome: before anything about a person's things is reported, they are told who installed this and what it does.

Pure. It is remembered among the persons of the journal, under no ban. Until somebody has seen it, reports say of theirs
only how much there is. Raise `VERSION` whenever more is collected, or something is collected for another reason:
everybody sees the welcome again before that is sent.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from agent.case_values import NOTICE_RETRY, Case, Kind, Standing, Subject, Wish
from agent.host.users import FIRST_UID
from agent.persons import About, Person
from policy_schema.rules.decision import Action, Decision, Identity, State
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Confidence, Face

VERSION = 1
"""Of the welcome's text, and of what is collected."""
_NAME = "welcome"
_SEEN = f"{_NAME} {VERSION}"
Persons = Mapping[tuple[str, str, int], Person]


def key(uid: int) -> tuple[str, str, int]:
    """Where it is remembered."""
    return "", _NAME, uid


def concerns_nobody(uid: int, kind: str) -> bool:
    """Whether there is no person to welcome: things of the system, and machines that build by themselves."""
    return uid < FIRST_UID or kind == "ci"


def seen(persons: Persons, uid: int) -> bool:
    """Whether this person was shown the welcome as it is now."""
    return _SEEN in persons.get(key(uid), Person()).told


def shown(person: Person, now: Instant) -> Person:
    """It was shown."""
    return person._replace(told={_SEEN: now}, tried=Instant(0), said=now)


def due(persons: Persons, uids: Iterable[int], kind: str, now: Instant) -> Iterator[Wish]:
    """Who is to be welcomed now; tried again every few minutes."""
    for uid in sorted(set(uids)):
        if concerns_nobody(uid, kind) or seen(persons, uid):
            continue
        tried = persons.get(key(uid), Person()).tried
        if now >= tried + NOTICE_RETRY or tried > now:
            yield Wish(Kind.NOTIFY, _subject(uid), Action.NOTIFY, about=About.WELCOME)


def standing(wish: Wish, now: Instant) -> tuple[Decision, Standing, Case]:
    """Of what is about no finding."""
    nothing = Identity("", "", (), Confidence.WEAK)
    decision = Decision("", nothing, State.ANNOUNCED, Action.REPORT, None, None, None, None, 0, None, ())
    return decision, Standing(State.ANNOUNCED, Action.REPORT, ()), Case(wish.subject, now)


def _subject(uid: int) -> Subject:
    return Subject(f"{_NAME}-{uid}", "", *key(uid)[:2], Face.PACKAGE, "", uid)
