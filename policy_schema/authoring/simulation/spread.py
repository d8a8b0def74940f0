"""How one rung of a ban spreads: devices, people, packages and processes, by the instant at which it reaches them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping
from typing import NamedTuple

from policy_schema.authoring.simulation.distinct import Distinct
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Face

PACKAGED = (Face.PACKAGE, Face.EXTENSION, Face.APP)


class Reach(NamedTuple):
    """Whom and what a rung reaches."""

    devices: int
    people: int
    people_exact: bool
    packages: int
    """Packages, extensions and apps; a tool may come as several."""
    processes: int
    """What was running when it was recorded."""


class Spread:
    """Counts one rung of one ban. An instant costs 2 MB at the most, and a rollout has few."""

    def __init__(self) -> None:
        self._devices: Counter[Instant] = Counter()
        self._packages: Counter[Instant] = Counter()
        self._processes: Counter[Instant] = Counter()
        self._people: dict[Instant, Distinct] = {}
        self._everybody = Distinct()

    def device(self, start: Instant) -> None:
        """A device that is reached at this instant for the first time."""
        self._devices[start] += 1

    def thing(self, start: Instant, face: Face, person: str) -> None:
        """One thing on it, and whose it is."""
        self._packages[start] += face in PACKAGED
        self._processes[start] += face is Face.PROCESS
        self._people.setdefault(start, Distinct()).add(person)
        self._everybody.add(person)

    def total(self) -> Reach:
        """Everything that it ever reaches. Who is reached at two instants counts once."""
        everybody = self._everybody
        things = self._packages.total(), self._processes.total()
        return Reach(self._devices.total(), len(everybody), everybody.exact, *things)

    def dates(self) -> Mapping[Instant, Reach]:
        """What it reaches at each instant, in order."""
        return {start: self._at(start) for start in sorted({*self._devices, *self._people})}

    def _at(self, start: Instant) -> Reach:
        people = self._people.get(start, Distinct())
        things = self._packages[start], self._processes[start]
        return Reach(self._devices[start], len(people), people.exact, *things)
