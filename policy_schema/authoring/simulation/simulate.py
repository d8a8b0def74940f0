"""Counts what a policy does to recorded devices, one at a time, in memory that does not grow with their number."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from policy_schema.authoring.simulation.reach import Reached, protected, reached
from policy_schema.authoring.simulation.records import Record, observation, recognised
from policy_schema.authoring.simulation.spread import Reach, Spread
from policy_schema.rules.decision import Action, Identity, State
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Observation
from policy_schema.rules.rulebook import DeviceRules, Rulebook

Rows = list[tuple[Observation, tuple[Reached, ...]]]
"""What one device has that any ban means, and what each ban does to it."""
MAX_VERSIONS = 5_000
"""Different versions that are counted by themselves; what comes later is counted together."""
MAX_PROTECTED = 50
OTHERS = "others"
NEVER = math.inf


class Rung(NamedTuple):
    """One rung of one ban, as it spreads over the devices."""

    ban: str
    action: Action
    total: Reach
    """Everything that it ever reaches."""
    dates: Mapping[Instant, Reach]
    """What it reaches at each instant."""


class Version(NamedTuple):
    """What is hit, by tool and version, on how many devices."""

    ban: str
    tool: str
    version: str
    devices: int


class Outcome(NamedTuple):
    """What the simulation found."""

    devices: int
    incomplete: int
    """Devices on which not everything could be looked at: there may be more."""
    rungs: tuple[Rung, ...]
    never: Mapping[tuple[str, State], int]
    """Devices that have what a ban means and that it never acts on, by why."""
    newly: Mapping[str, int]
    """Devices that a ban takes to a rung that the policy in force never comes to."""
    sooner: Mapping[str, int]
    """Devices that a ban takes no further, but earlier."""
    now: Mapping[tuple[str, Action], int]
    """Devices by the rung at the instant that was asked for."""
    versions: tuple[Version, ...]
    protected: tuple[tuple[str, str, str, str], ...]
    """(ban, device, path or package, why) of what it would act on and no policy may touch."""
    idle: tuple[str, ...]
    """`BAN: TOOL` for targets that no device has anything of."""


class Simulation:
    """One policy over many devices. `in_force` is compared with; `at` is the instant that is asked for."""

    def __init__(self, book: Rulebook, in_force: Rulebook | None = None, at: Instant | None = None) -> None:
        self._book, self._old, self._at = book, in_force, at
        self._devices = self._incomplete = 0
        self._spreads: dict[tuple[str, Action], Spread] = {}
        self._never: Counter[tuple[str, State]] = Counter()
        self._newly: Counter[str] = Counter()
        self._sooner: Counter[str] = Counter()
        self._now: Counter[tuple[str, Action]] = Counter()
        self._versions: Counter[tuple[str, str, str]] = Counter()
        self._protected: list[tuple[str, str, str, str]] = []
        self._met: set[tuple[str, str]] = set()

    def take(self, record: Record) -> None:
        """Counts one device."""
        self._devices += 1
        self._incomplete += not record.complete
        seen = [observation(item) for item in record.items]
        known = list(recognised(self._book, record.items, seen))
        if not known:
            return
        device = record.rules_device(self._devices)
        rules = self._book.for_device(device)
        rows = [(one, reached(rules, one, identity)) for one, identity in known]
        self._count_rungs(device.id, rows, [item.person for item in record.items], seen)
        self._count_never(rows)
        self._count_versions(rows)
        self._count_protected(device.id, rows)
        if self._old is not None:
            self._compare(self._old.for_device(device), rows, [identity for _, identity in known])

    def outcome(self) -> Outcome:
        """What was counted so far."""
        return Outcome(
            devices=self._devices,
            incomplete=self._incomplete,
            rungs=tuple(self._rungs()),
            never=dict(self._never),
            newly=dict(self._newly),
            sooner=dict(self._sooner),
            now=dict(self._now),
            versions=tuple(Version(*key, count) for key, count in self._versions.most_common()),
            protected=tuple(self._protected),
            idle=tuple(self._idle()),
        )

    def _count_rungs(
        self,
        device: str,
        rows: Rows,
        persons: list[str],
        seen: list[Observation],
    ) -> None:
        person_of = {id(one): person or f"{device}/{one.owner}" for one, person in zip(seen, persons, strict=True)}
        first: dict[tuple[str, Action], Instant] = {}
        strongest: dict[str, Action] = {}
        for one, bans in rows:
            for row in bans:
                for start, action in row.steps:
                    key = row.ban, action
                    first[key] = min(start, first.get(key, start))
                    self._spreads.setdefault(key, Spread()).thing(start, one.face, person_of[id(one)])
                if self._at is not None:
                    now = max(row.at(self._at), strongest.get(row.ban, Action.REPORT), key=lambda action: action.rung)
                    strongest[row.ban] = now
        for key, start in first.items():
            self._spreads[key].device(start)
        self._now.update(strongest.items())

    def _count_never(self, rows: Rows) -> None:
        self._met |= {(row.ban, row.tool) for _, bans in rows for row in bans}
        acting = {row.ban for _, bans in rows for row in bans if row.steps}
        self._never.update({(row.ban, row.state) for _, bans in rows for row in bans if row.ban not in acting})

    def _count_versions(self, rows: Rows) -> None:
        for key in {(row.ban, row.tool, row.version or "unknown") for _, bans in rows for row in bans if row.steps}:
            known = key in self._versions or len(self._versions) < MAX_VERSIONS
            self._versions[key if known else (key[0], key[1], OTHERS)] += 1

    def _count_protected(self, device: str, rows: Rows) -> None:
        for one, bans in rows:
            why = protected(one) if len(self._protected) < MAX_PROTECTED else ""
            acting = [row.ban for row in bans if row.strongest.rung >= Action.BLOCK.rung]
            if why and acting:
                self._protected.append((acting[0], device, one.path or one.purl, why))

    def _compare(self, old: DeviceRules, rows: Rows, identities: Iterable[Identity | None]) -> None:
        """A device counts once for a ban, for the worst that happens to anything on it."""
        newly: set[str] = set()
        sooner: set[str] = set()
        for (one, bans), identity in zip(rows, identities, strict=True):
            known = identity if identity is None or identity.tool in old.book.tools else None
            before = _arrivals(reached(old, one, known))
            for row in bans:
                after = _arrivals([row])
                if any(now < NEVER and was == NEVER for now, was in zip(after, before, strict=True)):
                    newly.add(row.ban)
                elif any(now < was for now, was in zip(after, before, strict=True)):
                    sooner.add(row.ban)
        self._newly.update(newly)
        self._sooner.update(sooner - newly)

    def _rungs(self) -> Iterator[Rung]:
        order = {ban.id: number for number, ban in enumerate(self._book.bans)}
        for key in sorted(self._spreads, key=lambda key: (order[key[0]], key[1].rung)):
            yield Rung(*key, self._spreads[key].total(), self._spreads[key].dates())

    def _idle(self) -> Iterable[str]:
        for ban in self._book.bans:
            yield from (f"{ban.id}: {one.tool}" for one in ban.targets if (ban.id, one.tool) not in self._met)


def _arrivals(bans: Iterable[Reached]) -> tuple[float, ...]:
    """When the first of these bans comes to notify, to block and to remove, or further; NEVER where none does."""
    steps = [step for row in bans for step in row.steps]
    return tuple(
        min((float(start) for start, action in steps if action.rung >= rung), default=NEVER)
        for rung in range(Action.NOTIFY.rung, Action.REMOVE.rung + 1)
    )
