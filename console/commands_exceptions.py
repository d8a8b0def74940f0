"""What `interdict-console exceptions` does: the same decisions as the page Exceptions, by whoever may use the database.

The console that serves this database signs and publishes them, as it does those of the page; the record names the uid.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final

from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError

from console.access import Role, Viewer
from console.clock import wall_clock
from console.command_parts import database, who
from console.errors import BadCommand
from console.exceptions import decide, look
from console.exceptions.decide import Asked, Wish
from console.exceptions.last_day import end_of
from console.exceptions.words import STATEMENT, NotDecided
from console.policy import current
from console.store.queries import decisions
from policy_schema.messages.wire import clean
from policy_schema.rules.instant import format_instant
from policy_schema.rules.relief import Because

MOST: Final = 10_000
Line = dict[str, Any]


def listed(arguments: argparse.Namespace) -> int:
    """Prints one of the lists of the page Exceptions, in the same order."""
    if not 1 <= arguments.most <= MOST:
        raise BadCommand(f"--most {arguments.most} is out of bounds", f"Take 1 to {MOST}.")
    find, shown = _LISTS[arguments.show]
    with database(arguments.data) as opened, opened.read() as connection:
        lines = find(connection, wall_clock(), arguments.most)
    if arguments.json:
        _print({"show": arguments.show, "exceptions": lines})
        return 0
    for line in lines:
        print(shown(line))
    if not lines:
        print("none")
    return 0


def approve(arguments: argparse.Namespace) -> int:
    """Gives what was asked for at a device."""
    if not arguments.not_mine:
        raise BadCommand(f'whoever approves states: "{STATEMENT}"', "Say so with --not-mine.")
    now, viewer = wall_clock(), _viewer()
    with _deciding(arguments.data) as connection:
        policy = current(connection)
        asked = _asked(connection, viewer, arguments.request)
        wish = Wish(
            ban="",
            devices=decide.find_devices(connection, viewer, arguments.device),
            until=end_of(arguments.until, policy.time_zone if policy is not None else ""),
            reason=clean(arguments.reason, decide.LONGEST_REASON),
            asked_by="",
            stated=True,
        )
        name = decide.approve_request(connection, policy, viewer, asked, wish, now)
    until = format_instant(wish.until)
    _done(arguments, {"exception": name, "until": until}, f"{name} holds until {until}, once it is published")
    return 0


def refuse(arguments: argparse.Namespace) -> int:
    """Refuses it. The person hears the code; the reason stays in the record."""
    now, viewer, because = wall_clock(), _viewer(), Because(arguments.because)
    with _deciding(arguments.data) as connection:
        asked = _asked(connection, viewer, arguments.request)
        reason = clean(arguments.reason, decide.LONGEST_REASON)
        decide.refuse_request(connection, viewer, asked, because, reason, now)
    told = {"request": asked.request_id, "device_id": asked.device_id, "because": because.value}
    _done(arguments, told, f"{asked.request_id} is refused; the person hears it once that is published")
    return 0


def withdraw(arguments: argparse.Namespace) -> int:
    """Takes an exception back."""
    with _deciding(arguments.data) as connection:
        reason = clean(arguments.reason, decide.LONGEST_REASON)
        decide.withdraw(connection, _viewer(), arguments.id, reason, wall_clock())
    _done(arguments, {"exception": arguments.id}, f"{arguments.id} is taken back, and ends once that is published")
    return 0


@contextmanager
def _deciding(data: Path) -> Iterator[Connection]:
    """One transaction.

    Raises:
        BadCommand: it cannot be decided, or somebody else has decided at the same moment.
    """
    try:
        with database(data) as opened, opened.write() as connection:
            yield connection
    except NotDecided as problem:
        raise BadCommand(str(problem).rstrip("."), problem.advice()) from problem
    except IntegrityError as error:
        raise BadCommand(str(NotDecided("meanwhile")).rstrip("."), NotDecided.default_advice) from error


def _viewer() -> Viewer:
    """Whoever may use the database sees all of it."""
    return Viewer(who(), "", Role.ADMIN)


def _asked(connection: Connection, viewer: Viewer, text: str) -> Asked:
    name, slash, request = text.rpartition("/")
    if not slash or not name or not request:
        raise BadCommand(f"{clean(text, 120)!r} is no DEVICE/REQUEST", "See `interdict-console exceptions list`.")
    (device,) = decide.find_devices(connection, viewer, [clean(name, 120)])
    return Asked(device, clean(request, 120))


def _done(arguments: argparse.Namespace, told: Line, sentence: str) -> None:
    if arguments.json:
        _print(told)
    else:
        print(sentence)


def _print(told: Line) -> None:
    print(json.dumps({"schema": 1, **told}, ensure_ascii=False, indent=2))


def _waiting(connection: Connection, now: int, most: int) -> list[Line]:
    rows = connection.execute(decisions.queue(None, now - look.WAITS, None, most)).all()
    return [
        {
            "kind": row.kind,
            "request": row.request_id,
            "device_id": row.device_id,
            "host_name": row.host_name,
            "ban": row.ban,
            "person": row.person,
            "reason": row.reason,
            "asked_on": row.asked_on,
            "held_until": row.held_until,
        }
        for row in rows
    ]


def _shown_waiting(line: Line) -> str:
    held = f"  held until {line['held_until']}" if line["held_until"] else ""
    wrong = "  says that the finding is wrong" if line["kind"] == "wrong" else ""
    return _one_line(f"{_request(line)}  {line['ban']}  {line['asked_on']}{held}{wrong}  {line['reason']}")


def _in_force(connection: Connection, now: int, most: int) -> list[Line]:
    return _exceptions(connection, now, most, ended=False)


def _over(connection: Connection, now: int, most: int) -> list[Line]:
    return _exceptions(connection, now, most, ended=True)


def _exceptions(connection: Connection, now: int, most: int, *, ended: bool) -> list[Line]:
    """Page after page, as many as were asked for."""
    lines: list[Line] = []
    after = None
    while len(lines) < most:
        found, after = look.exceptions(connection, None, now, after, ended=ended)
        lines += [_exception(one) for one in found]
        if after is None:
            break
    return lines[:most]


def _exception(one: look.Exempted) -> Line:
    row = one.row
    return {
        "exception": row.exception_id,
        "ban": row.ban,
        "asked_by": row.asked_by or row.person,
        "approved_by": row.approved_by,
        "reason": row.reason,
        "until": format_instant(row.until),
        "published": row.published_at is not None,
        "lapses_soon": one.lapses_soon,
        "withdrawn_by": row.withdrawn_by,
        "withdrawn_why": row.withdrawn_why,
        "devices": [device._asdict() for device in one.devices],
    }


def _shown_exception(line: Line) -> str:
    devices = line["devices"]
    arrived = f"in force on {sum(one['in_force'] for one in devices)} of {len(devices)}"
    if not line["published"]:
        arrived = "not published yet"
    if line["withdrawn_by"]:
        arrived = f"taken back by {line['withdrawn_by']}: {line['withdrawn_why']}"
    head = f"{line['exception']}  {line['ban']}  until {line['until']}  {arrived}"
    return _one_line(f"{head}  approved by {line['approved_by']}: {line['reason']}")


def _answered(connection: Connection, now: int, most: int) -> list[Line]:
    rows = connection.execute(decisions.decided(None, None, most)).all()
    return [
        {
            "request": row.request_id,
            "device_id": row.device_id,
            "host_name": row.host_name,
            "ban": row.ban,
            "verdict": row.verdict,
            "exception": row.exception_id,
            "because": row.code,
            "reason": row.reason,
            "decided_by": row.decided_by,
            "decided_at": format_instant(row.decided_at),
        }
        for row in rows
    ]


def _shown_answered(line: Line) -> str:
    what = " ".join(word for word in (line["verdict"], line["exception"], line["because"]) if word)
    return _one_line(
        f"{_request(line)}  {line['ban']}  {what}  by {line['decided_by']} at {line['decided_at']}  {line['reason']}"
    )


def _request(line: Line) -> str:
    return f"{line['host_name'] or line['device_id']}/{line['request']}"


def _one_line(text: str) -> str:
    """For a terminal: what devices wrote cannot move its cursor."""
    return clean(text.replace("\n", " "), 2_000).rstrip()


_LISTS: Final[dict[str, tuple[Callable[[Connection, int, int], list[Line]], Callable[[Line], str]]]] = {
    "waiting": (_waiting, _shown_waiting),
    "in-force": (_in_force, _shown_exception),
    "over": (_over, _shown_exception),
    "answered": (_answered, _shown_answered),
}
