"""Who moved to what: by day, by tool, by group. An axis of its own, beside the states."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Connection
from starlette.responses import Response

from console.store.queries import trends
from console.web import figures
from console.web.context import Context, Visit
from console.web.figures import Days


def show(context: Context, visit: Visit) -> Response:
    """Totals; the devices themselves are a narrowed list of devices."""
    groups = visit.viewer.groups
    counted = context.counted(("moves", groups), lambda connection: _counted(connection, context.clock(), groups))
    return context.page(visit, "moves.html", title="Moves", charts=True, as_of=counted.as_of, **counted.value)


def _counted(connection: Connection, now: int, groups: frozenset[str] | None) -> dict[str, Any]:
    """All figures of the page."""
    moved = [
        (day, row[1]) for row in connection.execute(trends.moved(groups)) if (day := figures.day_of(row[0])) is not None
    ]
    days = figures.window(now, min((day for day, _ in moved), default=None))
    sizes = [(row[0], row[1]) for row in connection.execute(trends.groups(groups))]
    hit = {row[0]: row[1] for row in connection.execute(trends.groups_hit("", groups))}
    having = {row[0]: row[1] for row in connection.execute(trends.groups_moved(groups))}
    return {
        "moved": connection.execute(trends.moved_or_not(groups)).one(),
        "between": connection.execute(trends.moved_between(groups)).all(),
        "way": Days(days, {"moved": figures.standing(moved, (), days)}),
        "groups": figures.groups(sizes, hit, having),
    }
