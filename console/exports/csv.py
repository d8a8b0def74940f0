"""The compliance report as CSV: one row for each device and installation, and one for a device without any.

The sentence that findings prove no use stands in a column of every row, not above the table: there it survives sorting,
filtering and copying, and the file stays a plain table for every program.
"""

from __future__ import annotations

import csv
import io
from collections.abc import Iterable, Iterator
from typing import Final

from console.reports.interface import NO_PROOF, DeviceLine, ToolLine
from policy_schema.rules.instant import format_instant

COLUMNS: Final = (
    "device",
    "device_id",
    "state",
    "why",
    "ban",
    "tool",
    "version",
    "faces",
    "confidence",
    "finding_state",
    "action",
    "done",
    "still_there",
    "since",
    "in_force_from",
    "next",
    "exception",
    "person",
    "moved_to",
    "last_report_at",
    "policy_version",
    "policy_trust",
    "policy_age_s",
    "one_signer",
    "os",
    "kind",
    "ownership",
    "region",
    "groups",
    "agent",
    "note",
)
_FORMULA: Final = ("=", "+", "-", "@", "\t", "\r", "\n", "\uff1d", "\uff0b", "\uff0d", "\uff20")
"""What spreadsheets may take for the beginning of a formula, the full-width signs included."""


def write_csv(lines: Iterable[DeviceLine]) -> Iterator[str]:
    """The file, piece by piece."""
    buffer = io.StringIO()
    writer = csv.writer(buffer)
    writer.writerow(COLUMNS)
    for line in lines:
        for tool in line.tools or (None,):
            writer.writerow([safe_cell(cell) for cell in _row(line, tool)])
        yield buffer.getvalue()
        buffer.seek(0)
        buffer.truncate()
    yield buffer.getvalue()


def safe_cell(text: str) -> str:
    """A cell that no spreadsheet takes for a formula: an apostrophe before what could begin one."""
    return f"'{text}" if text.lstrip(" ").startswith(_FORMULA) else text


def _row(line: DeviceLine, tool: ToolLine | None) -> Iterator[str]:
    policy = line.policy
    more = (f"{line.more_findings} more findings are left out",) if line.more_findings else ()
    yield from (line.host_name, line.device_id, line.state.value, "; ".join((*line.why, *more)))
    yield from _tool_cells(tool)
    yield " ".join(f"{move.tool} {move.version}".strip() for move in line.moves)
    yield "" if line.last_report_at is None else format_instant(line.last_report_at)
    yield from (
        (str(policy.version), policy.trust, str(policy.age_s), _yes(policy.solo)) if policy else ("", "", "", "")
    )
    yield from (line.os, line.kind, line.ownership, line.region, " ".join(line.groups), line.agent, NO_PROOF)


def _tool_cells(tool: ToolLine | None) -> tuple[str, ...]:
    if tool is None:
        return ("",) * 14
    return (
        tool.ban,
        tool.tool,
        tool.version,
        " ".join(tool.faces),
        tool.confidence,
        tool.state,
        tool.action,
        " ".join(tool.outcomes),
        _yes(not tool.gone),
        tool.since,
        tool.effective_from,
        f"{tool.next_action} {tool.next_from}".strip(),
        tool.exception,
        tool.person,
    )


def _yes(value: bool) -> str:
    return "yes" if value else "no"
