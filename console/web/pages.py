"""The pages for people. Machines have `console/ingest/agents.py`."""

from __future__ import annotations

import secrets
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any, Final
from urllib.parse import quote, urlencode

import msgspec
from jinja2 import Environment, FileSystemLoader, StrictUndefined
from sqlalchemy import Connection
from starlette.concurrency import run_in_threadpool
from starlette.requests import Request
from starlette.responses import HTMLResponse, PlainTextResponse, RedirectResponse, Response

from console import audit
from console.access import SESSION_LASTS, Access, Viewer, same
from console.clock import Clock
from console.exports.csv import write_csv
from console.exports.json import write_json
from console.reports import compliance
from console.reports.interface import NO_PROOF
from console.settings import Settings
from console.state import MEANS, SHOWN_FIRST, DeviceState
from console.store.db import Database
from console.store.queries import fleet
from console.store.queries.fleet import Place, Silence, Wanted
from console.web import forms, words
from policy_schema.messages.kinds import DeviceId, Epoch
from policy_schema.messages.wire import MessageRefused, clean, inflate

HISTORY_SHOWN: Final = 200
REPORTS_SHOWN: Final = 30
ASKED_SHOWN: Final = 10
ASKED_WITHIN: Final = 30 * 86_400
"""Seconds for which what people asked for stands on the page of all machines."""
TRIAL: Final = Viewer(name="trial", csrf="")
Handler = Callable[[Request, Viewer], Response]


class Pages:
    """Every page; each handler begins after the check of who is looking."""

    def __init__(self, *, database: Database, access: Access, settings: Settings, clock: Clock) -> None:
        self._database = database
        self._access = access
        self._settings = settings
        self._clock = clock
        self._templates = _environment()

    # ------------------------------------------------------------------------------------------- who is looking

    def guarded(self, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
        """A page for those who are signed in; others are led to the login and back."""

        async def guarded(request: Request) -> Response:
            viewer = await run_in_threadpool(self._viewer, request)
            if viewer is None:
                wanted = request.url.path + (f"?{request.url.query}" if request.url.query else "")
                return RedirectResponse(f"/login?next={quote(wanted)}", 303)
            return await run_in_threadpool(handler, request, viewer)

        return guarded

    def _viewer(self, request: Request) -> Viewer | None:
        return TRIAL if self._settings.trial else self._access.viewer(self._cookie(request, forms.SESSION))

    def _cookie(self, request: Request, name: str) -> str:
        return request.cookies.get(forms.cookie_name(name, self._settings.behind_tls), "")

    async def login(self, request: Request) -> Response:
        """The form."""
        return self._login_form(forms.local_path(request.query_params.get("next", "/")), "", 200)

    async def sign_in(self, request: Request) -> Response:
        """The form, filled in. One sentence for every reason, so that nobody learns which names exist."""
        form = await forms.read_form(request)
        following = forms.local_path(form.get("next", "/"))
        if not same(form.get("token", ""), self._cookie(request, forms.LOGIN_FORM)):
            return self._login_form(following, "The form was too old. Please try again.", 403)
        address = forms.client_address(request, behind_tls=self._settings.behind_tls)
        token = await run_in_threadpool(self._access.sign_in, form.get("name", ""), form.get("password", ""), address)
        if token is None:
            return self._login_form(
                following, "That did not work. After several tries, wait for a quarter of an hour.", 403
            )
        response = RedirectResponse(following, 303)
        behind_tls = self._settings.behind_tls
        forms.set_cookie(response, forms.SESSION, token, behind_tls=behind_tls, lasts=SESSION_LASTS)
        forms.drop_cookie(response, forms.LOGIN_FORM, behind_tls=behind_tls)
        return response

    async def sign_out(self, request: Request) -> Response:
        """Ends the session, if the form is ours."""
        token = self._cookie(request, forms.SESSION)
        viewer = await run_in_threadpool(self._access.viewer, token)
        form = await forms.read_form(request)
        if viewer is None or not same(form.get("csrf", ""), viewer.csrf):
            return PlainTextResponse("This form is not yours. Go back and try again.\n", 403)
        await run_in_threadpool(self._access.sign_out, token, viewer.name)
        response = RedirectResponse("/login", 303)
        forms.drop_cookie(response, forms.SESSION, behind_tls=self._settings.behind_tls)
        return response

    def _login_form(self, following: str, problem: str, status: int) -> Response:
        token = secrets.token_urlsafe(32)
        page = self._templates.get_template("login.html").render(
            title="Sign in", viewer=None, trial=False, following=following, problem=problem, token=token
        )
        response = HTMLResponse(page, status)
        forms.set_cookie(response, forms.LOGIN_FORM, token, behind_tls=self._settings.behind_tls)
        return response

    # ------------------------------------------------------------------------------------------- what they see

    def compliance(self, request: Request, viewer: Viewer) -> Response:
        """The fleet in one look, and the list of devices."""
        silence, wanted = self._silence(), _wanted(request)
        with self._database.read() as connection:
            overview = compliance.overview(connection, silence)
            lines, following = compliance.lines(connection, silence, wanted, _place(request))
            asked = connection.execute(fleet.newest_requests(silence.now - ASKED_WITHIN, ASKED_SHOWN)).all()
        return self._page(
            "compliance.html",
            viewer,
            title="Compliance",
            overview=overview,
            lines=lines,
            asked=asked,
            wanted=wanted,
            narrowed=wanted != Wanted(),
            later=_place(request) is not None,
            here=lambda **changes: _address(wanted, **changes),
            following=_address(wanted, after="|".join(map(str, following))) if following else "",
            means=MEANS,
            silent_after=self._settings.silent_after,
        )

    def device(self, request: Request, viewer: Viewer) -> Response:
        """One device: findings, history, coverage, reports as received."""
        name = str(request.path_params["device"])
        with self._database.read() as connection:
            line = compliance.one_line(connection, self._silence(), name) if _is(name, DeviceId) else None
            if line is None:
                return self._nothing(viewer, "There is no such device.")
            return self._page(
                "device.html",
                viewer,
                title=line.host_name,
                line=line,
                coverage=_with_reasons(connection, name),
                history=connection.execute(fleet.history(name, HISTORY_SHOWN)).all(),
                history_shown=HISTORY_SHOWN,
                reports=connection.execute(fleet.reports(name, REPORTS_SHOWN)).all(),
                asked=connection.execute(fleet.requests(name, REPORTS_SHOWN)).all(),
                heartbeat=_heartbeat(connection, name),
            )

    def report(self, request: Request, viewer: Viewer) -> Response:
        """One report, word for word as the device sent it."""
        device, epoch = str(request.path_params["device"]), str(request.path_params["epoch"])
        sequence = int(request.path_params["sequence"])
        body: bytes | None = None
        if _is(device, DeviceId) and _is(epoch, Epoch) and sequence < 2**53:
            with self._database.read() as connection:
                body = connection.execute(fleet.report_body(device, epoch, sequence)).scalar_one_or_none()
        if body is None:
            return self._nothing(viewer, "There is no such report. Only the newest reports of a device are kept.")
        try:
            text = words.visible(msgspec.json.format(inflate(body), indent=2).decode())
        except (MessageRefused, msgspec.MsgspecError, UnicodeError):
            return self._nothing(viewer, "This report cannot be shown.")
        return self._page(
            "report.html", viewer, title=f"Report {sequence}", device=device, sequence=sequence, text=text
        )

    def export_csv(self, request: Request, viewer: Viewer) -> Response:
        """The list as it is narrowed, as CSV. With the mark that makes spreadsheets read it as UTF-8."""
        with self._database.read() as connection:
            text = "".join(write_csv(compliance.all_lines(connection, self._silence(), _wanted(request))))
        self._exported(viewer, "compliance.csv")
        return _file("\ufeff" + text, "text/csv; charset=utf-8", "compliance.csv")

    def export_json(self, request: Request, viewer: Viewer) -> Response:
        """The same as JSON, with the totals."""
        silence = self._silence()
        with self._database.read() as connection:
            lines = compliance.all_lines(connection, silence, _wanted(request))
            body = write_json(compliance.overview(connection, silence), lines, silence.now)
        self._exported(viewer, "compliance.json")
        return _file(body, "application/json", "compliance.json")

    async def not_found(self, request: Request, error: Exception) -> Response:
        """Any address that is none."""
        return PlainTextResponse("Nothing here.\n", 404)

    # ------------------------------------------------------------------------------------------- how

    def _silence(self) -> Silence:
        return Silence(self._clock(), self._settings.silent_after)

    def _exported(self, viewer: Viewer, what: str) -> None:
        with self._database.write() as connection:
            audit.record(connection, self._clock(), who=viewer.name, what="export", detail=what)

    def _nothing(self, viewer: Viewer, sentence: str) -> Response:
        return self._page("nothing.html", viewer, status=404, title="Not found", sentence=sentence)

    def _page(self, template: str, viewer: Viewer, *, status: int = 200, **values: object) -> Response:
        page = self._templates.get_template(template).render(
            viewer=viewer, trial=self._settings.trial, now=self._clock(), no_proof=NO_PROOF, **values
        )
        return HTMLResponse(page, status)


def _environment() -> Environment:
    """Everything is escaped, and a name that is missing is an error, not an empty place."""
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent / "templates"),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    environment.filters.update(
        day=words.day,
        minute=words.minute,
        moment=words.moment,
        since_then=words.since_then,
        state_word=words.state_word,
    )
    environment.globals.update(
        ACTIONS=words.ACTIONS,
        OUTCOMES=words.OUTCOMES,
        REQUESTS=words.REQUESTS,
        TRUST=words.TRUST,
        finding_state=words.finding_state,
        policy_troubles=words.policy_troubles,
    )
    return environment


def _wanted(request: Request) -> Wanted:
    """What the address narrows the list to. What makes no sense is passed over."""
    query = request.query_params
    state = query.get("state", "")
    return Wanted(
        state=DeviceState(state) if state in set(SHOWN_FIRST) else None,
        ban=clean(query.get("ban", "")),
        search=clean(query.get("search", "").strip()),
        moved=query.get("moved", "") == "yes",
    )


def _place(request: Request) -> Place | None:
    parts = clean(request.query_params.get("after", ""), 400).split("|")
    if len(parts) < 3 or not parts[0].isascii() or not parts[0].isdigit() or len(parts[0]) > 3:
        return None
    return Place(int(parts[0]), "|".join(parts[1:-1]), parts[-1])


def _address(wanted: Wanted, **changes: str) -> str:
    """The address of the list, narrowed in another way. A change to the empty text takes a condition away."""
    values = {
        "state": wanted.state.value if wanted.state else "",
        "ban": wanted.ban,
        "search": wanted.search,
        "moved": "yes" if wanted.moved else "",
        **changes,
    }
    kept = {name: value for name, value in values.items() if value}
    return f"?{urlencode(kept)}" if kept else "/"


def _with_reasons(connection: Connection, device: str) -> list[dict[str, Any]]:
    rows = connection.execute(fleet.coverage_of([device])).mappings()
    return [{**row, "reasons": msgspec.json.decode(row["reasons"])} for row in rows]


def _heartbeat(connection: Connection, device: str) -> dict[str, Any]:
    row = connection.execute(fleet.devices([device])).one()
    beat: dict[str, Any] = msgspec.json.decode(row.heartbeat)
    return beat


def _is(text: str, kind: Any) -> bool:
    """Whether a part of an address has the form of such an id."""
    try:
        msgspec.convert(text, kind)
    except msgspec.ValidationError:
        return False
    return True


def _file(content: str | bytes, kind: str, name: str) -> Response:
    return Response(content, headers={"Content-Disposition": f'attachment; filename="{name}"'}, media_type=kind)
