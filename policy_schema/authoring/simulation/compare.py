"""Whom a change of policy reaches: on how many recorded devices each rung comes newly, sooner, later, or no longer."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from enum import StrEnum

from policy_schema.authoring.simulation.reach import reached
from policy_schema.authoring.simulation.records import Record, observation, recognised
from policy_schema.document.diff import Change, Way
from policy_schema.rules.decision import Action, Identity
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Observation
from policy_schema.rules.rulebook import DeviceRules, Rulebook

RUNGS = (Action.NOTIFY, Action.BLOCK, Action.REMOVE)
Known = Sequence[tuple[Observation, Identity | None]]
Key = tuple[str, Action]
"""A ban and a rung of it."""


class Effect(StrEnum):
    """What becomes of a device under the new policy."""

    MORE = "more"
    SOONER = "sooner"
    FEWER = "fewer"
    LATER = "later"


WAYS = {
    Effect.MORE: Way.STRONGER,
    Effect.SOONER: Way.STRONGER,
    Effect.FEWER: Way.WEAKER,
    Effect.LATER: Way.WEAKER,
}


class Comparison:
    """Two policies over many devices, one at a time, in memory that does not grow with their number."""

    def __init__(self, old: Rulebook, new: Rulebook) -> None:
        self._old, self._new = old, new
        self.devices = 0
        self._counts: Counter[tuple[Key, Effect]] = Counter()

    def take(self, record: Record) -> None:
        """Counts one device: once for each rung of each ban, for the first thing on it that comes to this rung."""
        self.devices += 1
        seen = [observation(item) for item in record.items]
        known = [list(recognised(book, record.items, seen)) for book in (self._old, self._new)]
        if not any(known):
            return
        device = record.rules_device(self.devices)
        before = _arrivals(self._old.for_device(device), known[0])
        after = _arrivals(self._new.for_device(device), known[1])
        for key in before.keys() | after.keys():
            effect = _effect(before.get(key), after.get(key))
            if effect is not None:
                self._counts[key, effect] += 1

    def told(self, changes: Sequence[Change]) -> list[Change]:
        """The changes of `differences` with numbers of devices, and a line for each effect that none of them told."""
        counts = Counter(self._counts)
        made = [self._with_devices(change, counts) for change in changes]
        return made + [
            Change(ban, WAYS[effect], f"{action} {_alone(effect, number)}", action)
            for ((ban, action), effect), number in sorted(counts.items(), key=_order)
            if number
        ]

    def _with_devices(self, change: Change, counts: Counter[tuple[Key, Effect]]) -> Change:
        if change.action is None:
            return change
        key = change.about, change.action
        mine = [(effect, counts.pop((key, effect), 0)) for effect in Effect if WAYS[effect] is change.way]
        said = [_beside(effect, number) for effect, number in mine if number]
        return change._replace(text=f"{change.text}, {', '.join(said) or 'for no recorded device'}")


def _arrivals(rules: DeviceRules, seen: Known) -> dict[Key, Instant]:
    """When each ban first comes to each rung, or further."""
    first: dict[Key, Instant] = {}
    for ban, start, action in _steps(rules, seen):
        for rung in RUNGS:
            if action.rung >= rung.rung:
                first[ban, rung] = min(start, first.get((ban, rung), start))
    return first


def _steps(rules: DeviceRules, seen: Known) -> Iterator[tuple[str, Instant, Action]]:
    for one, identity in seen:
        for row in reached(rules, one, identity):
            yield from ((row.ban, start, action) for start, action in row.steps)


def _effect(was: Instant | None, now: Instant | None) -> Effect | None:
    if was is None or now is None:
        return Effect.FEWER if was is not None else Effect.MORE
    if now == was:
        return None
    return Effect.SOONER if now < was else Effect.LATER


def _alone(effect: Effect, number: int) -> str:
    if effect is Effect.MORE:
        return f"reaches {number:,} more {'device' if number == 1 else 'devices'}"
    return f"no longer reaches {_devices(number)}" if effect is Effect.FEWER else f"reaches {_devices(number)} {effect}"


def _beside(effect: Effect, number: int) -> str:
    if effect is Effect.MORE:
        return f"for {number:,} more {'device' if number == 1 else 'devices'}"
    return f"{effect} for {_devices(number)}" if effect is not Effect.FEWER else f"for {_devices(number)} not at all"


def _devices(number: int) -> str:
    return f"{number:,} device" if number == 1 else f"{number:,} devices"


def _order(row: tuple[tuple[Key, Effect], int]) -> tuple[str, int, str]:
    ((ban, action), effect), _ = row
    return ban, action.rung, effect
