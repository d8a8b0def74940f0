"""The doors for machines; what stands behind them is `console/ingest`."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from console.web.context import Context, Visit


async def enrol(context: Context, visit: Visit) -> Response:
    """A machine joins."""
    return await context.agents.enrol(visit.request)


async def reports(context: Context, visit: Visit) -> Response:
    """A machine reports."""
    return await context.agents.reports(visit.request)


async def healthz(context: Context, visit: Visit) -> Response:
    """For whatever restarts servers."""
    return PlainTextResponse("ok\n")
