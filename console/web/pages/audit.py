"""The record: who did what, and who looked at whose data. For admins."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Final

from starlette.responses import Response

from console.store.queries import record as records
from console.store.queries.record import Lines
from console.web import filters
from console.web.context import Context, Visit
from console.web.languages import mark as _
from policy_schema.messages.wire import clean

PATH: Final = "/audit"
SHOWN: Final = 100
FROM_THE_END: Final = 2**31 - 1
"""No line has a greater number: it is an INTEGER, and PostgreSQL compares it with nothing larger."""
FOR_GOOD: Final = 2**62
DAY: Final = 86_400
KINDS: Final = {
    "login": _("signed in"),
    "login-refused": _("sign-in refused"),
    "logout": _("signed out"),
    "break-glass": _("signed in with a local account for emergencies"),
    "session-ended": _("ended a session"),
    "viewed": _("looked at a device"),
    "export": _("exported"),
    "schedule-added": _("set up a scheduled report"),
    "schedule-removed": _("ended a scheduled report"),
    "person-exported": _("exported a person's data"),
    "person-erased": _("erased a person's data"),
    "user-added": _("added or changed an account"),
    "user-removed": _("removed an account"),
    "role-changed": _("changed a role"),
    "name-let-go": _("let a name go"),
    "token-made": _("made a token"),
    "token-ended": _("ended a token"),
    "secret-made": _("made an enrolment secret"),
    "enrolled": _("enrolled"),
    "epoch": _("began a new journal"),
    "cloned": _("shares its key"),
    "devices-imported": _("imported the list of devices"),
    "device-removed": _("removed a device"),
    "device-claimed": _("took a device as their own"),
    "exception-approved": _("approved an exception"),
    "exception-refused": _("refused an exception"),
    "exception-withdrawn": _("withdrew an exception"),
    "objection-noted": _("noted an objection"),
    "alarm": _("raised an alarm"),
    "alarm-closed": _("closed an alarm"),
    "paused": _("paused a ban"),
    "pause-lifted": _("ended a pause"),
    "pruned": _("forgot what was old"),
    "backed-up": _("made a backup"),
    "restored": _("put a backup back"),
}
"""Every kind of line, and how it reads behind a name."""


def show(context: Context, visit: Visit) -> Response:
    """A page of it, the newest first. Ordered by its own number, so that no page costs more than another."""
    told = {name: clean(visit.asked(name).strip()) for name in ("who", "what", "about", "since", "until")}
    since, until = _day(told["since"]), _day(told["until"])
    lines = Lines(told["who"], told["what"], told["about"], since or 0, FOR_GOOD if until is None else until + DAY)
    before = visit.asked("before")
    place = int(before) if before.isascii() and before.isdecimal() and len(before) < 10 else FROM_THE_END
    with context.database.read() as connection:
        rows = connection.execute(records.newest(lines, place, SHOWN + 1)).all()
        chain = connection.execute(records.head()).one()
    following = str(rows[SHOWN - 1].audit_id) if len(rows) > SHOWN else ""
    return context.page(
        visit,
        "audit.html",
        title="Audit",
        lines=rows[:SHOWN],
        told=told,
        kinds=KINDS,
        chain=chain,
        first=filters.query(PATH, told) if place != FROM_THE_END else "",
        following=filters.query(PATH, {**told, "before": following}) if following else "",
        narrowed=lambda **changes: filters.query(PATH, {**told, **changes}),
    )


def _day(text: str) -> int | None:
    """When a day begins, in UTC as exports have it; None for what is no day."""
    try:
        return int(datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None
