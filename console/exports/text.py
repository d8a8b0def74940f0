"""The compliance report as a table for a terminal."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from console.reports.interface import NO_PROOF, DeviceLine, Overview
from console.web import words
from policy_schema.rules.instant import format_instant

HEAD = ("device", "state", "banned software", "since", "done", "moved to", "last report")
WIDEST = 60


def write_text(overview: Overview, lines: Iterable[DeviceLine], now: int) -> Iterator[str]:
    """Totals, then a line for each installation. The table is as wide as its cells, each at most so wide."""
    yield f"{overview.devices} devices at {format_instant(now)}, each in one state:"
    yield "  " + ", ".join(f"{number} {words.state_word(state)}" for state, number in overview.totals if number)
    yield f"  moved: {overview.moved}, of them clean: {overview.moved_and_clean}"
    yield ""
    rows = [HEAD, *(row for line in lines for row in _rows(line, now))]
    widths = [min(WIDEST, max(len(row[place]) for row in rows)) for place in range(len(HEAD))]
    for row in rows:
        yield "  ".join(cell[:WIDEST].ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()
    yield ""
    yield NO_PROOF


def _rows(line: DeviceLine, now: int) -> Iterator[Sequence[str]]:
    moved = ", ".join(f"{move.tool} {move.version}".strip() for move in line.moves) or "-"
    heard = "never" if line.last_report_at is None else f"{words.since_then(now - line.last_report_at)} ago"
    if not line.tools:
        yield (line.host_name, words.state_word(line.state), "; ".join(line.why) or "-", "-", "-", moved, heard)
    for tool in line.tools:
        done = ", ".join(words.OUTCOMES.get(outcome, outcome) for outcome in tool.outcomes) or "-"
        there = f"{tool.tool} {tool.version}".strip() + (" (no longer there)" if tool.gone else "")
        yield (line.host_name, words.state_word(line.state), there, tool.since[:10], done, moved, heard)
