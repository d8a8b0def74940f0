"""The compliance report as CSV: a row for each device and installation, and one for a device without any.

The sentence that findings prove no use stands in a column of every row, and so does the moment of the report:
there they survive sorting, filtering and copying, and the file stays a plain table for every program.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Final

from console.exports.csv import safe_cell
from console.reports.build import Report
from console.reports.shapes import Ban, Device, Finding, Granted

MARK: Final = "\ufeff"
"""By this spreadsheets read a file as UTF-8."""
COLUMNS: Final = (
    "device",
    "device_id",
    "state",
    "groups",
    "could_not_look",
    "silent_since",
    "ban",
    "ban_names",
    "tool",
    "version",
    "faces",
    "finding_state",
    "action",
    "done",
    "still_there",
    "counts",
    "since",
    "exception",
    "exception_by",
    "exception_until",
    "moved_to",
    "policy_version",
    "policy_trust",
    "one_signer",
    "os",
    "kind",
    "region",
    "as_of",
    "note",
)
AT_ONCE: Final = 64 << 10
"""About so many characters are handed over together."""


def write_csv(report: Report) -> Iterator[bytes]:
    """The file, piece by piece."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    granted = {one.id: one for one in report.granted}
    for device in report.devices():
        for finding in device.findings or (None,):
            row = cells(report, device, finding, granted)
            writer.writerow([safe_cell(cell) for cell in row])
        if buffer.tell() > AT_ONCE:
            yield _emptied(buffer)
    yield _emptied(buffer)


def cells(report: Report, device: Device, finding: Finding | None, granted: dict[str, Granted]) -> tuple[str, ...]:
    """A row of the table, for CSV and spreadsheets alike."""
    return (
        device.host_name,
        device.device_id,
        device.state,
        "(not known)" if device.groups is None else " ".join(device.groups),
        " ".join(device.could_not_look),
        device.silent_since or "",
        *_of_finding(finding, report.bans, granted),
        ", ".join(f"{moved.tool} {moved.version}".strip() for moved in device.moved_to),
        str(device.policy_version or ""),
        device.policy_trust,
        _yes(device.one_signer),
        device.os,
        device.kind,
        device.region,
        report.head.as_of,
        report.head.note,
    )


def _of_finding(finding: Finding | None, bans: dict[str, Ban], granted: dict[str, Granted]) -> tuple[str, ...]:
    if finding is None:
        return ("",) * 14
    grant = granted.get(finding.exception or "")
    return (
        finding.ban,
        bans[finding.ban].name if finding.ban in bans else "",
        finding.tool,
        finding.version,
        " ".join(finding.faces),
        finding.state,
        finding.action,
        " ".join(finding.outcomes),
        _yes(finding.still_there),
        _yes(finding.counts),
        finding.since,
        finding.exception or "",
        grant.approved_by if grant else "",
        grant.until if grant else "",
    )


def _emptied(buffer: io.StringIO) -> bytes:
    text = buffer.getvalue()
    buffer.seek(0)
    buffer.truncate()
    return text.encode("utf-8", "replace")


def _yes(value: bool) -> str:
    return "yes" if value else "no"
