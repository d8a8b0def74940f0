"""Counts devices by ban, group and state while they pass by. Groups under five are suppressed. Pure.

What a device without findings of a ban is with regard to it is counted once for all bans; only the difference that
findings make is counted ban by ban. So a fleet with a thousand bans costs no more than its findings.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping
from typing import Final

from console.reports import assess
from console.reports.shapes import Ban, BanTotals, Device, Finding, Group
from console.state import SHOWN_FIRST, DeviceState

FEWEST: Final = 5
"""Groups with fewer devices have no numbers of their own."""
NO_GROUP: Final = "(in no group)"
UNKNOWN_GROUP: Final = "(groups not known)"
WHOLE: Final[None] = None
"""The key of the whole fleet among the groups."""

Key = str | None


class Tally:
    """Add each device once, then ask."""

    def __init__(self) -> None:
        self._overall: dict[Key, Counter[str]] = {}
        self._base: dict[Key, Counter[str]] = {}
        self._moved: Counter[Key] = Counter()
        self._changed: dict[str, dict[Key, Counter[str]]] = {}
        self._copies: Counter[str] = Counter()
        self._outcomes: dict[str, Counter[str]] = {}

    def add(self, device: Device) -> None:
        """Counts one device in its groups and in the whole."""
        keys = (WHOLE, *_keys(device))
        base = _base(device)
        bans: dict[str, list[Finding]] = {}
        for finding in device.findings:
            bans.setdefault(finding.ban, []).append(finding)
        for key in keys:
            self._overall.setdefault(key, Counter())[device.state] += 1
            self._base.setdefault(key, Counter())[base.value] += 1
            self._moved[key] += bool(device.moved_to) and base is not DeviceState.REMOVED
        for ban, findings in bans.items():
            self._add_ban(ban, keys, base, findings)

    def _add_ban(self, ban: str, keys: Iterable[Key], base: DeviceState, findings: list[Finding]) -> None:
        state = assess.state_with(base, findings)
        changed = self._changed.setdefault(ban, {})
        for key in keys:
            counter = changed.setdefault(key, Counter())
            counter[state.value] += 1
            counter[base.value] -= 1
        if base is DeviceState.REMOVED:
            return
        self._copies[ban] += sum(map(assess.is_copy, findings))
        done = {outcome for finding in findings if finding.counts for outcome in finding.outcomes}
        self._outcomes.setdefault(ban, Counter()).update(done)

    def groups(self) -> tuple[Group, ...]:
        """Every group with the states of its devices over all bans; the whole fleet first."""
        return self._rows(self._overall)

    def bans(self, known: Mapping[str, Ban]) -> tuple[BanTotals, ...]:
        """Every ban of the policy, and those that only devices still know of."""
        names = sorted(known.keys() | self._changed.keys())
        return tuple(
            BanTotals(
                ban=known.get(name, Ban(id=name)),
                installations=self._copies[name],
                outcomes=dict(sorted(self._outcomes.get(name, Counter()).items())),
                groups=self._rows(self._of_ban(name)),
            )
            for name in names
        )

    def _of_ban(self, ban: str) -> dict[Key, Counter[str]]:
        changed = self._changed.get(ban, {})
        return {key: _sum(base, changed.get(key, Counter())) for key, base in self._base.items()}

    def _rows(self, counted: Mapping[Key, Counter[str]]) -> tuple[Group, ...]:
        sizes = {key: _in_fleet(counter) for key, counter in self._overall.items() if key is not None}
        hidden = suppressed(sizes)
        whole = counted.get(WHOLE, Counter())
        return (
            self._row(WHOLE, whole),
            *(
                Group(group=name, devices=None, states=None, moved=None)
                if name in hidden
                else self._row(name, counted[name])
                for name in sorted(sizes)
            ),
        )

    def _row(self, key: Key, counter: Counter[str]) -> Group:
        states = {state.value: counter[state.value] for state in SHOWN_FIRST}
        return Group(group=key, devices=_in_fleet(counter), states=states, moved=self._moved[key])


def suppressed(sizes: Mapping[str, int]) -> frozenset[str]:
    """The groups without numbers: those under five, and one more where the rest would give them away.

    What is left out together must be five devices at least: otherwise the whole less the groups shown names them.
    """
    by_size = sorted(sizes, key=lambda key: (sizes[key], key))
    hidden = [key for key in by_size if sizes[key] < FEWEST]
    others = by_size[len(hidden) :]
    while hidden and others and sum(sizes[key] for key in hidden) < FEWEST:
        hidden.append(others.pop(0))
    return frozenset(hidden)


def _keys(device: Device) -> tuple[str, ...]:
    if device.groups is None:
        return (UNKNOWN_GROUP,)
    return tuple(dict.fromkeys(device.groups)) or (NO_GROUP,)


def _base(device: Device) -> DeviceState:
    state = DeviceState(device.state)
    if state in (DeviceState.REMOVED, DeviceState.NEVER_ENROLLED, DeviceState.SILENT):
        return state
    return DeviceState.PARTIAL if device.could_not_look else DeviceState.CLEAN


def _in_fleet(counter: Counter[str]) -> int:
    return sum(counter.values()) - counter[DeviceState.REMOVED.value]


def _sum(one: Counter[str], other: Counter[str]) -> Counter[str]:
    """`+` of Counter would drop what is below nought on the way."""
    result = Counter(one)
    result.update(other)
    return result
