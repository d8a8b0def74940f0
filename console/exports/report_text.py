"""The compliance report for a terminal: totals by ban, then the devices that need somebody first."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from typing import Final

from console.reports.build import Report
from console.reports.shapes import Device, Group
from console.state import SHOWN_FIRST, DeviceState
from console.web import words
from policy_schema.messages.wire import clean

HEAD: Final = ("device", "state", "banned software", "since", "done", "moved to")
WIDEST: Final = 60
MOST: Final = 500
"""Devices that a terminal is shown; files have all."""
_PLACES: Final = {state.value: place for place, state in enumerate(SHOWN_FIRST)}


def write_text(report: Report) -> Iterator[bytes]:
    """The text, line by line."""
    first = heapq.nsmallest(MOST, report.devices(), key=lambda device: (_PLACES[device.state], device.host_name))
    for line in _lines(report, first):
        yield f"{line}\n".encode("utf-8", "replace")


def _lines(report: Report, shown: list[Device]) -> Iterator[str]:
    totals = report.totals()
    whole = totals.groups[0]
    yield f"{whole.devices} devices as of {report.head.as_of}, each in one state:"
    yield f"  {_states(whole)}"
    yield f"  moved: {whole.moved}"
    if report.head.policy:
        policy = report.head.policy
        yield f"  policy version {policy.version}, signed by {', '.join(policy.signers) or 'nobody'}"
    for ban in totals.bans:
        name = f" ({ban.ban.name})" if ban.ban.name else ""
        yield f"  ban {clean(ban.ban.id)}{clean(name)}: {_states(ban.groups[0])}"
    yield ""
    yield from _table([HEAD, *(row for device in shown for row in _rows(device))])
    left = sum((whole.states or {}).values()) - len(shown)
    if left > 0:
        yield f"and {left} more devices: --format csv has all"
    yield ""
    yield f"{report.head.note} Data: sha256 {totals.data_sha256}"


def _states(group: Group) -> str:
    counted = (group.states or {}).items()
    return ", ".join(f"{number} {words.state_word(DeviceState(state))}" for state, number in counted if number) or "-"


def _table(rows: list[tuple[str, ...]]) -> Iterator[str]:
    """As wide as its cells, each at most so wide."""
    widths = [min(WIDEST, max(len(row[place]) for row in rows)) for place in range(len(HEAD))]
    for row in rows:
        yield "  ".join(cell[:WIDEST].ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip()


def _rows(device: Device) -> Iterator[tuple[str, ...]]:
    state = words.state_word(DeviceState(device.state))
    moved = ", ".join(f"{one.tool} {one.version}".strip() for one in device.moved_to) or "-"
    if not device.findings:
        why = f"could not look: {', '.join(device.could_not_look)}" if device.state == DeviceState.PARTIAL else "-"
        yield (clean(device.host_name), state, why, "-", "-", clean(moved))
    for finding in device.findings:
        there = f"{finding.tool} {finding.version}".strip() + ("" if finding.still_there else " (no longer there)")
        done = ", ".join(words.OUTCOMES.get(outcome, outcome) for outcome in finding.outcomes) or "-"
        yield (clean(device.host_name), state, clean(there), finding.since[:10], done, clean(moved))
