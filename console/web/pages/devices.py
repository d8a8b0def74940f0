"""The list of devices: searched, narrowed, page by page."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from console.reports import compliance
from console.state import SHOWN_FIRST
from console.store.queries import health, trends
from console.web import filters
from console.web.context import Context, Visit

PATH = "/devices"


def show(context: Context, visit: Visit) -> Response:
    """One page of it. Ordered by a key, so that no page costs more than another."""
    silence, wanted, place = context.silence(), filters.wanted(visit), filters.place(visit)
    with context.database.read() as connection:
        lines, following, counts = compliance.lines(connection, silence, wanted, place)
    counts = counts or context.counts(wanted)
    choices = context.counted(("choices", wanted.groups), lambda connection: _choices(connection, wanted.groups))
    told = filters.values(wanted)
    return context.page(
        visit,
        "devices.html",
        title="Devices",
        lines=lines,
        number=counts.all,
        as_of=counts.at,
        wanted=wanted,
        told=told,
        query=filters.query("", told),
        narrowed=lambda **changes: filters.address(PATH, wanted, **changes),
        first=filters.address(PATH, wanted) if place else "",
        following=filters.address(PATH, wanted, after="|".join(map(str, following))) if following else "",
        states=SHOWN_FIRST,
        **choices.value,
        silent_after=context.settings.silent_after,
    )


def _choices(connection: Connection, groups: frozenset[str] | None) -> dict[str, Any]:
    """What the list can be narrowed to."""
    return {
        "bans": sorted(row.ban for row in connection.execute(trends.bans(groups))),
        "groups": sorted(row[0] for row in connection.execute(trends.groups(groups))),
        "agents": list(connection.execute(health.agent_versions()).scalars()),
    }
