"""The bans, and one page for each: what it rests on, what it finds, what comes next and whom that hits."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection
from starlette.responses import Response

from console import policy as policies
from console.policy import Ban
from console.state import DOES_NOT_COUNT
from console.store.queries import decisions, trends
from console.web import figures
from console.web.context import Context, Visit
from console.web.figures import DAY, Days
from console.web.pages.overview import way
from policy_schema.messages.wire import clean
from policy_schema.rules.decision import State

HITS_SHOWN: Final = 30
"""Days of hits, day by day."""


class BanRow(NamedTuple):
    """A ban in the list. `known` is what the policy says of it; None for one that only devices tell of."""

    id: str
    devices: int
    installations: int
    known: Ban | None


class Simulation(NamedTuple):
    """What the next stage does when it comes: devices as they are now."""

    action: str
    at: int | None
    hit: int
    """It applies to them at that instant."""
    later: int
    """The rollout has not reached them, or their person was not told long enough before."""
    spared: tuple[tuple[str, int], ...]
    """Held, excepted, paused."""
    untouched: tuple[tuple[str, int], ...]
    """Not meant, lifted, only a name."""


def show(context: Context, visit: Visit) -> Response:
    """Every ban of the policy, and those that only devices still tell of."""
    groups = visit.viewer.groups
    with context.database.read() as connection:
        policy = policies.current(connection)
        counted = context.counted(("bans", groups), lambda connection: _found(connection, groups))
        found = {row.ban: row for row in counted.value}
        known = {ban.id: ban for ban in policy.bans} if policy else {}
        return context.page(
            visit,
            "bans.html",
            title="Bans",
            bans=sorted(_rows(found, known), key=lambda row: (-row.devices, row.id)),
            policy=policy,
            as_of=counted.as_of,
            troubles=policies.troubles(connection, context.clock()),
            paused=_paused(connection, context.clock()),
        )


def _paused(connection: Connection, now: int) -> dict[str, int]:
    """Bans that are at rest for everybody, each with until when."""
    return {row.ban: row.until for row in connection.execute(decisions.pauses(now))}


def _found(connection: Connection, groups: trends.Groups) -> list[Any]:
    return list(connection.execute(trends.bans(groups)).all())


def _rows(found: dict[str, Any], known: dict[str, Ban]) -> Iterable[BanRow]:
    for name in found.keys() | known.keys():
        row = found.get(name)
        yield BanRow(name, row.devices if row else 0, row.installations if row else 0, known.get(name))


def one(context: Context, visit: Visit) -> Response:
    """One ban."""
    name, groups, now = clean(visit.part("ban")), visit.viewer.groups, context.clock()
    with context.database.read() as connection:
        policy = policies.current(connection)
        ban = policy.ban(name) if policy else None
        lifted = next((one for one in policy.lifted if one.id == name), None) if policy else None
        marks = {name: ban.deadline} if ban and ban.deadline else {}
        counted = context.counted(
            ("ban", name, groups, policy.version.serial if policy else 0),
            lambda connection: _count(connection, name, ban, groups, context.clock(), marks),
        )
        told = counted.value
        if ban is None and lifted is None and not told["states"] and not told["gone"]:
            return context.nothing(visit, "There is no such ban.")
        return context.page(
            visit,
            "ban.html",
            title=name,
            charts=True,
            name=name,
            ban=ban,
            lifted=lifted,
            policy=policy,
            paused_until=_paused(connection, now).get(name),
            as_of=counted.as_of,
            **told,
        )


def _count(
    connection: Connection, name: str, ban: Ban | None, groups: trends.Groups, now: int, marks: dict[str, int]
) -> dict[str, Any]:
    treated = connection.execute(trends.treated(name, groups)).all()
    return {
        "found": next((row for row in _found(connection, groups) if row.ban == name), None),
        "way": way(connection, now, name, groups, marks),
        "hits": _hits(connection, name, groups, now),
        "outcomes": connection.execute(trends.outcomes(name, groups)).all(),
        "versions": connection.execute(trends.versions_found(name, groups)).all(),
        "states": _states(treated),
        "gone": sum(row.devices for row in treated if row.gone and row.state not in DOES_NOT_COUNT),
        "simulation": simulate(treated, ban, now),
        "groups": _groups(connection, name, groups),
    }


def simulate(treated: Iterable[Any], ban: Ban | None, now: int) -> Simulation | None:
    """Whom the next stage hits, from what devices report: pure counting, nothing is guessed."""
    rows = [row for row in treated if not row.gone]
    stage = ban.next_stage(now) if ban else None
    told = [row for row in rows if row.next_action]
    if stage is None and not told:
        return None
    action = stage.action if stage else told[0].next_action
    numbers: dict[str, int] = {}
    for row in rows:
        numbers[row.state] = numbers.get(row.state, 0) + row.devices
    later = (State.NOT_IN_ROLLOUT, State.AWAITING_NOTICE)
    spared = (State.HELD, State.EXCEPTED, State.PAUSED)
    return Simulation(
        action=action,
        at=stage.start if stage else None,
        hit=sum(number for state, number in numbers.items() if state not in {*later, *spared, *DOES_NOT_COUNT}),
        later=sum(numbers.get(state, 0) for state in later),
        spared=tuple((state.value, numbers[state]) for state in spared if numbers.get(state)),
        untouched=tuple((state.value, numbers[state]) for state in sorted(DOES_NOT_COUNT) if numbers.get(state)),
    )


def _hits(connection: Connection, name: str, groups: trends.Groups, now: int) -> Days:
    """Day by day: on how many devices it was found for the first time, and from how many the last of it went."""
    came = {row[0]: row[1] for row in connection.execute(trends.appeared(name, groups))}
    went = {row[0]: row[1] for row in connection.execute(trends.vanished(name, groups))}
    today = now - now % DAY
    first = min((*came, *went, today - 6 * DAY))
    days = tuple(range(max(first, today - (HITS_SHOWN - 1) * DAY), today + DAY, DAY))
    return Days(
        days,
        {
            "found": tuple(came.get(day, 0) for day in days),
            "gone": tuple(went.get(day, 0) for day in days),
        },
    )


def _states(treated: Iterable[Any]) -> list[tuple[str, int]]:
    numbers: dict[str, int] = {}
    for row in treated:
        if not row.gone:
            numbers[row.state] = numbers.get(row.state, 0) + row.devices
    return sorted(numbers.items(), key=lambda item: -item[1])


def _groups(connection: Connection, name: str, groups: trends.Groups) -> tuple[figures.Group, ...]:
    sizes = [(row[0], row[1]) for row in connection.execute(trends.groups(groups))]
    hit = {row[0]: row[1] for row in connection.execute(trends.groups_hit(name, groups))}
    moved = {row[0]: row[1] for row in connection.execute(trends.groups_moved(groups))}
    return figures.groups(sizes, hit, moved)
