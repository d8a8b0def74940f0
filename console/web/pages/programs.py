"""The doors for programs with a token: the read API and the figures for Prometheus."""

from __future__ import annotations

from typing import Final
from weakref import WeakKeyDictionary

from starlette.responses import Response

from console.api.table import ENDPOINTS, handler, openapi
from console.exports.metrics import MEDIA, Metrics
from console.store.db import Database
from console.web.context import Context, Handler, Visit

OPENAPI: Final = "/api/openapi.json"
METRICS: Final = "/metrics"
READ: Final[tuple[tuple[str, Handler, str], ...]] = tuple(
    (endpoint.path, handler(endpoint), endpoint.views) for endpoint in ENDPOINTS
)
"""Path, what answers, and the part of the path that names a device."""
_METRICS: Final[WeakKeyDictionary[Database, Metrics]] = WeakKeyDictionary()
"""One a database, so that consoles of one process do not mix their figures."""

__all__ = ["METRICS", "OPENAPI", "READ", "metrics", "openapi"]


def metrics(context: Context, visit: Visit) -> Response:
    """Figures of the fleet and of this process."""
    with context.database.read() as connection:
        text = _METRICS.setdefault(context.database, Metrics()).text(
            connection, context.silence(), queue_full=context.agents.full
        )
    return Response(text, media_type=MEDIA)
