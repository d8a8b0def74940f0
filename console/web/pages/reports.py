"""The compliance report as files, and the reports that go out by themselves."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterator
from typing import Final

from sqlalchemy import Connection
from starlette.responses import Response, StreamingResponse

from console.access import Role
from console.commands_reports import moment_of
from console.errors import ConsoleError
from console.exports.formats import FORMATS, file_name, format_named
from console.reports.build import Report
from console.reports.history import Question
from console.store.queries import fleet, schedules, trends
from console.web.context import Context, Visit
from policy_schema.messages.wire import clean

OFFERED: Final = tuple(name for name in FORMATS if name != "text")
NEWEST: Final = 20


def show(context: Context, visit: Visit) -> Response:
    """What can be asked for. Schedules name people's addresses: those who administer all devices see them."""
    groups = visit.viewer.groups
    sees_schedules = visit.viewer.role.may(Role.ADMIN) and groups is None
    bans, names = context.counted(("reports", groups), lambda connection: _choices(connection, groups)).value
    with context.database.read() as connection:
        return context.page(
            visit,
            "reports.html",
            title="Reports",
            formats=OFFERED,
            bans=bans,
            groups=names,
            schedules=connection.execute(schedules.listed()).all() if sees_schedules else None,
            deliveries=connection.execute(schedules.newest(NEWEST)).all() if sees_schedules else (),
        )


def _choices(connection: Connection, groups: frozenset[str] | None) -> tuple[list[str], list[str]]:
    """Bans and groups that a report can be narrowed to."""
    bans = sorted(row.ban for row in connection.execute(fleet.bans(groups)))
    return bans, sorted(row[0] for row in connection.execute(trends.groups(groups)))


def file(context: Context, visit: Visit) -> Response:
    """The report in one format, written while the fleet is read. Who took it stands in the record."""
    name = visit.part("format")
    if name not in FORMATS:
        return context.nothing(visit, "There is no such format.")
    now, form = context.clock(), format_named(name)
    asked = {part: clean(visit.asked(part).strip()) for part in ("as_of", "ban", "group")}
    try:
        moment = moment_of(asked["as_of"], now) if asked["as_of"] else now
        question = Question(moment, now, context.settings.silent_after, asked["ban"], asked["group"])
        question = question._replace(scope=visit.viewer.groups)
        called, pieces = _begun(context, lambda connection: Report(connection, question), name)
    except ConsoleError as error:
        return context.page(visit, "nothing.html", status=400, title="Not possible", sentence=str(error))
    told = ", ".join(f"{part} {value}" for part, value in asked.items() if value)
    context.record(visit, "export", f"{called}{f' ({told})' if told else ''}")
    headers = {"Content-Disposition": f'attachment; filename="{called}"'}
    return StreamingResponse(pieces, media_type=form.media, headers=headers)


def _begun(context: Context, make: Callable[[Connection], Report], name: str) -> tuple[str, Iterator[bytes]]:
    """The file's name and its pieces; the first one is made before anything is answered, so that what fails is said."""
    form = format_named(name)
    names: list[str] = []

    def pieces() -> Iterator[bytes]:
        with context.database.read() as connection:
            report = make(connection)
            names.append(file_name(report, form))
            if name == "csv":
                yield "\ufeff".encode()
            yield from form.pieces(report)

    begun = pieces()
    first = next(begun, b"")
    return names[0], itertools.chain([first], begun)
