"""Reads the fleet as it was at a moment, device by device, in the order of their keys, with bounded memory."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection, Row

from console.reports import assess
from console.reports.assess import Past
from console.reports.shapes import Device
from console.store.queries import past

AT_ONCE: Final = 500
GONE_SHOWN: Final = 90 * 86_400
"""Seconds for which what is gone stays in reports."""


class Question(NamedTuple):
    """What a report is about. Instants and durations in seconds."""

    moment: int
    now: int
    silent_after: int
    ban: str = ""
    """Only this ban: findings of others are left out, and states are with regard to it."""
    group: str = ""
    """Only devices of this group."""
    device: str = ""
    """Only this device."""
    scope: frozenset[str] | None = None
    """Only devices of one of these groups; None: all."""

    @property
    def is_past(self) -> bool:
        """True when things may have changed since."""
        return self.moment < self.now


def devices(connection: Connection, question: Question) -> Iterator[Device]:
    """Every device of the report: the enrolled ones, then those that never enrolled."""
    for page in (enrolled_page, missing_page):
        after: str | None = ""
        while after is not None:
            some, after = page(connection, question, after, AT_ONCE)
            yield from some


def enrolled_page(connection: Connection, question: Question, after: str, most: int) -> tuple[list[Device], str | None]:
    """Some enrolled devices, and after which id the next ones come; None at the end."""
    rows = connection.execute(past.devices_as_of(question.moment, after, most, question.device)).all()
    known = [one for one in map(_past, rows) if _wanted(one.groups, question)]
    found = _findings(connection, [one.device_id for one in known], question)
    some = [
        assess.device(one, assess.installations(found.get(one.device_id, ())), question.moment, question.silent_after)
        for one in known
    ]
    return some, rows[-1].device_id if len(rows) == most else None


def missing_page(connection: Connection, question: Question, after: str, most: int) -> tuple[list[Device], str | None]:
    """Some devices that are expected and never enrolled, and after which name the next ones come."""
    rows = connection.execute(past.missing_as_of(question.moment, after, most)).all()
    listed = [(row.host_name, _groups(row.groups)) for row in rows]
    some = [assess.never_enrolled(name, groups) for name, groups in listed if _wanted(groups, question)]
    return some, rows[-1].host_key if len(rows) == most else None


def _findings(connection: Connection, ids: Sequence[str], question: Question) -> dict[str, list[Any]]:
    """The rows of each device. When nothing can have changed since, history need not be asked."""
    gone_after = question.moment - GONE_SHOWN
    statements = [past.unchanged_findings(ids, question.moment, gone_after)]
    if question.is_past:
        statements.append(past.changed_findings(ids, question.moment, gone_after))
    found: dict[str, list[Any]] = {}
    for statement in statements:
        for row in connection.execute(statement).mappings():
            if not question.ban or row["ban"] == question.ban:
                found.setdefault(row["device_id"], []).append(row)
    return found


def _past(row: Row[Any]) -> Past:
    last_heard = row.enrolled_at if row.last_report_at is None else row.last_report_at
    return Past(
        device_id=row.device_id,
        host_name=row.host_name,
        removed=row.removed,
        last_heard=row.gap if row.gap is not None else last_heard,
        groups=_groups(row.groups),
        os=row.os,
        kind=row.kind,
        region=row.region or "",
        unlooked=msgspec.json.decode(row.unlooked, type=tuple[str, ...]),
        policy_version=row.policy_version,
        policy_trust=row.policy_trust,
        policy_solo=row.policy_solo,
        moves=msgspec.json.decode(row.moves, type=tuple[tuple[str, str], ...]),
    )


def _groups(text: str | None) -> tuple[str, ...] | None:
    return None if text is None else msgspec.json.decode(text, type=tuple[str, ...])


def _wanted(groups: tuple[str, ...] | None, question: Question) -> bool:
    of = frozenset(groups or ())
    return (not question.group or question.group in of) and (question.scope is None or bool(of & question.scope))
