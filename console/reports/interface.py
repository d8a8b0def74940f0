"""What a report shows: the lines that page, export and command share."""

from __future__ import annotations

from typing import Final, NamedTuple

from console.state import DeviceState

NO_PROOF: Final = "Findings are no proof of use."
"""Stands on every page with findings and in every export."""


class ToolLine(NamedTuple):
    """One installation of a banned tool on one device: its package, link, file and process are one line."""

    finding_id: str
    installation: str
    ban: str
    tool: str
    version: str
    purl: str
    faces: tuple[str, ...]
    confidence: str
    matches: tuple[str, ...]
    state: str
    action: str
    outcomes: tuple[str, ...]
    """What was done, of each part that something was done about."""
    since: str
    effective_from: str
    next_action: str
    next_from: str
    exception: str
    scope_of_path: str
    person: str
    gone: bool
    counts: bool
    """False for what says nothing against the device: out of scope, lifted, only a name."""


class MoveSeen(NamedTuple):
    """An alternative on a device."""

    tool: str
    version: str
    seen_at: str


class PolicySeen(NamedTuple):
    """The policy in force on a device, or on many."""

    id: str
    version: int
    trust: str
    age_s: int
    """Seconds since it was confirmed as the newest, silence included."""
    solo: bool
    signers: tuple[str, ...]
    problem: str
    devices: int = 1


class DeviceLine(NamedTuple):
    """One device in its one state."""

    device_id: str
    """Empty when it never enrolled."""
    host_name: str
    state: DeviceState
    why: tuple[str, ...]
    """Sentences: why it is silent, could not look, or needs attention."""
    tools: tuple[ToolLine, ...] = ()
    more_findings: int = 0
    """Findings that the line leaves out."""
    moves: tuple[MoveSeen, ...] = ()
    policy: PolicySeen | None = None
    last_report_at: int | None = None
    os: str = ""
    os_version: str = ""
    kind: str = ""
    ownership: str = ""
    region: str = ""
    groups: tuple[str, ...] = ()
    groups_set: bool = False
    """False when the device does not know of any groups; then it is not in none of them, but unknown."""
    agent: str = ""


class BanLine(NamedTuple):
    """One ban over the fleet."""

    ban: str
    devices: int
    installations: int
    outcomes: tuple[tuple[str, int], ...]
    """The last thing that was done → on how many devices."""
    gone: int
    """Devices on which something of it was, and is not any more."""


class Overview(NamedTuple):
    """The fleet in one look."""

    totals: tuple[tuple[DeviceState, int], ...]
    devices: int
    bans: tuple[BanLine, ...]
    policies: tuple[PolicySeen, ...]
    moves: tuple[tuple[str, int], ...]
    moved: int
    """Devices that have an alternative."""
    moved_and_clean: int
    """Those of them with nothing banned left."""
    cloned: int
    observing: int
    braking: int
