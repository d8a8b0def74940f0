"""The list of devices as files. Who took one stands in the record."""

from __future__ import annotations

from starlette.responses import Response

from console.exports.csv import write_csv
from console.exports.json import write_json
from console.reports import compliance
from console.web import filters
from console.web.context import Context, Visit, download


def compliance_csv(context: Context, visit: Visit) -> Response:
    """The list as it is narrowed, as CSV. With the mark that makes spreadsheets read it as UTF-8."""
    with context.database.read() as connection:
        text = "".join(write_csv(compliance.all_lines(connection, context.silence(), filters.wanted(visit))))
    context.record(visit, "export", "compliance.csv")
    return download("\ufeff" + text, "text/csv; charset=utf-8", "compliance.csv")


def compliance_json(context: Context, visit: Visit) -> Response:
    """The same as JSON, with the totals."""
    silence = context.silence()
    with context.database.read() as connection:
        lines = compliance.all_lines(connection, silence, filters.wanted(visit))
        body = write_json(compliance.overview(connection, silence, visit.viewer.groups), lines, silence.now)
    context.record(visit, "export", "compliance.json")
    return download(body, "application/json", "compliance.json")
