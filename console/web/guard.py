"""The check of session, role and form token that stands before every handler."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final, NamedTuple, cast
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route

from console.access import Role, Viewer, same
from console.web import forms
from console.web.context import NOBODY, Context, Handler, Visit
from console.web.forms import Form


class Who(StrEnum):
    """Who may call a route."""

    ANYBODY = "anybody"
    AGENT = "agent"
    """A machine; what it sends is checked by `console/ingest/verify.py`, never by a session."""
    VIEWER = "viewer"
    APPROVER = "approver"
    ADMIN = "admin"
    TOKEN = "token"
    """A program with a token of the read API."""


NEEDS: Final = {Who.VIEWER: Role.VIEWER, Who.APPROVER: Role.APPROVER, Who.ADMIN: Role.ADMIN}
TRIAL: Final = Viewer(name="trial", csrf="trial", role=Role.ADMIN)
"""Whoever looks at a console without a login. `LocalOnly` and `Sec-Fetch-Site` keep forms of other sites away."""


class Rule(NamedTuple):
    """One route: its method, its path, who may call it, and what answers."""

    method: str
    path: str
    who: Who
    handler: Handler


class Guard:
    """Turns rules into routes that begin with the check."""

    def __init__(self, context: Context) -> None:
        self._context = context

    def route(self, rule: Rule) -> Route:
        """The route of a rule. Its name is what a test finds it by."""

        async def endpoint(request: Request) -> Response:
            return await self._answer(rule, request)

        return Route(rule.path, endpoint, methods=[rule.method], name=f"{rule.method} {rule.path}")

    async def _answer(self, rule: Rule, request: Request) -> Response:
        if rule.who in (Who.ANYBODY, Who.AGENT):
            return await self._call(rule.handler, Visit(request, NOBODY, Form()))
        if rule.who is Who.TOKEN:
            return PlainTextResponse("This needs a token.\n", 401, headers={"WWW-Authenticate": "Bearer"})
        viewer = await run_in_threadpool(self._viewer, request)
        if viewer is None:
            return _to_login(request)
        if not viewer.role.may(NEEDS[rule.who]):
            return PlainTextResponse("Your role does not allow this.\n", 403)
        form = Form()
        if rule.method != "GET":
            form = await forms.read_form(request)
            if not same(form.get("csrf"), viewer.csrf) or _from_elsewhere(request):
                return PlainTextResponse("This form is not yours. Go back and try again.\n", 403)
        return await self._call(rule.handler, Visit(request, viewer, form))

    async def _call(self, handler: Handler, visit: Visit) -> Response:
        if inspect.iscoroutinefunction(handler):
            return await cast("Awaitable[Response]", handler(self._context, visit))
        plain = cast("Callable[[Context, Visit], Response]", handler)
        return await run_in_threadpool(plain, self._context, visit)

    def _viewer(self, request: Request) -> Viewer | None:
        if self._context.settings.trial:
            return TRIAL
        return self._context.access.viewer(self._context.cookie(request, forms.SESSION))


def _to_login(request: Request) -> Response:
    """Signs in and comes back; a form that was sent is not sent again."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(wanted if request.method == 'GET' else '/')}", 303)


def _from_elsewhere(request: Request) -> bool:
    """Whether the browser itself says that another site sent this."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
