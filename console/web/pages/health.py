"""How the agents themselves are doing: versions, silence, and whatever they say is wrong with them."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Select
from starlette.responses import Response

from console import policy as policies
from console.access import Role
from console.store.queries import handover, health, schedules
from console.store.queries.fleet import Silence
from console.store.queries.health import Trouble
from console.web import filters
from console.web.context import Context, Visit

PAGE: Final = 50
MOST_UNDELIVERED: Final = 10
PATH: Final = "/health"


def show(context: Context, visit: Visit) -> Response:
    """Totals; and the devices with one trouble, if one was chosen."""
    silence, groups = context.silence(), visit.viewer.groups
    asked = visit.asked("trouble")
    chosen = Trouble(asked) if asked in set(Trouble) else None
    place = filters.pair(visit)
    counted = context.counted(("health", groups), lambda connection: _counted(connection, context.silence(), groups))
    with context.database.read() as connection:
        rows = _rows(connection, health.listed(chosen, silence, groups, place, PAGE + 1)) if chosen else []
        following = rows[PAGE - 1] if len(rows) > PAGE else None
        return context.page(
            visit,
            "health.html",
            title="Health",
            chosen=chosen.value if chosen else "",
            listed=[_with_heartbeat(one) for one in rows[:PAGE]],
            first=filters.query(PATH, {"trouble": asked}) if chosen and place else "",
            following=_after(asked, following) if following else "",
            undelivered=_undelivered(connection) if visit.viewer.role.may(Role.ADMIN) and groups is None else (),
            of_policy=policies.troubles(connection, silence.now),
            silent_after=context.settings.silent_after,
            as_of=counted.as_of,
            **counted.value,
        )


def _counted(connection: Connection, silence: Silence, groups: health.Groups) -> dict[str, Any]:
    """What is counted over the fleet."""
    row = connection.execute(health.counts(silence, groups)).one()
    return {
        "devices": row.devices,
        "troubles": [(trouble.value, getattr(row, trouble.name.lower()) or 0) for trouble in Trouble],
        "agents": connection.execute(health.agents(silence, groups)).all(),
        "not_understood": _bans(connection, groups),
        "problems": connection.execute(health.problems(silence, groups)).all(),
    }


def _undelivered(connection: Connection) -> list[tuple[str, str]]:
    """Name and problem of the reports and events that did not arrive."""
    reports = connection.execute(schedules.troubled(MOST_UNDELIVERED)).all()
    return [(row.name, row.problem) for row in (*reports, *connection.execute(handover.troubled()).all())]


def _rows(connection: Connection, statement: Select[Any]) -> list[Any]:
    return list(connection.execute(statement).all())


def _after(trouble: str, row: Any) -> str:
    return filters.query(PATH, {"trouble": trouble, "after": f"{row.host_key}|{row.device_id}"})


def _with_heartbeat(row: Any) -> dict[str, Any]:
    return {
        **row._mapping,
        "beat": msgspec.json.decode(row.heartbeat),
        "not_understood": msgspec.json.decode(row.not_understood),
    }


def _bans(connection: Connection, groups: health.Groups) -> list[tuple[str, int]]:
    """For each ban: how many agents are too old for it."""
    found: Counter[str] = Counter()
    for row in connection.execute(health.not_understood(groups)):
        for ban in msgspec.json.decode(row[0], type=list[str]):
            found[ban] += row[1]
    return found.most_common(20)
