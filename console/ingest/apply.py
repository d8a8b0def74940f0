"""A report in the database: counted once, kept as received, and turned into state and history."""

from __future__ import annotations

import hashlib
from enum import StrEnum
from typing import TYPE_CHECKING, Any, NamedTuple

import msgspec
from sqlalchemy import Connection

from console import audit
from console.brake import tally
from console.ingest.enrol import facts_columns, put_groups
from console.ingest.verify import Accepted, Refused
from console.state import DOES_NOT_COUNT, Looked, standing_of, why_partial
from console.store import past
from console.store.queries import ingest, seen
from console.store.tables import DAY
from policy_schema.messages.report import FindingLine, Report
from policy_schema.messages.wire import clean
from policy_schema.rules.observation import Face

if TYPE_CHECKING:
    from sqlalchemy import Row

    Known = Row[Any]

REPORTS_KEPT = 30
"""Reports as received that said something, a device."""
HEARTBEATS_KEPT = 5
"""Reports as received that said that nothing changed, a device. They come every few minutes."""
FINDINGS_KEPT = 20_000
"""Findings a device may have, present and gone."""
EVENTS_KEPT = 50_000
REQUESTS_KEPT = 500


class Verdict(StrEnum):
    """What became of a report."""

    STORED = "stored"
    DUPLICATE = "duplicate"
    GAP = "gap"
    EPOCH_OVER = "epoch-over"


class Result(NamedTuple):
    """The verdict, and the number up to which the console has everything of this epoch."""

    verdict: Verdict
    stored_up_to: int


def store_report(connection: Connection, accepted: Accepted, now: int) -> Result:
    """Stores a report if it is the next one of its epoch, and says what it is otherwise.

    Number 1 of an unknown epoch begins that epoch, and its report is the whole state. An older epoch that still speaks,
    and another report under a number that was used, mean that two machines share one key: shown, never mixed.

    Raises:
        Refused: more findings than a device may have.
    """
    report = accepted.report
    device = connection.execute(ingest.enrolled(report.device)).one_or_none()
    if device is None:
        raise Refused(401, "signature-unknown-key", "this device is not enrolled any more", "Enrol it again.")
    if device.epoch != report.epoch:
        if connection.execute(ingest.last_sequence(report.device, report.epoch)).one_or_none() is not None:
            return _cloned(connection, report, now, "an earlier epoch still reports")
        if report.sequence != 1:
            return Result(Verdict.GAP, 0)
        _begin_epoch(connection, report, now)
    if connection.execute(ingest.advance(report.device, report.epoch, report.sequence, now)).rowcount == 0:
        return _not_next(connection, accepted, now)
    kept = _keep(connection, device, accepted, now)
    _apply(connection, device, report, now, kept)
    return Result(Verdict.STORED, report.sequence)


def _not_next(connection: Connection, accepted: Accepted, now: int) -> Result:
    """Older than the last one, or further than the next."""
    report = accepted.report
    last = connection.execute(ingest.last_sequence(report.device, report.epoch)).scalar_one()
    if report.sequence > last:
        return Result(Verdict.GAP, last)
    stored = connection.execute(ingest.digest_of(report.device, report.epoch, report.sequence)).scalar_one_or_none()
    if stored is not None and stored != accepted.digest:
        return _cloned(connection, report, now, "two reports under one number")
    return Result(Verdict.DUPLICATE, last)


def _cloned(connection: Connection, report: Report, now: int, detail: str) -> Result:
    connection.execute(ingest.set_device(report.device, {"cloned_at": now}))
    audit.record(connection, now, who=report.device, what="cloned", detail=detail)
    return Result(Verdict.EPOCH_OVER, 0)


def _begin_epoch(connection: Connection, report: Report, now: int) -> None:
    connection.execute(ingest.begin_epoch(report.device, report.epoch, now))
    connection.execute(ingest.set_device(report.device, {"epoch": report.epoch, "epoch_changed_at": now}))
    audit.record(connection, now, who=report.device, what="epoch", detail="the device's journal is a new one")


def says_something(report: Report) -> bool:
    """False for a heartbeat: nothing was found, moved or asked for, and the facts are as they were."""
    return bool(report.sequence == 1 or report.findings or report.moves or report.requests or report.facts)


def kept_row(accepted: Accepted, slot: int, now: int) -> dict[str, object]:
    """A report as it was received, in its place in the device's ring."""
    report = accepted.report
    return {
        "device_id": report.device,
        "slot": slot,
        "epoch": report.epoch,
        "sequence": report.sequence,
        "received_at": now,
        "digest": accepted.digest,
        "body": accepted.body,
    }


def heartbeat_slot(sequence: int) -> int:
    """The slot of a report that said nothing new."""
    return sequence % HEARTBEATS_KEPT


def _keep(connection: Connection, device: Row[Any], accepted: Accepted, now: int) -> dict[str, int]:
    """Returns what counts the reports that were kept because they said something."""
    telling = says_something(accepted.report)
    slot = HEARTBEATS_KEPT + device.kept % REPORTS_KEPT if telling else heartbeat_slot(accepted.report.sequence)
    connection.execute(ingest.keep_report(connection.dialect.name), [kept_row(accepted, slot, now)])
    return {"kept": device.kept + 1} if telling else {}


def _apply(connection: Connection, device: Row[Any], report: Report, now: int, kept: dict[str, Any]) -> None:
    """State and history; then what all of it amounts to."""
    looked_digest = look_digest(report)
    if report.sequence == 1 or (report.coverage and looked_digest != device.looked):
        _put_coverage(connection, report)
        kept = {**kept, "looked": looked_digest}
    _put_moves(connection, report, now)
    _put_requests(connection, report, now)
    if report.findings or report.sequence == 1:
        _put_findings(connection, report, now)
    states = connection.execute(ingest.present_states(report.device)).scalars().all()
    looked = _looked(connection, report)
    facts = facts_columns(report.facts) if report.facts else {}
    if report.facts:
        put_groups(connection, report.device, report.facts)
    columns = {**device_columns(report, now), **facts}
    shown = {**device._mapping, **columns, "device_id": report.device}
    moves = bool(report.moves) or report.sequence == 1
    digest = past.note(connection, device, shown, looked, now, moves=moves)
    standing = {"standing": standing_of(states, looked).value, "why": _as_json(why_partial(looked))}
    connection.execute(ingest.set_device(report.device, {**columns, **standing, **digest, **kept}))
    if shown["host_key"] != device.host_key:
        connection.execute(seen.note([device.host_key, shown["host_key"]]))


def _looked(connection: Connection, report: Report) -> Looked:
    rows = connection.execute(ingest.coverage_of(report.device)).all()
    return Looked(
        trust=report.policy.trust,
        unknown=tuple((row.source, row.unknown, tuple(msgspec.json.decode(row.reasons))) for row in rows),
        sources=len(rows),
        not_understood=report.not_understood,
        withheld=sum(line.findings for line in report.withheld),
    )


def look_digest(report: Report) -> str:
    """Tells one look from another, and what of it is withheld. How long it took is not compared: it always differs."""
    lines = [(line.source, line.roots, line.items, line.unknown, line.reasons) for line in report.coverage]
    return hashlib.sha256(msgspec.json.encode([lines, report.withheld])).hexdigest()[:16]


def _put_coverage(connection: Connection, report: Report) -> None:
    connection.execute(ingest.drop_coverage(report.device))
    rows = {
        line.source: {
            "device_id": report.device,
            "source": line.source,
            "roots": line.roots,
            "items": line.items,
            "unknown": line.unknown,
            "reasons": _as_json(line.reasons),
            "ms": line.ms,
        }
        for line in report.coverage
    }
    if rows:
        connection.execute(ingest.add_coverage(), list(rows.values()))


def _put_moves(connection: Connection, report: Report, now: int) -> None:
    if report.sequence == 1:
        connection.execute(ingest.drop_moves(report.device))
    rows = {
        (line.tool, line.from_tool): {
            "device_id": report.device,
            "tool": line.tool,
            "from_tool": line.from_tool,
            "version": clean(line.version),
            "seen_at": line.seen_at,
            "gone_at": now if line.gone else None,
        }
        for line in report.moves
    }
    if rows:
        connection.execute(ingest.put_move(connection.dialect.name), list(rows.values()))


def _put_requests(connection: Connection, report: Report, now: int) -> None:
    rows = {
        line.id: {
            "device_id": report.device,
            "request_id": line.id,
            "kind": line.kind,
            "ban": line.ban,
            "finding_id": line.finding,
            "asked_on": line.at,
            "reason": clean(line.reason, 1000),
            "held_until": line.held_until,
            "person": line.person,
            "received_at": now,
        }
        for line in report.requests
    }
    if rows:
        connection.execute(ingest.put_request(connection.dialect.name), list(rows.values()))
        connection.execute(ingest.drop_requests(report.device, REQUESTS_KEPT))


def _put_findings(connection: Connection, report: Report, now: int) -> None:
    known = {row.finding_id: row for row in connection.execute(ingest.known_findings(report.device))}
    lines = {line.id: line for line in report.findings}
    repeated = {name for name, line in lines.items() if report.sequence == 1 and _is_known(line, known.get(name))}
    events = [
        _event(report, line, _change(line, known.get(name)), now)
        for name, line in lines.items()
        if name not in repeated
    ]
    # What is repeated as gone keeps the time when it went.
    rows = [
        _finding_row(report.device, one, now) for name, one in lines.items() if not one.gone or name not in repeated
    ]
    if rows:
        connection.execute(ingest.put_finding(connection.dialect.name), rows)
    if report.sequence == 1:
        events += _end_the_unmentioned(connection, report, known, lines, now)
    if report.sequence != 1:
        # A whole state, of a new device or a new journal, is no jump of a ban.
        tally.count(connection, (str(one["ban"]) for one in events if _counts(one)), now)
    if events:
        connection.execute(ingest.add_events(), events)
    _bound(connection, report.device, len(known.keys() | lines.keys()), len(events), now)


def _counts(event: dict[str, object]) -> bool:
    """Whether the fleet's brake counts it: something that was not there before, and that the ban means."""
    return event["change"] == "new" and event["state"] not in DOES_NOT_COUNT


def _end_the_unmentioned(
    connection: Connection, report: Report, known: dict[str, Known], lines: dict[str, FindingLine], now: int
) -> list[dict[str, object]]:
    """What a new epoch does not mention is not there any more."""
    ended = [row for name, row in known.items() if name not in lines and row.gone_at is None]
    for row in ended:
        connection.execute(ingest.end_finding(report.device, row.finding_id, now))
    return [
        {
            **_event_head(report, row.finding_id, row.face, "gone", now),
            "ban": row.ban,
            "tool": row.tool,
            "version": row.version,
            "state": row.state,
            "action": row.action,
            "outcome": row.outcome,
            "installation": row.installation,
            "exception": row.exception,
            "since": row.since,
        }
        for row in ended
    ]


def _bound(connection: Connection, device: str, findings: int, events: int, now: int) -> None:
    """Keeps one device from filling the disk. An ordinary device never comes near."""
    if findings > FINDINGS_KEPT:
        connection.execute(ingest.drop_gone_findings(device, now + 1))
        if len(connection.execute(ingest.known_findings(device)).all()) > FINDINGS_KEPT:
            raise Refused(
                413,
                "too-many-findings",
                f"a device may have {FINDINGS_KEPT} findings",
                "Look at this device: nothing real has so many.",
            )
    if events > 100 and connection.execute(ingest.count_events(device)).scalar_one() > EVENTS_KEPT:
        connection.execute(ingest.drop_events(device, now - DAY))


def _change(line: FindingLine, known: Known | None) -> str:
    if line.gone:
        return "gone"
    return "new" if known is None or known.gone_at is not None else "changed"


def _is_known(line: FindingLine, known: Known | None) -> bool:
    """A whole state repeats what was told under an earlier epoch: that is no change, and is not counted as one."""
    if known is None or line.gone != (known.gone_at is not None):
        return False
    said = (line.state, line.action, line.outcome, clean(line.version), line.exception)
    return said == (known.state, known.action, known.outcome, known.version, known.exception)


def _event(report: Report, line: FindingLine, change: str, now: int) -> dict[str, object]:
    return {
        **_event_head(report, line.id, line.face, change, now),
        "ban": line.ban,
        "tool": line.tool,
        "version": clean(line.version),
        "state": line.state,
        "action": line.action,
        "outcome": line.outcome,
        "installation": line.installation,
        "exception": line.exception,
        "since": line.since,
    }


def _event_head(report: Report, finding_id: str, face: str, change: str, now: int) -> dict[str, object]:
    """For a process the day only: the hour would be working-time data."""
    return {
        "device_id": report.device,
        "epoch": report.epoch,
        "sequence": report.sequence,
        "finding_id": finding_id,
        "face": face,
        "at": now - now % DAY if face == Face.PROCESS else now,
        "change": change,
    }


def _finding_row(device: str, line: FindingLine, now: int) -> dict[str, object]:
    at = now - now % DAY if line.face == Face.PROCESS else now
    return {
        "device_id": device,
        "finding_id": line.id,
        "installation": line.installation,
        "ban": line.ban,
        "tool": line.tool,
        "face": line.face,
        "purl": clean(line.purl, 500),
        "version": clean(line.version),
        "confidence": line.confidence,
        "matches": _as_json(line.matches),
        "state": line.state,
        "action": line.action,
        "outcome": line.outcome,
        "effective_from": line.effective_from,
        "next_action": line.next.action if line.next else None,
        "next_from": line.next.start if line.next else None,
        "exception": line.exception,
        "since": line.since,
        "scope_of_path": line.scope_of_path,
        "person": line.person,
        "first_reported_at": at,
        "changed_at": at,
        "gone_at": at if line.gone else None,
    }


def device_columns(report: Report, now: int) -> dict[str, object]:
    """What every report says of its device."""
    policy = report.policy
    return {
        "removed_at": now if report.heartbeat.leaving else None,
        "last_report_at": now,
        "heard_on": now // DAY,
        "generated_at": report.generated_at,
        "agent": clean(report.agent),
        "policy_id": policy.id,
        "policy_version": policy.version,
        "policy_trust": policy.trust,
        "policy_age_s": policy.age_s,
        "policy_solo": policy.solo,
        "policy_signers": _as_json([clean(name) for name in policy.signers]),
        "policy_problem": policy.problem,
        "not_understood": _as_json(report.not_understood),
        "heartbeat": _as_json(report.heartbeat),
        "mode": report.heartbeat.mode,
        "brake": report.heartbeat.brake,
    }


def _as_json(value: object) -> str:
    return msgspec.json.encode(value).decode()
