"""What the read API answers with, besides the shapes of the report."""

from __future__ import annotations

from msgspec import Struct

from console.reports.shapes import BanTotals, Granted, Group, Head


class FindingItem(Struct, frozen=True, kw_only=True):
    """One finding that is there. No path, no name of a person, no command line: the console has none."""

    device_id: str
    finding_id: str
    ban: str
    tool: str
    version: str
    face: str
    confidence: str
    state: str
    action: str
    outcome: str
    since: str
    effective_from: str | None
    exception: str | None


class EventItem(Struct, frozen=True, kw_only=True):
    """One change of a finding, as a device told it. For running programs `at` is the day."""

    device_id: str
    epoch: str
    sequence: int
    finding_id: str
    at: str
    change: str
    ban: str
    tool: str
    version: str
    face: str
    state: str
    action: str
    outcome: str


class Compliance(Struct, frozen=True, kw_only=True):
    """The totals of the compliance report. Findings are no proof of use."""

    report: Head
    groups: tuple[Group, ...]
    bans: tuple[BanTotals, ...]
    exceptions: tuple[Granted, ...]
    data_sha256: str
