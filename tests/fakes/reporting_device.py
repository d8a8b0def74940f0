"""A device that enrols and reports with real keys and real signatures, and messages to send."""

from __future__ import annotations

import msgspec
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey

from policy_schema.messages import signature
from policy_schema.messages.enrol import DeviceFacts, EnrolRequest, device_id
from policy_schema.messages.heartbeat import Heartbeat
from policy_schema.messages.report import CoverageLine, FindingLine, MoveLine, NextLine, PolicyLine, Report, RequestLine
from policy_schema.messages.request import Sealed, seal_enrolment, seal_report
from policy_schema.rules.instant import format_instant, parse_instant

EPOCH = "e-5f1c09a2b7d4"
GENERATED_AT = "2026-07-12T01:00:00Z"


def facts(host_name: str = "li-laptop") -> DeviceFacts:
    """A company workstation in Shanghai."""
    return DeviceFacts(
        os="linux",
        os_version="Debian GNU/Linux 12",
        kind="workstation",
        ownership="company",
        region="CN",
        groups=("engineering",),
        host_name=host_name,
        agent="0.1.0",
    )


def policy(**changes: object) -> PolicyLine:
    """A verified policy, twelve seconds old, signed by two."""
    line = PolicyLine(
        id="3b1e5f7a9c0d2468", version=7, trust="verified", age_s=12, solo=False, signers=("key-of-wang", "key-of-chen")
    )
    return msgspec.structs.replace(line, **changes)


def heartbeat(**changes: object) -> Heartbeat:
    """An agent that has been up for an hour."""
    beat = Heartbeat(
        started_at="2026-07-12T00:00:00Z",
        uptime_s=3600,
        looks=4,
        decisions=412,
        look_ms=180,
        acts=1,
        journal_rows=96,
        rss_kb=21_504,
    )
    return msgspec.structs.replace(beat, **changes)


def finding(**changes: object) -> FindingLine:
    """Claude Code from npm, blocked, removal to come."""
    line = FindingLine(
        id="f-3kq9",
        installation="i-77ab",
        ban="claude-code",
        tool="claude-code",
        face="package",
        purl="pkg:npm/%40anthropic-ai/claude-code@2.1.197",
        version="2.1.197",
        confidence="exact",
        matches=("package-identity", "content"),
        state="active",
        action="block",
        outcome="told",
        effective_from="2026-07-10T01:00:00Z",
        next=NextLine(action="remove", start="2026-07-24T01:00:00Z"),
        since="2026-07-03T08:12:44Z",
        scope_of_path="home",
    )
    return msgspec.structs.replace(line, **changes)


def process(**changes: object) -> FindingLine:
    """A running Claude Code that may finish, of a person known by a pseudonym."""
    line = FindingLine(
        id="f-9dpw",
        installation="i-77ab",
        ban="claude-code",
        tool="claude-code",
        face="process",
        version="2.1.197",
        confidence="exact",
        matches=("package-identity",),
        state="active",
        action="block",
        outcome="finishing",
        effective_from="2026-07-10T01:00:00Z",
        since="2026-07-12",
        scope_of_path="home",
        person="p-4c1d8e",
    )
    return msgspec.structs.replace(line, **changes)


def move(**changes: object) -> MoveLine:
    """Qoder in place of Claude Code."""
    line = MoveLine(tool="qoder", from_tool="claude-code", version="1.4.2", seen_at="2026-07-05")
    return msgspec.structs.replace(line, **changes)


def request(**changes: object) -> RequestLine:
    """A person asks for an exception."""
    line = RequestLine(
        id="r-00c0ffee",
        kind="exception",
        ban="claude-code",
        at="2026-07-08",
        reason="the contract with a customer names it",
        held_until="2026-07-12T01:00:00Z",
    )
    return msgspec.structs.replace(line, **changes)


def coverage(source: str = "npm", **changes: object) -> CoverageLine:
    """A source that could look everywhere."""
    return msgspec.structs.replace(CoverageLine(source=source, roots=3, items=41, unknown=0, ms=18), **changes)


class ReportingDevice:
    """Holds a key and counts its reports. `now` is the device's own clock."""

    def __init__(self, now: int = parse_instant(GENERATED_AT), epoch: str = EPOCH) -> None:
        self.key = Ed25519PrivateKey.generate()
        self.raw_key = signature.raw_public_key(self.key)
        self.id = device_id(self.raw_key)
        self.epoch = epoch
        self.now = now
        self.sequence = 0

    def enrolment(self, secret: str, host_name: str = "li-laptop") -> Sealed:
        """A signed request to enrol."""
        request = EnrolRequest(
            secret=secret,
            public_key=signature.encode_public_key(self.raw_key),
            epoch=self.epoch,
            facts=facts(host_name),
        )
        return seal_enrolment(request, self.key, self.now)

    def report(self, **changes: object) -> Report:
        """The next report; without changes it says that nothing changed."""
        self.sequence += 1
        return self.report_numbered(self.sequence, **changes)

    def report_numbered(self, sequence: int, **changes: object) -> Report:
        """A report with this number, which the device does not count."""
        report = Report(
            device=self.id,
            epoch=self.epoch,
            sequence=sequence,
            generated_at=format_instant(self.now),
            agent="0.1.0",
            policy=policy(),
            heartbeat=heartbeat(),
        )
        return msgspec.structs.replace(report, **changes)

    def send(self, report: Report) -> Sealed:
        """The report as a signed request."""
        return seal_report(report, self.key, sequence=report.sequence, now=self.now)

    def signed(self, path: str, body: bytes, sequence: int, headers: dict[str, str] | None = None) -> Sealed:
        """Any body, signed by this device at its own time."""
        signing = signature.sign(
            self.key, device=self.id, method="POST", path=path, sequence=sequence, body=body, now=self.now
        )
        return Sealed(path, {"Content-Type": "application/json", **(headers or {}), **signing}, body)
