"""What every page gets: the parts of the console, who is looking, and how a page is made of a template."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Hashable
from dataclasses import dataclass, field
from typing import Final, Generic, NamedTuple, TypeVar

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import HTMLResponse, RedirectResponse, Response

from console import audit
from console.access import Access, Role, Viewer
from console.clock import Clock
from console.ingest.agents import AgentRoutes
from console.reports.interface import NO_PROOF
from console.settings import Settings
from console.store import listing
from console.store.db import Database
from console.store.listing import Counts
from console.store.queries.fleet import Silence, Wanted
from console.store.retention import Keep
from console.web import forms
from console.web.forms import Form
from console.web.kept import SLOW, Kept
from console.web.navigation import ITEMS, Item
from console.web.templating import Templates
from console.web.view import view_of

T = TypeVar("T")
NOBODY: Final = Viewer(name="", csrf="", role=Role.VIEWER, groups=frozenset())
"""Somebody who is not signed in: they see no device at all."""


class Counted(NamedTuple, Generic[T]):
    """Totals, and the instant at which they were counted."""

    value: T
    as_of: int


class Visit(NamedTuple):
    """One request of somebody whom the guard has let through."""

    request: Request
    viewer: Viewer
    """`NOBODY` on what anybody may ask for."""
    form: Form
    """The fields of a form that was sent, its token checked; empty otherwise, and on what anybody may ask for."""

    def asked(self, name: str) -> str:
        """A value from the address; empty when it is not there."""
        return self.request.query_params.get(name, "")

    def part(self, name: str) -> str:
        """A part of the path, such as the `device` of `/devices/{device}`."""
        return str(self.request.path_params[name])


@dataclass(frozen=True, kw_only=True)
class Context:
    """The parts of the console. Built once, in `console/app.py`."""

    database: Database
    settings: Settings
    clock: Clock
    access: Access
    agents: AgentRoutes
    templates: Templates
    pages: tuple[tuple[str, Role], ...] = ()
    """The paths of pages, each with the role that it needs."""
    kept: Kept = field(default_factory=Kept)
    """Totals that took long to count."""
    keep: Keep = Keep()  # noqa: RUF009 - a tuple that nobody can change
    """How long what is kept."""

    def silence(self) -> Silence:
        """Now, and after how many seconds a device counts as silent."""
        return Silence(self.clock(), self.settings.silent_after)

    def counted(self, key: Hashable, count: Callable[[Connection], T]) -> Counted[T]:
        """Totals over the fleet that need not be of this second: kept for a while where they take long."""

        def anew() -> Counted[T]:
            at = self.clock()
            with self.database.read() as connection:
                return Counted(count(connection), at)

        found: Counted[T] = self.kept.get(key, anew)
        return found

    def counts(self, wanted: Wanted) -> Counts:
        """How many devices are in each state. A list is no place to wait: kept from a tenth of the usual time on, and
        of a large fleet only, so that a small one is always shown as it is.
        """
        every = wanted._replace(state=None)

        def anew() -> Counts:
            with self.database.read() as connection:
                return listing.counts(connection, self.silence(), every)

        found: Counts = self.kept.get(("counts", every), anew, slow=SLOW / 10, worth=Counts.large)
        return found if wanted.state is None else found.only(wanted.state)

    def page(self, visit: Visit, template: str, *, status: int = 200, **values: object) -> Response:
        """A page as the viewer wants to see it. What every template has besides stands in `templates/base.html`."""
        url = visit.request.url
        text = self.templates.render(
            template,
            view_of(visit.request),
            viewer=visit.viewer,
            navigation=self._navigation(visit.viewer),
            trial=self.settings.trial,
            now=self.clock(),
            path=url.path,
            here=url.path + (f"?{url.query}" if url.query else ""),
            no_proof=NO_PROOF,
            broken_glass=self.access.broken_glass() if visit.viewer.name else (),
            **values,
        )
        return HTMLResponse(text, status)

    def _navigation(self, viewer: Viewer) -> tuple[Item, ...]:
        """The entries whose pages there are and which this viewer may open."""
        if not viewer.name:
            return ()
        allowed = {path for path, role in self.pages if viewer.role.may(role)}
        return tuple(item for item in ITEMS if item.path in allowed)

    def nothing(self, visit: Visit, sentence: str) -> Response:
        """There is no such thing: 404 with a sentence that says what."""
        return self.page(visit, "nothing.html", status=404, title="Not found", sentence=sentence)

    def record(self, visit: Visit, what: str, detail: str = "") -> None:
        """One line of the audit record about the viewer."""
        with self.database.write() as connection:
            audit.record(connection, self.clock(), who=visit.viewer.name, what=what, detail=detail)

    def cookie(self, request: Request, name: str) -> str:
        """The value of one of our cookies, or nothing."""
        return request.cookies.get(forms.cookie_name(name, self.settings.behind_tls), "")


Handler = Callable[[Context, Visit], Response] | Callable[[Context, Visit], Awaitable[Response]]
"""What answers a request. A plain function runs in a thread of its own; an `async` one must never wait for a disk."""


def go(path: str) -> Response:
    """Onwards after a form: the browser asks for `path`, and a reload sends nothing twice."""
    return RedirectResponse(path, 303)


def download(content: str | bytes, kind: str, name: str) -> Response:
    """A file to keep."""
    return Response(content, headers={"Content-Disposition": f'attachment; filename="{name}"'}, media_type=kind)
