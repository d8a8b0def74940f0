"""Reports: made once, numbered, kept until the console says that they are stored.

A report and the lines it covers are written to the journal in one transaction before anything is sent, and a report
that has its number never changes. So a console that is away, answers 500, or stores and then cannot answer, and an
agent killed in between, lose nothing and count nothing twice: the console takes each number once.
"""

from __future__ import annotations

import platform
import secrets
from collections.abc import Callable, Iterable
from typing import NamedTuple

import msgspec

from agent.report.journal import Journal
from agent.settings import Settings, os_name
from policy_schema.messages.enrol import DeviceFacts
from policy_schema.messages.heartbeat import Heartbeat
from policy_schema.messages.kinds import MAX_FINDINGS, MAX_LINES
from policy_schema.messages.report import (
    CoverageLine,
    FindingLine,
    MoveLine,
    PolicyLine,
    Report,
    RequestLine,
    WithheldLine,
)
from policy_schema.messages.wire import clean, encode
from policy_schema.rules.instant import Instant, format_instant

_MOST_PENDING = 20_000
"""Unsent lines beyond which a new epoch with the whole state replaces them."""


_KINDS = {FindingLine: "finding", MoveLine: "move", RequestLine: "request"}


class Whole(NamedTuple):
    """The whole state of the machine, for the first report of an epoch."""

    findings: tuple[FindingLine, ...]
    moves: tuple[MoveLine, ...]


class Moment(NamedTuple):
    """What a report says about the machine at the time it is made."""

    now: Instant
    device: str
    agent: str
    policy: PolicyLine
    heartbeat: Heartbeat
    coverage: tuple[CoverageLine, ...]
    facts: DeviceFacts
    not_understood: tuple[str, ...]
    withheld: tuple[WithheldLine, ...] = ()


class Outbox:
    """The reports of one device. Used by the deciding thread only."""

    def __init__(self, journal: Journal, whole: Callable[[], Whole]) -> None:
        self._journal = journal
        self._whole = whole
        self._news = False
        if not journal.meta("epoch"):
            self.new_epoch()

    @property
    def epoch(self) -> str:
        """Changes when the console shall forget what it knew of this device's state."""
        return self._journal.meta("epoch")

    def new_epoch(self) -> None:
        """Starts anew: the next report has number 1 and holds the whole state."""
        with self._journal.together():
            self._journal.forget_unsent()
            self._journal.set_meta("epoch", fresh_epoch())
            self._journal.set_meta("sequence", "0")

    def queue(self, lines: Iterable[FindingLine | MoveLine | RequestLine]) -> None:
        """Takes lines for the next report. Before the first one only requests are queued: it holds the whole state."""
        first = self._sequence() == 0
        for line in lines:
            if isinstance(line, RequestLine) or not first:
                self._journal.add_pending(_KINDS[type(line)], msgspec.to_builtins(line))
        if self._journal.pending_count() > _MOST_PENDING:
            self.new_epoch()

    def state_changed(self) -> None:
        """Something that every report says of the machine is different now: no line, and still worth a report."""
        self._news = True

    def waiting(self) -> bool:
        """Whether there is anything that the console has not stored."""
        return (
            self._news
            or self._journal.first_report() is not None
            or self._journal.pending_count() > 0
            or self._sequence() == 0
        )

    def next(self, make: Callable[[], Moment]) -> tuple[int, bytes]:
        """The report to send now: the oldest unstored one as it is, else a new one."""
        kept = self._journal.first_report()
        if kept:
            return kept
        self._news = False
        with self._journal.together():
            moment = make()
            sequence = self._sequence() + 1
            body = encode(self._report(moment, sequence))
            self._journal.put_report(sequence, body, moment.now)
            self._journal.set_meta("sequence", str(sequence))
        return sequence, body

    def stored(self, up_to: int, now: Instant) -> int:
        """The console has stored reports up to this number."""
        return self._journal.stored(up_to, now)

    def _report(self, moment: Moment, sequence: int) -> Report:
        rows = self._journal.take_pending(sequence, MAX_LINES if sequence == 1 else MAX_FINDINGS)
        requests = tuple(msgspec.convert(body, RequestLine) for kind, body in rows if kind == "request")
        if sequence == 1:
            findings, moves = self._whole()
            # What is gone comes last and only as far as there is room: the console ends what it is not told of.
            rest = [("finding", line) for line in findings[MAX_FINDINGS:] if not line.gone]
            for kind, line in rest:
                self._journal.add_pending(kind, msgspec.to_builtins(line))
            findings = findings[:MAX_FINDINGS]
        else:
            findings = tuple(msgspec.convert(body, FindingLine) for kind, body in rows if kind == "finding")
            moves = tuple(msgspec.convert(body, MoveLine) for kind, body in rows if kind == "move")
        facts = self._facts_if_changed(moment.facts)
        return Report(
            device=moment.device,
            epoch=self.epoch,
            sequence=sequence,
            generated_at=format_instant(moment.now),
            agent=moment.agent,
            policy=moment.policy,
            heartbeat=moment.heartbeat,
            facts=facts,
            coverage=moment.coverage,
            findings=findings,
            moves=moves,
            requests=requests,
            not_understood=moment.not_understood,
            withheld=moment.withheld[:MAX_LINES],
        )

    def _facts_if_changed(self, facts: DeviceFacts) -> DeviceFacts | None:
        text = encode(facts).decode()
        if self._journal.meta("facts_sent") == text:
            return None
        self._journal.set_meta("facts_sent", text)
        return facts

    def _sequence(self) -> int:
        return int(self._journal.meta("sequence") or "0")


def fresh_epoch() -> str:
    """A new id for one life of a journal."""
    return "e-" + secrets.token_hex(8)


def device_facts(settings: Settings, version: str) -> DeviceFacts:
    """What this machine says of itself; region and groups come from the settings alone."""
    return DeviceFacts(
        os=os_name(),
        os_version=clean(platform.release(), 100),
        kind=settings.kind,
        ownership=settings.ownership,
        region=clean(settings.region, 100) if settings.region is not None else None,
        groups=tuple(clean(g, 100) for g in settings.groups) if settings.groups is not None else None,
        host_name=clean(platform.node(), 100) or "unknown",
        agent=version,
    )
