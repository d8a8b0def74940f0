"""Who moved to what: by day, by tool, by group. An axis of its own, beside the states."""

from __future__ import annotations

from starlette.responses import Response

from console.store.queries import trends
from console.web import figures
from console.web.context import Context, Visit
from console.web.figures import Days


def show(context: Context, visit: Visit) -> Response:
    """Totals; the devices themselves are a narrowed list of devices."""
    groups = visit.viewer.groups
    counted = context.kept.get(("moves", groups), lambda: _counted(context, groups))
    return context.page(visit, "moves.html", title="Moves", charts=True, **counted)


def _counted(context: Context, groups: frozenset[str] | None) -> dict[str, object]:
    """All figures of the page."""
    with context.database.read() as connection:
        moved = [
            (day, row[1])
            for row in connection.execute(trends.moved(groups))
            if (day := figures.day_of(row[0])) is not None
        ]
        days = figures.window(context.clock(), min((day for day, _ in moved), default=None))
        sizes = [(row[0], row[1]) for row in connection.execute(trends.groups(groups))]
        hit = {row[0]: row[1] for row in connection.execute(trends.groups_hit("", groups))}
        having = {row[0]: row[1] for row in connection.execute(trends.groups_moved(groups))}
        return {
            "moved": connection.execute(trends.moved_or_not(groups)).one(),
            "between": connection.execute(trends.moved_between(groups)).all(),
            "way": Days(days, {"moved": figures.standing(moved, (), days)}),
            "groups": figures.groups(sizes, hit, having),
        }
