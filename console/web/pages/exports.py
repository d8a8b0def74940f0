"""The list of devices as files. Who took one stands in the record."""

from __future__ import annotations

from collections.abc import Iterator

from starlette.responses import Response, StreamingResponse

from console.exports.csv import write_csv
from console.exports.json import write_json
from console.reports import compliance
from console.web import filters
from console.web.context import Context, Visit, download


def compliance_csv(context: Context, visit: Visit) -> Response:
    """The list as it is narrowed, as CSV, written while it is read. The mark tells spreadsheets that it is UTF-8."""
    silence, wanted = context.silence(), filters.wanted(visit)

    def pieces() -> Iterator[bytes]:
        yield "\ufeff".encode()
        with context.database.read() as connection:
            for piece in write_csv(compliance.all_lines(connection, silence, wanted)):
                yield piece.encode("utf-8", "replace")

    context.record(visit, "export", "compliance.csv")
    headers = {"Content-Disposition": 'attachment; filename="compliance.csv"'}
    return StreamingResponse(pieces(), media_type="text/csv; charset=utf-8", headers=headers)


def compliance_json(context: Context, visit: Visit) -> Response:
    """The same as JSON, with the totals."""
    silence = context.silence()
    with context.database.read() as connection:
        lines = compliance.all_lines(connection, silence, filters.wanted(visit))
        body = write_json(compliance.overview(connection, silence, visit.viewer.groups), lines, silence.now)
    context.record(visit, "export", "compliance.json")
    return download(body, "application/json", "compliance.json")
