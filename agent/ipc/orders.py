"""What the gate shall refuse: composed from the policy in force and from what this machine remembers. Pure.

The gate knows no history. So everything that keeps the daemon from ending a program keeps the gate from refusing it:
a person who was not told in time, a hold, an exception, a brake, a machine that only observes. A test compares with
`agent.cases.step`, which decides the same for what already runs.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from typing import NamedTuple

from agent.cases import Case
from agent.persons import Person
from policy_schema.rules.decision import Action, State
from policy_schema.rules.instant import Instant
from policy_schema.rules.rulebook import Ban, DeviceRules

SCHEMA = 1
EVERYBODY = -1
MOST_SPARED = 10_000
MOST_ENTRIES = 4_096
MOST_ENFORCED = 20_000


class Remembered(NamedTuple):
    """What this machine knows beside the policy."""

    persons: Mapping[tuple[str, str, int], Person]
    """(ban, tool, uid) to what that person was told."""
    known_uids: frozenset[int]
    """Everybody with a home here, and root."""
    spared: frozenset[str]
    """Paths of installations that are left alone: restored, held, excepted."""
    entries: Mapping[str, tuple[str, ...]]
    """Path of an installed package to its entry files."""
    packages: Mapping[str, str]
    """Path of an installed package to its tool."""
    hold: Callable[[str, int], str]
    """Why acts of a ban on a person's things wait (`EVERYBODY` for all), or nothing."""
    observe: bool


class Orders(NamedTuple):
    """What the gate works by, but for its number."""

    enforce: tuple[tuple[str, str, int], ...]
    spare: tuple[str, ...]
    entries: tuple[str, ...]


def compose(rules: DeviceRules, remembered: Remembered, now: Instant) -> Orders:
    """The orders that follow now."""
    enforce = () if remembered.observe else tuple(sorted(_enforced(rules, remembered, now)))[:MOST_ENFORCED]
    tools = {tool for _, tool, _ in enforce}
    entries = {
        entry
        for path, tool in remembered.packages.items()
        if tool in tools
        for entry in remembered.entries.get(path, ())
    }
    spare = sorted(remembered.spared)
    return Orders(enforce, tuple(spare[:MOST_SPARED]), tuple(sorted(entries))[:MOST_ENTRIES])


def document(
    orders: Orders,
    rules: DeviceRules,
    *,
    serial: int,
    floor: Instant,
    protected: Iterable[str],
    homes: Iterable[str] = (),
) -> dict[str, object]:
    """The file that the gate reads."""
    return {
        "schema": SCHEMA,
        "serial": serial,
        "compiled": rules.book.data,
        "device": _device(rules),
        "floor": floor,
        "enforce": [list(row) for row in orders.enforce],
        "spare": list(orders.spare),
        "entries": list(orders.entries),
        "protected": sorted(protected),
        "homes": sorted(home for home in homes if home.startswith("/")),
    }


def enforced_since(person: Person, ban: Ban, now: Instant) -> bool:
    """Whether this person was told of this ban `min_notice` ago, or its outer limit has come."""
    if ban.min_notice == 0 or (ban.no_later_than is not None and now >= ban.no_later_than):
        return True
    shown = min((min(at, now) for at in person.told.values()), default=None)
    return shown is not None and now >= shown + ban.min_notice


def spared_paths(cases: Iterable[Case], restored: frozenset[str]) -> frozenset[str]:
    """What is left alone: restored under this policy version, held, excepted."""
    rows = (case.subject for case in cases if case.state in (State.HELD, State.EXCEPTED) and case.gone_at is None)
    held = {path for row in rows if row.pid is None for path in (row.path, *(part for part, _ in row.parts))}
    return restored | held


def _enforced(rules: DeviceRules, remembered: Remembered, now: Instant) -> Iterable[tuple[str, str, int]]:
    for ban in rules.book.bans:
        state, action = rules.standing(ban.id, now)
        if state is not State.ACTIVE or action.rung < Action.BLOCK.rung or remembered.hold(ban.id, EVERYBODY):
            continue
        for tool in {target.tool for target in ban.targets}:
            yield from ((ban.id, tool, uid) for uid in _towards(ban, tool, remembered, now))


def _towards(ban: Ban, tool: str, remembered: Remembered, now: Instant) -> Iterable[int]:
    """Towards whom a ban that is in force is enforced."""
    if enforced_since(Person(), ban, now):
        held = {uid for uid in remembered.known_uids if remembered.hold(ban.id, uid)}
        # "Everybody but one" cannot be said to the gate: then it is everybody who is known here, by name.
        return sorted(remembered.known_uids - held) if held else (EVERYBODY,)
    told = ((uid, person) for (about, of, uid), person in remembered.persons.items() if (about, of) == (ban.id, tool))
    return [uid for uid, person in told if enforced_since(person, ban, now) and not remembered.hold(ban.id, uid)]


def _device(rules: DeviceRules) -> dict[str, object]:
    device = rules.device
    return {
        **device._asdict(),
        "groups": sorted(device.groups) if device.groups is not None else None,
        "exceptions": [grant._asdict() for grant in rules.exceptions],
        "pauses": [pause._asdict() for pause in rules.pauses],
    }
