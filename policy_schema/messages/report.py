"""The report: what changed on one machine since the last one.

Findings and moves are deltas, coverage is that of the last look, and one rule mends everything: the report with
sequence 1 of an epoch holds the whole state, and the console then forgets what it knew of the device's state before. An
agent whose journal is new, or that is asked for reports which it no longer has, begins a new epoch.

A report that has its number never changes: sent again, it is sent with the same bytes.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from policy_schema.messages.enrol import DeviceFacts
from policy_schema.messages.heartbeat import Heartbeat
from policy_schema.messages.kinds import (
    MAX_FINDINGS,
    MAX_LINES,
    Code,
    Count,
    Day,
    DeviceId,
    Epoch,
    Identifier,
    Moment,
    MomentOrDay,
    Name,
    OptionalIdentifier,
    Pseudonym,
    Purl,
    Sequence,
)

REPORTS_PATH = "/api/v1/reports"
Codes = Annotated[tuple[Code, ...], Meta(max_length=30)]


class PolicyLine(Struct, frozen=True, kw_only=True):
    """The policy in force on the machine, and how far it can be relied on."""

    id: OptionalIdentifier
    """Empty while there is none."""
    version: Count
    trust: Code
    """`verified`, `last-good`, `unsigned` or `none`."""
    age_s: Count
    """Seconds since the policy was last confirmed as the newest."""
    solo: bool
    """True when one signer alone can change the policy."""
    signers: Annotated[tuple[Name, ...], Meta(max_length=50)] = ()
    """Whose keys signed it: the names that stand beside the keys in the trust root."""
    problem: Code = ""
    """Why the last refresh was refused or did not happen; empty when it was fine."""


class CoverageLine(Struct, frozen=True, kw_only=True):
    """What one source looked at in the last look: counts and codes, no places."""

    source: Code
    roots: Count
    """How many folders or the like were looked at."""
    items: Count
    unknown: Count
    """How many places could not be looked at. Never the same as "nothing found"."""
    reasons: Codes = ()
    ms: Count = 0


class NextLine(Struct, frozen=True, kw_only=True, rename={"start": "from"}):
    """The next rung of the ban and when it begins."""

    action: Code
    start: Moment


class FindingLine(Struct, frozen=True, kw_only=True):
    """A finding that is new, has changed, or is gone. No path, no command line, no name of a person."""

    id: Identifier
    installation: OptionalIdentifier
    ban: Identifier
    tool: Identifier
    face: Code
    purl: Purl = ""
    version: Name = ""
    confidence: Code
    matches: Codes = ()
    state: Code
    action: Code
    """What applies now; `report` while nothing else does."""
    outcome: Code = ""
    """What came of the last thing that was done; empty when nothing was."""
    effective_from: Moment | None = None
    next: NextLine | None = None
    exception: Identifier | None = None
    since: MomentOrDay
    """First seen on this machine; for a process the day only."""
    scope_of_path: Code = "other"
    person: Pseudonym = ""
    gone: bool = False


class MoveLine(Struct, frozen=True, kw_only=True):
    """An alternative that a ban offers was seen on the machine. Presence, not use."""

    tool: Identifier
    from_tool: OptionalIdentifier
    """The banned tool that it stands in for; empty when several bans offer it."""
    version: Name = ""
    seen_at: Day
    """The first day it was seen."""
    gone: bool = False


class RequestLine(Struct, frozen=True, kw_only=True):
    """What a person at the machine asked for in their own words: an exception, or that a finding is looked at again."""

    id: Identifier
    kind: Code
    """`exception` or `wrong`."""
    ban: Identifier
    finding: OptionalIdentifier = ""
    at: Day
    reason: Annotated[str, Meta(max_length=1_000)] = ""
    """Written by the person for whoever decides; empty if they gave none."""
    held_until: Moment | None = None
    """Until when it holds what it is about on that machine; nothing if it holds nothing."""
    person: Pseudonym = ""


class WithheldLine(Struct, frozen=True, kw_only=True):
    """How many findings belong to people who have not been shown the welcome yet. Nothing else is said of them."""

    ban: Identifier
    findings: Count


class Report(Struct, frozen=True, kw_only=True):
    """POST /api/v1/reports, gzip, signed; the next number each time."""

    v: int = 1
    device: DeviceId
    epoch: Epoch
    sequence: Sequence
    generated_at: Moment
    agent: Name
    policy: PolicyLine
    heartbeat: Heartbeat
    facts: DeviceFacts | None = None
    """The device's facts, when they changed since the last report."""
    coverage: Annotated[tuple[CoverageLine, ...], Meta(max_length=MAX_LINES)] = ()
    """Every source of the last look; empty when there was none since the last report."""
    findings: Annotated[tuple[FindingLine, ...], Meta(max_length=MAX_FINDINGS)] = ()
    moves: Annotated[tuple[MoveLine, ...], Meta(max_length=MAX_LINES)] = ()
    requests: Annotated[tuple[RequestLine, ...], Meta(max_length=MAX_LINES)] = ()
    not_understood: Annotated[tuple[Identifier, ...], Meta(max_length=MAX_LINES)] = ()
    """Bans that need a newer agent: adopted by nobody on this machine."""
    withheld: Annotated[tuple[WithheldLine, ...], Meta(max_length=MAX_LINES)] = ()
    """Every ban of which something was found that is not told yet; empty when everything is."""


class ReportAnswer(Struct, frozen=True, kw_only=True):
    """The answer to a report, and nothing else: every command reaches a machine through the signed policy."""

    v: int = 1
    stored_up_to: Count
    next_report_at: Moment
