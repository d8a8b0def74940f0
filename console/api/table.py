"""Every endpoint of the read API in one table: the routes and /api/openapi.json are made of it, and of nothing else."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from typing import Any, Final, NamedTuple

from starlette.responses import Response

from console.api import parameters as given
from console.api import read
from console.api.answers import PROBLEM, Page, Problem, Unusable, answer, problem, schema_of
from console.api.parameters import Parameter
from console.api.shapes import Compliance, EventItem, FindingItem
from console.reports.shapes import Ban, Device, Granted
from console.web.context import Context, Handler, Visit

VERSION: Final = "1.0.0"
_REFERENCE: Final = "#/components/schemas/"


class Endpoint(NamedTuple):
    """One endpoint: all of them are GET."""

    path: str
    summary: str
    kind: Any
    read: Callable[[Context, Visit], object]
    parameters: tuple[Parameter, ...] = ()
    views: str = ""
    """The part of the path that names a device."""


ENDPOINTS: Final = (
    Endpoint(
        "/api/v1/devices",
        "Every device in its one state",
        Page[Device],
        read.devices,
        (given.BAN, given.GROUP, given.AFTER_DEVICE, given.MOST),
    ),
    Endpoint("/api/v1/devices/{device}", "One device with its findings", Device, read.device, views="device"),
    Endpoint(
        "/api/v1/findings",
        "What is there",
        Page[FindingItem],
        read.findings,
        (given.BAN, given.AFTER_FINDING, given.MOST),
    ),
    Endpoint(
        "/api/v1/events",
        "What changed",
        Page[EventItem],
        read.events,
        (given.DEVICE, given.SINCE, given.AFTER_EVENT, given.MOST),
    ),
    Endpoint("/api/v1/bans", "The bans of the policy in force", Page[Ban], read.bans),
    Endpoint("/api/v1/exceptions", "The exceptions ever approved", Page[Granted], read.exceptions, (given.BAN,)),
    Endpoint(
        "/api/v1/compliance",
        "The totals of the compliance report",
        Compliance,
        read.compliance,
        (given.AS_OF, given.BAN, given.GROUP),
    ),
)
ERRORS: Final = {
    400: "a parameter cannot be used",
    401: "no token, or one that is over",
    403: "the token is not good for reading",
    404: "there is no such device, or it is none of the token's groups",
    429: "too often: see Retry-After",
}


def handler(endpoint: Endpoint) -> Handler:
    """What the route of an endpoint calls."""

    def answered(context: Context, visit: Visit) -> Response:
        try:
            given.only_known(visit, endpoint.parameters)
            value = endpoint.read(context, visit)
        except Unusable as error:
            return problem(400, "The request cannot be used", str(error))
        if value is None:
            return problem(404, "Not found", "There is no such device.")
        return answer(visit, value)

    return answered


def openapi(context: Context, visit: Visit) -> Response:
    """The description of the API, for programs and for whoever writes them."""
    return answer(visit, description())


@cache
def description() -> dict[str, Any]:
    """OpenAPI 3.1 of the table."""
    kinds = [endpoint.kind for endpoint in ENDPOINTS]
    schemas, components = schema_of([*kinds, Problem], _REFERENCE)
    return {
        "openapi": "3.1.0",
        "info": {
            "title": "Interdict console",
            "version": VERSION,
            "summary": "Reads compliance. Findings are no proof of use.",
        },
        "paths": {
            endpoint.path: {"get": _operation(endpoint, schema, schemas[-1])}
            for endpoint, schema in zip(ENDPOINTS, schemas, strict=False)
        },
        "components": {"schemas": components, "securitySchemes": {"token": {"type": "http", "scheme": "bearer"}}},
        "security": [{"token": []}],
    }


def _operation(endpoint: Endpoint, schema: dict[str, Any], wrong: dict[str, Any]) -> dict[str, Any]:
    parts = [
        {"name": name, "in": "path", "required": True, "schema": given.DEVICE.schema}
        for name in (endpoint.views,)
        if name
    ]
    query = [
        {"name": one.name, "in": "query", "description": one.means, "schema": one.schema} for one in endpoint.parameters
    ]
    errors = {
        str(status): {"description": means, "content": {PROBLEM: {"schema": wrong}}}
        for status, means in ERRORS.items()
        if status != 404 or endpoint.views
    }
    etag = {"ETag": {"schema": {"type": "string"}}}
    found = {"description": endpoint.summary, "headers": etag, "content": {"application/json": {"schema": schema}}}
    return {
        "operationId": endpoint.read.__name__,
        "summary": endpoint.summary,
        "description": endpoint.read.__doc__,
        "parameters": [*parts, *query],
        "responses": {"200": found, "304": {"description": "as the ETag says", "headers": etag}, **errors},
    }
