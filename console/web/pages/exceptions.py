"""Exceptions: what people ask for, who decides, what holds until when, pauses, and the alarms of the fleet's brake."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Final
from urllib.parse import quote, urlencode

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.responses import Response

from console import audit
from console.access import Role
from console.deciding import Deciding
from console.exceptions import decide, look
from console.exceptions.decide import MOST_DEVICES, Asked, Wish
from console.exceptions.last_day import end_of
from console.exceptions.publish import due
from console.exceptions.words import BECAUSE, STATEMENT, NotDecided
from console.policy import Policy, current
from console.store.queries import brake as alarm_queries
from console.store.queries import decisions
from console.store.queries.decisions import Granted, Queued
from console.web.context import Context, Visit, go
from console.web.languages import mark as _
from policy_schema.messages.wire import clean
from policy_schema.rules.relief import Because

PATH: Final = "/exceptions"
TABS: Final = {
    "": _("Waiting"),
    "held": _("In force"),
    "past": _("Over"),
    "decided": _("Answered"),
    "pauses": _("Pauses"),
    "alarms": _("Alarms"),
}
DONE: Final = {
    "approved": _("Approved. It is signed and published now; devices have it at their next poll."),
    "refused": _("Refused. The person hears it at the device's next poll."),
    "noted": _("Noted."),
    "given": _("The exception is given."),
    "withdrawn": _("Taken back. It ends at the devices' next poll."),
    "paused": _("Paused. Devices notice, report, and do not act."),
    "lifted": _("The pause is lifted."),
    "closed": _("The alarm is closed."),
    "mine": _("Written down: whoever owns a device decides nothing on it."),
}
HOURS: Final = (1, 4, 12, 24, 48, 72)


def show(context: Context, visit: Visit) -> Response:
    """The tab that was asked for."""
    return _page(context, visit, visit.asked("show"))


def new(context: Context, visit: Visit) -> Response:
    """The form of an exception that was asked for on another way."""
    return _page(context, visit, "new")


def one(context: Context, visit: Visit) -> Response:
    """One request, with the form to decide on it."""
    return _one(context, visit)


def decide_some(context: Context, visit: Visit) -> Response:
    """Approves, refuses or notes the requests that were ticked: all of them or none."""
    form = visit.form
    asked = [Asked(*pair.split("/", 1)) for pair in form.all("asked") if "/" in pair]

    def work(connection: Connection, now: int) -> str:
        if not asked:
            raise NotDecided("nothing")
        done = ""
        for request in asked:
            done = _decided(connection, visit, request, now)
        return done

    return _tried(context, visit, work, "")


def decide_one(context: Context, visit: Visit) -> Response:
    """Approves, refuses or notes one request."""
    asked = Asked(visit.part("device"), visit.part("request"))
    return _tried(context, visit, lambda connection, now: _decided(connection, visit, asked, now), asked)


def _decided(connection: Connection, visit: Visit, asked: Asked, now: int) -> str:
    reason = clean(visit.form.get("reason"), decide.LONGEST_REASON)
    match visit.form.get("do"):
        case "approve":
            policy = current(connection)
            wish = _wish(connection, visit, policy)
            decide.approve_request(connection, policy, visit.viewer, asked, wish, now)
            return "approved"
        case "note":
            decide.note_objection(connection, visit.viewer, asked, reason, now)
            return "noted"
        case _:
            code = visit.form.get("because")
            because = Because(code) if code in set(Because) else Because.ASK
            decide.refuse_request(connection, visit.viewer, asked, because, reason, now)
            return "refused"


def give(context: Context, visit: Visit) -> Response:
    """Gives an exception that was asked for on another way."""

    def work(connection: Connection, now: int) -> str:
        policy = current(connection)
        decide.give(connection, policy, visit.viewer, _wish(connection, visit, policy), now)
        return "given"

    return _tried(context, visit, work, "new")


def withdraw(context: Context, visit: Visit) -> Response:
    """Takes an exception back."""

    def work(connection: Connection, now: int) -> str:
        why = clean(visit.form.get("reason"), decide.LONGEST_REASON)
        decide.withdraw(connection, visit.viewer, visit.part("exception"), why, now)
        return "withdrawn"

    return _tried(context, visit, work, "held")


def pause(context: Context, visit: Visit) -> Response:
    """Puts a ban to rest for everybody."""

    def work(connection: Connection, now: int) -> str:
        hours = visit.form.get("hours")
        seconds = int(hours) * 3600 if hours.isascii() and hours.isdecimal() and len(hours) < 5 else 0
        reason = clean(visit.form.get("reason"), decide.LONGEST_REASON)
        decide.set_pause(connection, current(connection), visit.viewer, visit.form.get("ban"), seconds, reason, now)
        return "paused"

    return _tried(context, visit, work, "pauses")


def lift(context: Context, visit: Visit) -> Response:
    """Ends a pause."""

    def work(connection: Connection, now: int) -> str:
        decide.lift_pause(connection, visit.viewer, visit.form.get("ban"), now)
        return "lifted"

    return _tried(context, visit, work, "pauses")


def close_alarm(context: Context, visit: Visit) -> Response:
    """Somebody has looked at an alarm."""

    def work(connection: Connection, now: int) -> str:
        number = visit.form.get("alarm")
        known = number.isascii() and number.isdecimal() and len(number) < 10
        if known and connection.execute(alarm_queries.close_alarm(int(number), now, visit.viewer.name)).rowcount:
            audit.record(connection, now, who=visit.viewer.name, what="alarm-closed", about=number)
        return "closed"

    return _tried(context, visit, work, "alarms")


def mine(context: Context, visit: Visit) -> Response:
    """Somebody says that a device is theirs."""

    def work(connection: Connection, now: int) -> str:
        (device,) = decide.find_devices(connection, visit.viewer, [clean(visit.form.get("device"), 120)])
        decide.claim_device(connection, visit.viewer, device, visit.viewer.name, now)
        return "mine"

    return _tried(context, visit, work, "new")


def _wish(connection: Connection, visit: Visit, policy: Policy | None) -> Wish:
    """What the form says. Other devices of the person stand in a field, one a line."""
    form = visit.form
    names = [clean(name.strip(), 120) for name in form.get("devices").splitlines() if name.strip()]
    if len(names) > MOST_DEVICES:
        raise NotDecided("devices", most=MOST_DEVICES)
    return Wish(
        ban=form.get("ban"),
        devices=decide.find_devices(connection, visit.viewer, names),
        until=end_of(form.get("until"), policy.time_zone if policy is not None else ""),
        reason=clean(form.get("reason"), decide.LONGEST_REASON),
        asked_by=clean(form.get("asked_by"), 120),
        stated=form.get("statement") == "yes",
    )


def _tried(context: Context, visit: Visit, work: Callable[[Connection, int], str], back: str | Asked) -> Response:
    """Decides in one transaction and goes on; what cannot be decided is said above the form, which keeps its values."""
    try:
        with context.database.write() as connection:
            done = work(connection, context.clock())
    except NotDecided as problem:
        return _again(context, visit, back, problem)
    except IntegrityError:
        return _again(context, visit, back, NotDecided("meanwhile"))
    _deciding(visit).publisher.poke()
    tab = back if isinstance(back, str) and back != "new" else ""
    return go(f"{PATH}?{urlencode({'show': tab, 'done': done} if tab else {'done': done})}")


def _again(context: Context, visit: Visit, back: str | Asked, problem: NotDecided) -> Response:
    if isinstance(back, Asked):
        return _one(context, visit, problem)
    return _page(context, visit, back, problem)


def _deciding(visit: Visit) -> Deciding:
    deciding: Deciding = visit.request.app.state.deciding
    return deciding


def _one(context: Context, visit: Visit, problem: NotDecided | None = None) -> Response:
    asked, now = Asked(clean(visit.part("device"), 40), clean(visit.part("request"), 120)), context.clock()
    with context.database.read() as connection:
        row = connection.execute(decisions.request_of(*asked)).one_or_none()
        if row is None:
            return context.nothing(visit, "There is no such request.")
        policy = current(connection)
        return context.page(
            visit,
            "request.html",
            status=409 if problem else 200,
            title="Request",
            asked=row,
            answer=connection.execute(decisions.decision_of(*asked)).one_or_none(),
            owners=connection.execute(decisions.owners([asked.device_id])).all(),
            form=visit.form,
            problem=problem,
            address=f"{PATH}/requests/{quote(asked.device_id)}/{quote(asked.request_id)}",
            **_common(policy, visit, now),
        )


def _page(context: Context, visit: Visit, tab: str, problem: NotDecided | None = None) -> Response:
    now, groups = context.clock(), visit.viewer.groups
    tab = tab if tab in TABS or tab == "new" else ""
    with context.database.read() as connection:
        policy = current(connection)
        state = connection.execute(decisions.publishing()).one_or_none()
        return context.page(
            visit,
            "exceptions.html",
            status=409 if problem else 200,
            title="Exceptions",
            tab=tab,
            tabs=TABS,
            waiting=look.waiting(connection, groups, now),
            open_alarms=sum(one.row.closed_at is None for one in look.alarms(connection, now)),
            pauses=connection.execute(decisions.pauses(now)).all(),
            publishing=state,
            due=bool(due(connection, now)),
            how=_deciding(visit).publisher.how.value,
            done=DONE.get(visit.asked("done"), "") if visit.request.method == "GET" else "",
            problem=problem,
            form=visit.form,
            hours=[hours for hours in HOURS if policy is not None and hours * 3600 <= policy.pause_max],
            **_rows(connection, visit, tab, now),
            **_common(policy, visit, now),
        )


def _common(policy: Policy | None, visit: Visit, now: int) -> dict[str, object]:
    longest = policy.max_days if policy is not None else 0
    end = datetime.fromtimestamp(now + longest * 86_400, UTC).date()
    return {
        "policy": policy,
        "names": look.names(policy),
        "because": BECAUSE,
        "statement": STATEMENT,
        "last_day": end.isoformat(),
        "may_decide": visit.viewer.role.may(Role.APPROVER),
        "may_pause": visit.viewer.role.may(Role.ADMIN) and visit.viewer.groups is None,
    }


def _rows(connection: Connection, visit: Visit, tab: str, now: int) -> dict[str, object]:
    """What one tab shows, one page of it."""
    groups, place = visit.viewer.groups, visit.asked("after").split("|")
    match tab:
        case "held" | "past":
            after = Granted(int(place[0]), place[1]) if len(place) == 2 and _is_number(place[0]) else None
            found, following = look.exceptions(connection, groups, now, after, ended=tab == "past")
            return {"rows": found, "following": _address(tab, following), "first": _address(tab) if after else ""}
        case "pauses":
            past = connection.execute(decisions.past_pauses(now, look.PAGE)).all()
            return {"rows": past, "following": "", "first": ""}
        case "alarms":
            return {"rows": look.alarms(connection, now), "following": "", "first": ""}
        case "decided":
            before = Queued(int(place[0]), *place[1:]) if len(place) == 3 and _is_number(place[0]) else None
            answered = connection.execute(decisions.decided(groups, before, look.PAGE + 1)).all()
            last = answered[look.PAGE - 1] if len(answered) > look.PAGE else None
            then = Queued(last.decided_at, last.device_id, last.request_id) if last else None
            first = _address(tab) if before else ""
            return {"rows": answered[: look.PAGE], "following": _address(tab, then), "first": first}
        case "new":
            return {"rows": (), "following": "", "first": ""}
        case _:
            since = Queued(int(place[0]), *place[1:]) if len(place) == 3 and _is_number(place[0]) else None
            rows, later = look.queue(connection, groups, now, since)
            return {"rows": rows, "following": _address(tab, later), "first": PATH if since else ""}


def _address(tab: str, after: tuple[object, ...] | None = ()) -> str:
    """A page of a tab; empty where there is none after this one."""
    if after is None:
        return ""
    values = {"show": tab, "after": "|".join(map(str, after))}
    kept = {name: value for name, value in values.items() if value}
    return f"{PATH}?{urlencode(kept)}" if kept else PATH


def _is_number(text: str) -> bool:
    return text.isascii() and text.isdecimal() and len(text) < 16
