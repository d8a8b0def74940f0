"""One device: findings, history, coverage, reports as received."""

from __future__ import annotations

from typing import Any, Final

import msgspec
from sqlalchemy import Connection
from starlette.responses import Response

from console.reports import compliance
from console.reports.interface import DeviceLine
from console.store.queries import fleet
from console.store.queries.trends import device_exceptions
from console.web import words
from console.web.context import Context, Visit
from policy_schema.messages.kinds import DeviceId, Epoch
from policy_schema.messages.wire import MessageRefused, inflate

HISTORY_SHOWN: Final = 200
REPORTS_SHOWN: Final = 30


def show(context: Context, visit: Visit) -> Response:
    """Everything that is known of the device."""
    name = visit.part("device")
    with context.database.read() as connection:
        line = compliance.one_line(connection, context.silence(), name) if _is(name, DeviceId) else None
        if line is None or not visit.viewer.sees(frozenset(line.groups)):
            return context.nothing(visit, "There is no such device.")
        return context.page(
            visit,
            "device.html",
            title=line.host_name,
            line=line,
            coverage=_with_reasons(connection, name),
            history=connection.execute(fleet.history(name, HISTORY_SHOWN)).all(),
            history_shown=HISTORY_SHOWN,
            reports=connection.execute(fleet.reports(name, REPORTS_SHOWN)).all(),
            asked=connection.execute(fleet.requests(name, REPORTS_SHOWN)).all(),
            exceptions=connection.execute(device_exceptions(name)).all(),
            heartbeat=_heartbeat(connection, name),
        )


def report(context: Context, visit: Visit) -> Response:
    """One report, word for word as the device sent it."""
    device, epoch, sequence = visit.part("device"), visit.part("epoch"), int(visit.part("sequence"))
    body: bytes | None = None
    line: DeviceLine | None = None
    if _is(device, DeviceId) and _is(epoch, Epoch) and sequence < 2**53:
        with context.database.read() as connection:
            body = connection.execute(fleet.report_body(device, epoch, sequence)).scalar_one_or_none()
            line = compliance.one_line(connection, context.silence(), device)
    if body is None or line is None or not visit.viewer.sees(frozenset(line.groups)):
        return context.nothing(visit, "There is no such report. Only the newest reports of a device are kept.")
    try:
        text = words.visible(msgspec.json.format(inflate(body), indent=2).decode())
    except (MessageRefused, msgspec.MsgspecError, UnicodeError):
        return context.nothing(visit, "This report cannot be shown.")
    return context.page(
        visit,
        "report.html",
        title=f"Report {sequence}",
        device=device,
        host_name=line.host_name,
        sequence=sequence,
        text=text,
    )


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
