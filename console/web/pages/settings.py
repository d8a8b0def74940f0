"""Settings: one's own sessions; for an admin also accounts, tokens, everybody's sessions, and what is kept how long."""

from __future__ import annotations

from typing import Final

from starlette.responses import PlainTextResponse, Response

from console.access import Role, Scope
from console.access.people import People
from console.access.roles import fitting, role_named
from console.web.context import Context, Visit, go
from console.web.languages import mark as _
from policy_schema.messages.wire import clean

PATH: Final = "/settings"
DAY: Final = 86_400
LIFES: Final = (7, 30, 90, 365)
"""Days that a token made here can live."""
DONE: Final = {
    "ended": _("The session is ended."),
    "changed": _("The role is changed."),
    "removed": _("The account is removed."),
    "free": _("The name is free for another account."),
    "token-ended": _("The token is ended."),
    "unchanged": _(
        "Nothing was changed: it is gone already, or it is your own account, which another admin must change."
    ),
}


def show(context: Context, visit: Visit) -> Response:
    """The page."""
    return _page(context, visit)


def end_session(context: Context, visit: Visit) -> Response:
    """Ends a session: one's own, or as an admin anybody's."""
    viewer, sessions = visit.viewer, context.access.sessions
    seen = sessions.listed("" if viewer.role is Role.ADMIN else viewer.name)
    for session in seen:
        if session.id == visit.form.get("session"):
            context.access.end(session, viewer)
            return go(f"{PATH}?done=ended")
    return go(f"{PATH}?done=unchanged")


def change_user(context: Context, visit: Visit) -> Response:
    """Gives a local account another role, or takes it away."""
    people, form = _people(context), visit.form
    name = form.get("name")
    if form.get("act") == "remove":
        return _done(people.remove(visit.viewer, name), "removed")
    try:
        role, groups = fitting(role_named(form.get("role")), _groups(form.get("groups")))
    except ValueError:
        return _page(context, visit, problem=_("An admin sees all devices: without groups, or with another role."))
    return _done(people.change(visit.viewer, name, role, groups), "changed")


def let_go(context: Context, visit: Visit) -> Response:
    """Frees a name of the identity provider's for another account."""
    return _done(_people(context).let_go(visit.viewer, visit.form.get("name")), "free")


def make_token(context: Context, visit: Visit) -> Response:
    """Makes a token and shows it, this once."""
    form = visit.form
    days = form.get("days")
    if days not in map(str, LIFES) or not set(form.all("scope")) <= set(Scope):
        return PlainTextResponse("There is no such token.\n", 400)
    scopes = frozenset(Scope(word) for word in form.all("scope"))
    name = clean(form.get("name").strip(), 200)
    try:
        token = context.access.tokens.make(
            visit.viewer.name, name, scopes, _groups(form.get("groups")), int(days) * DAY
        )
    except ValueError:
        return _page(context, visit, problem=_("A token needs a name of up to 100 characters and something to read."))
    return _page(context, visit, token=token)


def end_token(context: Context, visit: Visit) -> Response:
    """Ends a token."""
    number = visit.form.get("token")
    known = number.isascii() and number.isdecimal() and len(number) < 10
    return _done(known and context.access.tokens.end(visit.viewer.name, int(number)), "token-ended")


def _page(context: Context, visit: Visit, *, problem: str = "", token: str = "") -> Response:
    viewer, access = visit.viewer, context.access
    decisions = visit.request.app.state.deciding.decisions
    admin = viewer.role is Role.ADMIN
    return context.page(
        visit,
        "settings.html",
        status=400 if problem else 200,
        title="Settings",
        admin=admin,
        done=DONE.get(visit.asked("done"), ""),
        problem=problem,
        token=token,
        sessions=access.sessions.listed("" if admin else viewer.name),
        accounts=_people(context).listed() if admin else [],
        tokens=access.tokens.listed() if admin else [],
        roles=[role.value for role in Role],
        scopes=[scope.value for scope in Scope],
        lifes=LIFES,
        keep=context.keep,
        source=decisions.source.where,
        publish=decisions.publishing.how.value,
    )


def _people(context: Context) -> People:
    return People(database=context.database, clock=context.clock)


def _groups(text: str) -> frozenset[str] | None:
    """Device groups, separated by commas; none means all devices."""
    named = frozenset(clean(part.strip()) for part in text.split(",") if part.strip())
    return named or None


def _done(happened: bool, what: str) -> Response:
    return go(f"{PATH}?done={what if happened else 'unchanged'}")
