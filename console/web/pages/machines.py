"""The doors for machines; what stands behind them is `console/ingest`."""

from __future__ import annotations

from starlette.responses import PlainTextResponse, Response

from console.exports.metrics import timed
from console.readiness import not_ready
from console.web.context import Context, Visit


async def enrol(context: Context, visit: Visit) -> Response:
    """A machine joins."""
    return await context.agents.enrol(visit.request)


async def reports(context: Context, visit: Visit) -> Response:
    """A machine reports."""
    with timed():
        return await context.agents.reports(visit.request)


async def healthz(context: Context, visit: Visit) -> Response:
    """For whatever restarts servers: this process serves."""
    return PlainTextResponse("ok\n")


def readyz(context: Context, visit: Visit) -> Response:
    """For load balancers: whether reports that come here now can be stored. A line for what is not well."""
    wrong = not_ready(context.database, context.agents)
    return PlainTextResponse("".join(f"{line}\n" for line in wrong) or "ok\n", 503 if wrong else 200)
