"""The check of session, role and form token that stands before every handler."""

from __future__ import annotations

import inspect
import secrets
from collections.abc import Awaitable, Callable
from enum import StrEnum
from typing import Final, NamedTuple, cast
from urllib.parse import quote

from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import PlainTextResponse, RedirectResponse, Response
from starlette.routing import Route
from starlette.types import Receive, Send
from starlette.types import Scope as ASGIScope

from console import audit
from console.access import Limit, Rates, Role, Scope, Viewer, same
from console.api.answers import problem
from console.store.queries import access
from console.web import forms
from console.web.context import NOBODY, Context, Handler, Visit
from console.web.forms import Form
from console.web.languages import mark as _
from policy_schema.messages.wire import clean

OK: Final = 200
NOT_ALLOWED: Final = _("Your role does not allow this.")
NOT_YOURS: Final = _("This form is not yours. Go back and try again.")
NO_PAGE: Final = _("There is no such page.")


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
TRIAL: Final = Viewer(name="trial", csrf=secrets.token_urlsafe(32), role=Role.ADMIN)
"""Whoever looks at a console without a login. `LocalOnly` and the form token keep other sites' forms away."""


class Rule(NamedTuple):
    """One route: its method, its path, who may call it, and what answers."""

    method: str
    path: str
    who: Who
    handler: Handler
    views: str = ""
    """The part of the path that names the device whose data is shown: who looked is then put on the record."""
    scope: Scope = Scope.READ
    """What a token must be good for."""
    limit: Limit | None = None
    """How often one may ask; routes for tokens have that of the API by themselves."""


class Machines:
    """A route for machines, as an application of its own: a report costs a fraction of what a page may cost."""

    def __init__(self, context: Context, handler: Handler) -> None:
        self._context = context
        self._handler = cast("Callable[[Context, Visit], Awaitable[Response]]", handler)

    async def __call__(self, scope: ASGIScope, receive: Receive, send: Send) -> None:
        """Hands the request on and sends the answer."""
        response = await self._handler(self._context, Visit(Request(scope, receive), NOBODY, Form()))
        await response(scope, receive, send)


class Guard:
    """Turns rules into routes that begin with the check."""

    def __init__(self, context: Context) -> None:
        self._context = context
        self._rates = Rates()

    def route(self, rule: Rule) -> Route:
        """The route of a rule. Its name is what a test finds it by."""

        async def endpoint(request: Request) -> Response:
            return await self._answer(rule, request)

        if rule.who is Who.AGENT:
            # Nothing of what stands before people is for a machine: its every request is checked by what it signed.
            return Route(rule.path, Machines(self._context, rule.handler), methods=[rule.method], name=_name(rule))
        return Route(rule.path, endpoint, methods=[rule.method], name=_name(rule))

    async def _answer(self, rule: Rule, request: Request) -> Response:
        if rule.who is Who.ANYBODY:
            refused = self._too_often(rule.limit, self._address(request))
            return refused or await self._call(rule, Visit(request, NOBODY, Form()))
        if rule.who is Who.TOKEN:
            return await self._for_program(rule, request)
        return await self._for_person(rule, request)

    async def nothing(self, request: Request, error: Exception) -> Response:
        """An address that is none: a page for a browser, a line for everything else."""
        if "text/html" not in request.headers.get("accept", "") or request.url.path.startswith(("/api/", "/static/")):
            return PlainTextResponse("Nothing here.\n", 404)
        viewer = await run_in_threadpool(self._viewer, request)
        visit = Visit(request, viewer or NOBODY, Form())
        return await run_in_threadpool(self._context.nothing, visit, NO_PAGE)

    async def _for_program(self, rule: Rule, request: Request) -> Response:
        kind, _blank, token = request.headers.get("authorization", "").partition(" ")
        holder = await run_in_threadpool(self._context.access.tokens.holder, token) if kind == "Bearer" else None
        if holder is None:
            return problem(401, "No token", "This needs a token.", {"WWW-Authenticate": "Bearer"})
        if rule.scope not in holder.scopes:
            return problem(403, "Not for this token", f"This token is not good for {rule.scope}.")
        wait = self._wait(rule.limit or Limit.API, holder.viewer.name)
        refused = wait and problem(429, "Too often", f"Try again in {wait} seconds.", {"Retry-After": str(wait)})
        return refused or await self._call(rule, Visit(request, holder.viewer, Form()))

    async def _for_person(self, rule: Rule, request: Request) -> Response:
        viewer = await run_in_threadpool(self._viewer, request)
        if viewer is None:
            return _to_login(request)
        if not viewer.role.may(NEEDS[rule.who]) or (rule.who is Who.ADMIN and viewer.groups is not None):
            return await self._refused(request, viewer, NOT_ALLOWED)
        form = Form()
        if rule.method != "GET":
            form = await forms.read_form(request)
            if not same(form.get("csrf"), viewer.csrf) or _from_elsewhere(request):
                return await self._refused(request, viewer, NOT_YOURS)
        refused = self._too_often(rule.limit, viewer.name)
        return refused or await self._call(rule, Visit(request, viewer, form))

    async def _refused(self, request: Request, viewer: Viewer, sentence: str) -> Response:
        """A page that says why not, with the ways on that this viewer has."""
        visit = Visit(request, viewer, Form())
        return await run_in_threadpool(
            lambda: self._context.page(visit, "nothing.html", status=403, title="Not allowed", sentence=sentence)
        )

    async def _call(self, rule: Rule, visit: Visit) -> Response:
        if rule.views and not await run_in_threadpool(self._sees, visit.viewer, visit.part(rule.views)):
            if rule.who is Who.TOKEN:
                return problem(404, "Not found", "There is no such device.")
            return self._context.nothing(visit, "There is no such device.")
        if inspect.iscoroutinefunction(rule.handler):
            response = await cast("Awaitable[Response]", rule.handler(self._context, visit))
        else:
            plain = cast("Callable[[Context, Visit], Response]", rule.handler)
            response = await run_in_threadpool(plain, self._context, visit)
        if rule.views and response.status_code == OK:
            await run_in_threadpool(self._looked, visit, visit.part(rule.views))
        return response

    def _sees(self, viewer: Viewer, device: str) -> bool:
        """Whether a device is among those that they may see. One that is not there is not for this to say."""
        if viewer.groups is None:
            return True
        with self._context.database.read() as connection:
            groups = connection.execute(access.groups_of(clean(device, 40))).scalars().all()
        return viewer.sees(frozenset(groups))

    def _looked(self, visit: Visit, device: str) -> None:
        """Put on the record before anything is shown: what cannot be recorded is not shown."""
        path = visit.request.url.path
        with self._context.database.write() as connection:
            audit.record(
                connection, self._context.clock(), who=visit.viewer.name, what="viewed", about=device, detail=path
            )

    def _too_often(self, limit: Limit | None, who: str) -> Response | None:
        wait = self._wait(limit, who)
        if not wait:
            return None
        return PlainTextResponse(
            f"That was too often. Try again in {wait} seconds.\n", 429, headers={"Retry-After": str(wait)}
        )

    def _wait(self, limit: Limit | None, who: str) -> int:
        """Seconds until they may ask again; 0: now."""
        if limit is None or self._context.settings.trial:
            return 0
        return self._rates.wait(limit, who, self._context.clock())

    def _address(self, request: Request) -> str:
        return forms.client_address(request, behind_tls=self._context.settings.behind_tls)

    def _viewer(self, request: Request) -> Viewer | None:
        if self._context.settings.trial:
            return TRIAL
        return self._context.access.viewer(self._context.cookie(request, forms.SESSION))


def _name(rule: Rule) -> str:
    return f"{rule.method} {rule.path}"


def _to_login(request: Request) -> Response:
    """Signs in and comes back; a form that was sent is not sent again."""
    wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
    return RedirectResponse(f"/login?next={quote(wanted if request.method == 'GET' else '/')}", 303)


def _from_elsewhere(request: Request) -> bool:
    """Whether the browser itself says that another site sent this."""
    return request.headers.get("sec-fetch-site", "same-origin") not in ("same-origin", "none")
