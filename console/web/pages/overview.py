"""The fleet in one look, and the list of devices."""

from __future__ import annotations

from typing import Final

from starlette.responses import Response

from console.reports import compliance
from console.state import MEANS
from console.store.queries import fleet
from console.store.queries.fleet import Wanted
from console.web import filters
from console.web.context import Context, Visit

ASKED_SHOWN: Final = 10
ASKED_WITHIN: Final = 30 * 86_400
"""Seconds for which what people asked for stands on the page of all machines."""


def show(context: Context, visit: Visit) -> Response:
    """Totals, bans, policies, moves, and one page of devices."""
    silence, wanted, place = context.silence(), filters.wanted(visit), filters.place(visit)
    with context.database.read() as connection:
        overview = compliance.overview(connection, silence)
        lines, following = compliance.lines(connection, silence, wanted, place)
        asked = connection.execute(fleet.newest_requests(silence.now - ASKED_WITHIN, ASKED_SHOWN)).all()
    return context.page(
        visit,
        "compliance.html",
        title="Compliance",
        overview=overview,
        lines=lines,
        asked=asked,
        wanted=wanted,
        narrowed=wanted != Wanted(),
        later=place is not None,
        here=lambda **changes: filters.address(wanted, **changes),
        following=filters.address(wanted, after="|".join(map(str, following))) if following else "",
        means=MEANS,
        silent_after=context.settings.silent_after,
    )
