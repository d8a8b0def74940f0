"""The formats of the compliance report by name, with what a browser needs to know of each. A format is one row here."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Final, NamedTuple

from console.errors import BadCommand
from console.reports.build import Report

READ_AT_ONCE: Final = 256 << 10


class Format(NamedTuple):
    """One format. `pieces` writes it while the fleet is read, with bounded memory."""

    name: str
    media: str
    pieces: Callable[[Report], Iterator[bytes]]


def format_named(name: str) -> Format:
    """Raises:
    BadCommand: there is no such format.
    """
    if name not in FORMATS:
        raise BadCommand(f"there is no format {name}", f"There are {', '.join(FORMATS)}.")
    return FORMATS[name]


def file_name(report: Report, form: Format) -> str:
    """What the file is called: the moment is part of it, so that filed reports do not overwrite each other."""
    moment = report.head.as_of.replace(":", "").replace("-", "")
    return f"compliance-{moment}.{'txt' if form.name == 'text' else form.name}"


def _csv(report: Report) -> Iterator[bytes]:
    from console.exports.report_csv import write_csv

    return write_csv(report)


def _json(report: Report) -> Iterator[bytes]:
    from console.exports.report_json import write_json

    return write_json(report)


def _text(report: Report) -> Iterator[bytes]:
    from console.exports.report_text import write_text

    return write_text(report)


def _xlsx(report: Report) -> Iterator[bytes]:
    from console.exports.report_xlsx import write_xlsx

    return _from_file(report, write_xlsx, "xlsx")


def _pdf(report: Report) -> Iterator[bytes]:
    from console.exports.report_pdf import write_pdf

    return _from_file(report, write_pdf, "pdf")


def _from_file(report: Report, write: Callable[[Report, Path], None], ending: str) -> Iterator[bytes]:
    """A format that is not written from front to back is written to a file first, which goes when it has been read."""
    with tempfile.TemporaryDirectory(prefix="interdict-report-") as folder:
        file = Path(folder) / f"report.{ending}"
        write(report, file)
        with file.open("rb") as opened:
            while piece := opened.read(READ_AT_ONCE):
                yield piece


FORMATS: Final[dict[str, Format]] = {
    form.name: form
    for form in (
        Format("text", "text/plain; charset=utf-8", _text),
        Format("json", "application/json", _json),
        Format("csv", "text/csv; charset=utf-8", _csv),
        Format("xlsx", "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet", _xlsx),
        Format("pdf", "application/pdf", _pdf),
    )
}
