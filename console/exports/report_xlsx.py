"""The compliance report as a workbook: summary, by group, devices, exceptions, about.

Rows go to the disk as they are written (`constant_memory`), so a large fleet needs no more memory than a small one.
Texts are written as texts: no cell is ever a formula. A sheet has room for 1,048,575 rows; what is left out is said.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final

import xlsxwriter  # type: ignore[import-untyped]

from console.exports.report_csv import COLUMNS, cells
from console.reports.build import Report
from console.reports.shapes import BanTotals, Device, Granted, Group, Totals
from console.state import MEANS, SHOWN_FIRST

MOST_ROWS: Final = 1_048_575
LONGEST_CELL: Final = 32_000
SUPPRESSED: Final = "fewer than 5"
OPTIONS: Final = {
    "constant_memory": True,
    "strings_to_formulas": False,
    "strings_to_urls": False,
    "strings_to_numbers": False,
}


def write_xlsx(report: Report, file: Path) -> None:
    """Writes the workbook. Nothing of it is in memory but the row at hand."""
    with xlsxwriter.Workbook(str(file), {**OPTIONS, "tmpdir": str(file.parent)}) as book:
        book.set_properties({"title": "Compliance", "comments": report.head.note})
        sheets = {name: _Sheet(book, name) for name in ("Summary", "By group", "Devices", "Exceptions", "About")}
        left_out = _devices(sheets["Devices"], report)
        totals = report.totals()
        _summary(sheets["Summary"], totals)
        _by_group(sheets["By group"], totals)
        _exceptions(sheets["Exceptions"], totals.exceptions)
        _about(sheets["About"], report, totals, left_out)


class _Sheet:
    """A sheet that is written from the top, its first row in bold and always in sight."""

    def __init__(self, book: Any, name: str) -> None:
        self._sheet = book.add_worksheet(name)
        self._bold = book.add_format({"bold": True})
        self.rows = 0

    def head(self, cells_: Sequence[str], widths: Sequence[int]) -> None:
        for place, width in enumerate(widths):
            self._sheet.set_column(place, place, width)
        self._sheet.freeze_panes(1, 0)
        self._write(cells_, self._bold)

    def row(self, *cells_: object) -> None:
        self._write(cells_, None)

    def _write(self, cells_: Iterable[object], form: Any) -> None:
        for place, cell in enumerate(cells_):
            if isinstance(cell, int):
                self._sheet.write_number(self.rows, place, cell, form)
            elif cell not in (None, ""):
                self._sheet.write_string(self.rows, place, str(cell)[:LONGEST_CELL], form)
        self.rows += 1


def _summary(sheet: _Sheet, totals: Totals) -> None:
    whole = totals.groups[0]
    sheet.head(("state", "devices", "means"), (24, 12, 60))
    for state in SHOWN_FIRST:
        sheet.row(state.value, (whole.states or {})[state.value], MEANS[state])
    sheet.row("devices in the fleet", whole.devices)
    sheet.row("moved to an alternative", whole.moved, "an axis of its own: such a device can be in any state")
    sheet.row()
    sheet.row("ban", "installations", "tools", *(state.value for state in SHOWN_FIRST), "done")
    for ban in totals.bans:
        states = ban.groups[0].states or {}
        done = ", ".join(f"{outcome} {devices}" for outcome, devices in ban.outcomes.items())
        sheet.row(ban.ban.id, ban.installations, ban.ban.name, *(states[state.value] for state in SHOWN_FIRST), done)


def _by_group(sheet: _Sheet, totals: Totals) -> None:
    states = tuple(state.value for state in SHOWN_FIRST)
    sheet.head(("ban", "group", "devices", *states, "moved"), (24, 24, *([12] * (len(states) + 2))))
    for group in totals.groups:
        sheet.row("(all bans)", *_group(group))
    for ban in totals.bans:
        for group in ban.groups:
            sheet.row(ban.ban.id, *_group(group))


def _group(group: Group) -> tuple[object, ...]:
    name = "(whole fleet)" if group.group is None else group.group
    if group.states is None:
        return name, SUPPRESSED
    return (name, group.devices, *(group.states[state.value] for state in SHOWN_FIRST), group.moved)


def _devices(sheet: _Sheet, report: Report) -> int:
    """Returns how many rows had no room."""
    sheet.head(COLUMNS, [20] * len(COLUMNS))
    granted = {one.id: one for one in report.granted}
    left_out = 0
    for device in report.devices():
        for row in _rows(report, device, granted):
            if sheet.rows > MOST_ROWS:
                left_out += 1
            else:
                sheet.row(*row)
    return left_out


def _rows(report: Report, device: Device, granted: dict[str, Granted]) -> Iterable[tuple[str, ...]]:
    return (cells(report, device, finding, granted) for finding in device.findings or (None,))


def _exceptions(sheet: _Sheet, exceptions: Sequence[Granted]) -> None:
    names = ("exception", "ban", "person", "devices", "asked_at", "approved_by", "approved_at", "until", "state")
    sheet.head(names, [22] * len(names))
    for one in exceptions:
        sheet.row(
            one.id,
            one.ban,
            one.person,
            one.devices,
            one.asked_at,
            one.approved_by,
            one.approved_at,
            one.until,
            one.state,
        )


def _about(sheet: _Sheet, report: Report, totals: Totals, left_out: int) -> None:
    head = report.head
    sheet.head(("about this report", head.note), (28, 80))
    sheet.row("as of", head.as_of)
    sheet.row("generated at", head.generated_at)
    sheet.row("only ban", head.only_ban or "(all)")
    sheet.row("only group", head.only_group or "(all)")
    sheet.row("silent after", f"{head.silent_after_s} s without a report")
    sheet.row("groups", f"those with fewer than 5 devices are suppressed ({SUPPRESSED})")
    if head.policy:
        sheet.row("policy version", head.policy.version)
        sheet.row("policy id", head.policy.id)
        sheet.row("policy signed by", ", ".join(head.policy.signers))
        sheet.row("policy adopted at", head.policy.adopted_at)
        sheet.row("one signer alone", "yes" if head.policy.one_signer else "no")
    sheet.row("sha256 of the data", totals.data_sha256)
    if left_out:
        sheet.row("left out", f"{left_out} rows had no room on the sheet: the CSV has all")
    for ban in totals.bans:
        _claims(sheet, ban)


def _claims(sheet: _Sheet, ban: BanTotals) -> None:
    of = ban.ban
    if of.decided_by or of.reference:
        sheet.row(
            f"ban {of.id}", f"decided by {of.decided_by} on {of.decided_on}, {of.reference}; review {of.review_by}"
        )
    for claim in of.claims:
        sheet.row(f"claim of {of.id}", f"{claim.standing}: {claim.text} ({claim.source})")
