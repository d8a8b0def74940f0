"""What the journal and the log write down of acts and findings: values for JSON. Pure."""

from __future__ import annotations

from agent.cases import Case, Kind, Standing, Subject
from agent.enforce.interface import Outcome
from policy_schema.rules.decision import Decision
from policy_schema.rules.instant import format_instant


def outcome_event(outcome: Outcome) -> dict[str, object]:
    """An act that ended, whole: for the journal, which the person at the machine can read."""
    intent = outcome.intent
    return {
        "event": "outcome",
        "kind": intent.kind.value,
        "finding": intent.finding_id,
        "ban": intent.ban,
        "tool": intent.tool,
        "result": outcome.result.value,
        "detail": outcome.detail.value,
        "path": intent.path,
        "title": intent.title,
        "text": intent.body if intent.kind is Kind.NOTIFY else "",
        "where": outcome.where,
        "source": outcome.source,
        "quarantine": outcome.quarantine_id,
    }


def finding_event(
    finding: str, subject: Subject, decision: Decision, standing: Standing, case: Case
) -> dict[str, object]:
    """A finding that is new or stands otherwise than before: for the log."""
    return {
        "finding": finding,
        "ban": subject.ban,
        "tool": subject.tool,
        "face": subject.face.value,
        "version": subject.version,
        "path": subject.path,
        "owner": subject.owner,
        "pid": subject.pid,
        "confidence": decision.identity.confidence.value,
        "state": standing.state.value,
        "action": standing.action.value,
        "finish_until": format_instant(case.finish_until) if case.finish_until else None,
    }
