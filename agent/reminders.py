"""Reminders: that something is soon to happen to a person's tool, said a week, a day and an hour before. Pure.

Only what is still ahead is said: who first hears of a ban three days before it acts gets no reminder of the week, and
none comes right after another notice. A person may put reminders off until tomorrow, a few times; the deadline stays
where it is, and the last hour is always said.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from hashlib import blake2b
from typing import NamedTuple

from agent.persons import DAY, Person
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant

HOUR = 3600
MARKS = (7 * DAY, DAY, HOUR)
"""Seconds before an act at which the person is reminded."""
MOST_PUT_OFF = 3
"""How often one person may put off what they are told of one ban."""
_SPREAD = HOUR
"""Seconds over which a fleet's notices of one moment are spread."""
_WORD = "remind"


class Coming(NamedTuple):
    """What is going to happen to this person by itself."""

    action: Action
    at: Instant


def spread_of(device: str, ban: str) -> int:
    """Seconds, below an hour, by which this device tells of this ban later than the first one: always the same."""
    drawn = blake2b("\0".join((device, ban)).encode(), digest_size=4).digest()
    return int.from_bytes(drawn, "big") % _SPREAD


def due(person: Person, coming: Coming, now: Instant, spread: int = 0) -> bool:
    """Whether a reminder is to be shown now (or, in quiet hours, after them)."""
    mark = min(_reached(coming, now, spread), default=0)
    if not mark or not person.told or _key(mark, coming) in person.told:
        return False
    if mark == HOUR:
        return not _too_soon(person, coming, mark)
    return now >= person.later and not _too_soon(person, coming, mark)


def asked_again(person: Person, now: Instant) -> bool:
    """Whether the day has come to which somebody put their reminder off."""
    return 0 < person.later <= now


def next_due(person: Person, coming: Coming | None, now: Instant, spread: int = 0) -> Instant | None:
    """When a reminder can be due next."""
    moments = [_moment(mark, coming, spread) for mark in MARKS] if coming is not None else []
    return min((Instant(at) for at in (*moments, person.later) if at > now), default=None)


def is_last_hour(until: Instant | None, now: Instant) -> bool:
    """Whether it happens within the hour."""
    return until is not None and until - now <= HOUR


def reminded(person: Person, coming: Coming | None, now: Instant) -> Person:
    """A reminder was shown: it counts for every mark that was reached by then; those of the past are forgotten."""
    kept = {key: at for key, at in person.told.items() if not _is_over(key, now)}
    done = {_key(mark, coming): now for mark in _reached(coming, now, 0)} if coming is not None else {}
    later = person.later if person.later > now else Instant(0)
    return person._replace(told={**kept, **done}, said=now, later=later, tried=Instant(0))


def put_off(person: Person, now: Instant) -> Person | None:
    """The person wants to be reminded tomorrow; None when they have put it off often enough."""
    if person.later > now:
        return person
    if person.put_off >= MOST_PUT_OFF:
        return None
    return person._replace(later=Instant(now + DAY), put_off=person.put_off + 1)


def not_put_off(person: Person, now: Instant) -> Person:
    """They want to be reminded after all: as if they had never put it off."""
    if person.later <= now:
        return person
    return person._replace(later=Instant(0), put_off=max(0, person.put_off - 1))


class Said(NamedTuple):
    """One reminder that is due: to whom, of what."""

    uid: int
    ban: str
    tool: str
    coming: Coming


def gathered(rows: Iterable[Said]) -> Mapping[Said, tuple[tuple[str, str], ...]]:
    """What one ban does to several tools at one moment goes into one notice, since reason and alternative are the same:
    its first row, and (ban, tool) of the rest."""
    groups: dict[tuple[int, str, Coming], dict[tuple[str, str], Said]] = {}
    for row in rows:
        groups.setdefault((row.uid, row.ban, row.coming), {}).setdefault((row.ban, row.tool), row)
    return {next(iter(group.values())): tuple(group)[1:] for group in groups.values()}


def _reached(coming: Coming, now: Instant, spread: int) -> list[int]:
    return [mark for mark in MARKS if _moment(mark, coming, spread) <= now < coming.at]


def _moment(mark: int, coming: Coming, spread: int) -> Instant:
    """The last hour belongs to everybody at the same time; what comes before is spread."""
    return Instant(coming.at - mark + (spread if mark > HOUR else 0))


def _too_soon(person: Person, coming: Coming, mark: int) -> bool:
    """Whether they heard of it shortly before: a day before the mark of a week, minutes before that of the hour."""
    return max(person.said, *person.told.values()) > coming.at - mark - mark // 7


def _key(mark: int, coming: Coming) -> str:
    return f"{_WORD} {coming.action} {mark}@{coming.at}"


def _is_over(key: str, now: Instant) -> bool:
    word, _, at = key.rpartition("@")
    return word.startswith(_WORD) and int(at) <= now
