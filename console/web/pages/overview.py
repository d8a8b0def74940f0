"""The fleet in one look: states, who moved, the way down to the deadline, and what comes next."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection
from starlette.responses import Response

from console import policy as policies
from console.policy import Policy
from console.state import SHOWN_FIRST, DeviceState
from console.store import listing
from console.store.queries import fleet, health, trends
from console.store.queries.fleet import Silence, Wanted
from console.store.queries.trends import Groups
from console.web import figures, times
from console.web.context import Context, Visit
from console.web.figures import DAY, Days

ASKED_SHOWN: Final = 5
ASKED_WITHIN: Final = 30 * DAY
AHEAD: Final = DAY


class Coming(NamedTuple):
    """Something that happens in the next 24 hours. `kind`: stage, ring, hold or exception."""

    at: int
    kind: str
    ban: str
    action: str
    devices: int | None
    """How many it is about; None where nobody can say."""
    percent: int = 0
    groups: tuple[str, ...] = ()


def show(context: Context, visit: Visit) -> Response:
    """Totals over what the viewer may see."""
    groups = visit.viewer.groups
    counted = context.counted(("overview", groups), lambda connection: _count(connection, context.silence(), groups))
    with context.database.read() as connection:
        since = context.clock() - ASKED_WITHIN
        return context.page(
            visit,
            "overview.html",
            title="Overview",
            charts=True,
            troubles=policies.troubles(connection, context.clock()),
            asked=connection.execute(fleet.newest_requests(since, ASKED_SHOWN, groups)).all(),
            **counted.value,
        )


def _count(connection: Connection, silence: Silence, groups: Groups) -> dict[str, Any]:
    counts = listing.counts(connection, silence, Wanted(groups=groups))
    found = counts.numbers
    policy = policies.current(connection)
    bans = sorted(connection.execute(trends.bans(groups)).all(), key=lambda row: (-row.devices, row.ban))
    marks = _deadlines(policy, bans)
    return {
        "as_of": counts.at,
        "totals": tuple((state, found.get(state, 0)) for state in SHOWN_FIRST),
        "devices": counts.all - found.get(DeviceState.REMOVED, 0),
        "everything": counts.all,
        "bans": bans[:6],
        "deadlines": {ban.id: ban.deadline for ban in policy.bans} if policy else {},
        "moved": connection.execute(trends.moved_or_not(groups)).one(),
        "way": way(connection, silence.now, "", groups, marks),
        "marks": marks,
        "coming": coming(connection, policy, silence.now, groups),
        "needs": _needs(connection, silence, groups),
    }


def way(connection: Connection, now: int, ban: str, groups: Groups, marks: Mapping[str, int]) -> Days:
    """Devices with something banned, and devices that moved, day by day on to the deadlines."""
    came = [(row[0], row[1]) for row in connection.execute(trends.appeared(ban, groups))]
    went = [(row[0], row[1]) for row in connection.execute(trends.vanished(ban, groups))]
    moved = [
        (day, row[1]) for row in connection.execute(trends.moved(groups)) if (day := figures.day_of(row[0])) is not None
    ]
    days = figures.window(now, min((day for day, _ in came), default=None), max(marks.values(), default=None))
    return Days(
        days,
        {
            "banned": figures.known(figures.standing(came, went, days), days, now),
            "moved": figures.known(figures.standing(moved, (), days), days, now),
        },
    )


def coming(connection: Connection, policy: Policy | None, now: int, groups: Groups) -> tuple[Coming, ...]:
    """The next 24 hours by time: rungs that come to devices, rings of a rollout, holds and exceptions that end."""
    begin, end = times.iso(now), times.iso(now + AHEAD)
    listed = [
        Coming(times.instant(row.next_from) or now, "stage", row.ban, row.next_action, row.devices)
        for row in connection.execute(trends.coming(begin, end, groups))
    ]
    listed += _of_policy(policy, now, {(one.ban, one.at, one.action) for one in listed})
    listed += [
        Coming(times.instant(row.first) or now, "hold", row.ban, "", row.requests)
        for row in connection.execute(trends.holds_ending(begin, end, groups))
    ]
    listed += [
        Coming(row.first, "exception", row.ban, "", row.devices)
        for row in connection.execute(trends.exceptions_lapsing(now, now + AHEAD, groups))
    ]
    return tuple(sorted(listed, key=lambda one: (one.at, one.kind, one.ban)))


def _of_policy(policy: Policy | None, now: int, known: set[tuple[str, int, str]]) -> list[Coming]:
    """What begins by the policy: stages that no device has told of, and rings."""
    listed: list[Coming] = []
    for ban in policy.bans if policy else ():
        listed += [
            Coming(stage.start, "stage", ban.id, stage.action, 0)
            for stage in ban.stages
            if now < stage.start <= now + AHEAD and (ban.id, stage.start, stage.action) not in known
        ]
        listed += [
            Coming(ring.start, "ring", ban.id, "", None, ring.percent, ring.groups)
            for ring in ban.rings
            if now < ring.start <= now + AHEAD
        ]
    return listed


def _deadlines(policy: Policy | None, bans: list[Any]) -> dict[str, int]:
    """The deadlines of the bans that hit most: what the line should be down for."""
    if policy is None:
        return {}
    hit = {row.ban for row in bans[:3]}
    return {ban.id: ban.deadline for ban in policy.bans if ban.deadline is not None and ban.id in hit}


def _needs(connection: Connection, silence: fleet.Silence, groups: Groups) -> list[tuple[str, int]]:
    """Troubles of agents that somebody should look at, with how many devices have them; silence is a state already."""
    row = connection.execute(health.counts(silence, groups)).one()
    counted = [(trouble.value, getattr(row, trouble.name.lower()) or 0) for trouble in health.Trouble]
    return [(name, number) for name, number in counted if number and name != health.Trouble.SILENT]
