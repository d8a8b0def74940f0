"""What the verbs of `interdict-console schedule` do."""

from __future__ import annotations

import argparse
import os
import re
from importlib.metadata import version
from pathlib import Path
from typing import Final
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from console import audit
from console.clock import wall_clock
from console.command_parts import database, lines_of, who
from console.config import load
from console.errors import BadCommand
from console.exports.handover import Handover, Lost
from console.exports.sinks import sink_of
from console.schedules.runner import Runner, owed_row
from console.schedules.settings import delivering_of
from console.schedules.undelivered import Undelivered
from console.schedules.webhook import check_target
from console.schedules.when import Every, When, next_due
from console.settings import Settings
from console.store.queries import schedules
from policy_schema.messages.wire import clean
from policy_schema.rules.instant import format_instant

MAIL: Final = "mailto:"
_ADDRESS: Final = re.compile(r"[^\s@,<>\"]{1,64}@[A-Za-z0-9.-]{1,190}\Z")
LAST: Final = {Every.DAY: 1, Every.WEEK: 7, Every.MONTH: 31}


def add(arguments: argparse.Namespace) -> int:
    """Adds a schedule."""
    kind, target = target_of(arguments.to)
    when, now = when_of(arguments), wall_clock()
    if arguments.name != clean(arguments.name) or not arguments.name.strip() or len(arguments.name) > 100:
        raise BadCommand(f"{clean(arguments.name)!r} is no name", "Take up to 100 ordinary characters.")
    row = {
        "name": arguments.name,
        "kind": kind,
        "target": target,
        "format": arguments.format,
        "ban": arguments.ban,
        "device_group": arguments.group,
        "every": when.every.value,
        "day": when.day,
        "minute": when.minute,
        "zone": when.zone,
        "next_at": next_due(when, now),
        "created_at": now,
        "created_by": who(),
    }
    with database(arguments.data, create=True) as opened, opened.write() as connection:
        if connection.execute(schedules.named(arguments.name)).one_or_none() is not None:
            raise BadCommand(f"there is a schedule {arguments.name} already", "Remove it first.")
        connection.execute(schedules.add(row))
        audit.record(connection, now, who=who(), what="schedule-added", detail=f"{arguments.name} to {target}")
    print(f"{arguments.name}: first at {format_instant(next_due(when, now))}")
    return 0


def listed(arguments: argparse.Namespace) -> int:
    """Prints them, and the newest deliveries."""
    with database(arguments.data) as opened, opened.read() as connection:
        rows = connection.execute(schedules.listed()).all()
        newest = connection.execute(schedules.newest(20)).all()
    for row in rows:
        print(f"{row.name}  {row.format} to {row.target}  next {format_instant(row.next_at)}")
    for one in newest:
        came = f"delivered {format_instant(one.done_at)}" if one.done_at else f"{one.problem or 'not tried yet'}"
        print(f"  {one.name}, due {format_instant(one.due_at)}: {came}{' (given up)' if one.given_up else ''}")
    return 0


def remove(arguments: argparse.Namespace) -> int:
    """Ends a schedule."""
    now = wall_clock()
    with database(arguments.data) as opened, opened.write() as connection:
        if connection.execute(schedules.remove(arguments.name)).rowcount == 0:
            raise BadCommand(f"there is no schedule {arguments.name}", "See `interdict-console schedule list`.")
        audit.record(connection, now, who=who(), what="schedule-removed", detail=arguments.name)
    print(f"{arguments.name} is removed")
    return 0


def run(arguments: argparse.Namespace) -> int:
    """Sends a report of a schedule now, beside its times."""
    now = wall_clock()
    config = load(None if arguments.config is None else Path(arguments.config), arguments.data, os.environ)
    silent_after = Settings(data=arguments.data).silent_after
    with database(arguments.data) as opened:
        with opened.write() as connection:
            row = connection.execute(schedules.named(arguments.name)).one_or_none()
            if row is None:
                raise BadCommand(f"there is no schedule {arguments.name}", "See `interdict-console schedule list`.")
            connection.execute(schedules.begin(connection.dialect.name), owed_row(row.schedule_id, now))
        Runner(opened, delivering=delivering_of(config), silent_after=silent_after, clock=wall_clock).turn()
        with opened.read() as connection:
            came = next(
                one for one in connection.execute(schedules.newest(100)) if one.name == row.name and one.due_at == now
            )
    if came.done_at is None:
        raise BadCommand(f"it was not delivered: {came.problem or 'another process is at it'}", "It is tried again.")
    print(f"{row.name} was delivered: sha256 {came.digest}")
    return 0


def events(arguments: argparse.Namespace) -> int:
    """Hands over what happened since the last time. Run it every minute, from a timer."""
    now = wall_clock()
    token = lines_of(Path(arguments.authorization_file))[:1] if arguments.authorization_file else [""]
    authority = Path(arguments.authority) if arguments.authority else None
    sink = sink_of(arguments.to, now=now, authorization="".join(token).strip(), authority=authority)
    with database(arguments.data) as opened:
        stream = Handover(opened, name=arguments.name, sink=sink, clock=wall_clock, product=version("interdict"))
        try:
            number = stream.turn()
        except Undelivered as error:
            stream.failed(str(error))
            raise BadCommand(f"not all was taken: {error}", "What was not comes again the next time.") from error
        except Lost as error:
            raise BadCommand(str(error), "Wait until it is done, or its lease of ten minutes is over.") from error
    print(f"{number} events handed over")
    return 0


def target_of(text: str) -> tuple[str, str]:
    """Kind and target of `mailto:ADDRESS,…` or of an address of a web server.

    Raises:
        BadCommand: it is neither.
    """
    if text.startswith(MAIL):
        addresses = text.removeprefix(MAIL).split(",")
        if not all(_ADDRESS.match(address) for address in addresses) or len(addresses) > 20:
            raise BadCommand(f"{clean(text)!r} is no address", "Write mailto:audit@example.com,other@example.com.")
        return "email", ",".join(addresses)
    if problem := check_target(text):
        raise BadCommand(f"{clean(text)!r} {problem}", "Write mailto:ADDRESS or https://….")
    return "webhook", text


def when_of(arguments: argparse.Namespace) -> When:
    """Raises:
    BadCommand: no such day, time or zone.
    """
    every = Every(arguments.every)
    if not 1 <= arguments.on <= LAST[every]:
        raise BadCommand(f"--on {arguments.on} is no day of a {every}", f"Say 1 to {LAST[every]}.")
    found = re.fullmatch(r"([01][0-9]|2[0-3]):([0-5][0-9])", arguments.at)
    if found is None:
        raise BadCommand(f"--at {clean(arguments.at)} is no time of the day", "Write it as 08:00.")
    try:
        ZoneInfo(arguments.zone)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        raise BadCommand(f"--zone {clean(arguments.zone)} is not known", "Write it as Asia/Shanghai.") from error
    return When(every, arguments.on, int(found[1]) * 60 + int(found[2]), arguments.zone)
