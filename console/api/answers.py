"""How the read API answers: JSON with an ETag, pages by key, and problems as RFC 9457 writes them."""

from __future__ import annotations

import hashlib
from typing import Any, Final, Generic, TypeVar

import msgspec
from starlette.responses import Response

from console.web.context import Visit

PROBLEM: Final = "application/problem+json"
T = TypeVar("T")


class Page(msgspec.Struct, Generic[T], frozen=True, kw_only=True):
    """Some items, and what to send as `after` for the next ones; null at the end."""

    items: tuple[T, ...]
    next: str | None


class Problem(msgspec.Struct, frozen=True, kw_only=True):
    """What is wrong with a request, and what to do."""

    type: str = "about:blank"
    title: str
    status: int
    detail: str


class Unusable(Exception):
    """A request that cannot be answered: 400 with a sentence."""


def answer(visit: Visit, value: object) -> Response:
    """The value as JSON; 304 without a body when the program has it already."""
    body = msgspec.json.encode(value)
    etag = f'"{hashlib.sha256(body).hexdigest()[:32]}"'
    headers = {"ETag": etag, "Vary": "Authorization"}
    known = visit.request.headers.get("if-none-match", "")
    if etag in (part.strip().removeprefix("W/") for part in known.split(",")):
        return Response(status_code=304, headers=headers)
    return Response(body, media_type="application/json", headers=headers)


def problem(status: int, title: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """A problem as JSON."""
    body = msgspec.json.encode(Problem(title=title, status=status, detail=detail))
    return Response(body, status, headers=headers, media_type=PROBLEM)


def schema_of(kinds: list[Any], prefix: str) -> tuple[list[dict[str, Any]], dict[str, Any]]:
    """JSON Schemas of these kinds, and the components that they refer to."""
    schemas, components = msgspec.json.schema_components(kinds, ref_template=prefix + "{name}")
    return list(schemas), components
