"""The statements of enrolment and ingest. All but those on secrets are about one device."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from functools import cache
from typing import Any

from sqlalchemy import BigInteger, Delete, Insert, Select, String, Update, and_, delete, func, insert, select, update

from console.store.many import given, upsert_many
from console.store.tables import (
    coverage,
    device,
    device_epoch,
    enrolment_secret,
    finding,
    finding_event,
    move,
    report,
    request,
)
from console.store.tables_fleet import device_group
from console.store.upsert import upsert

_NUMBER = BigInteger()


def keys_from(device_id: str, most: int) -> Select[str, bytes]:
    """The public key of an enrolled device, and of so many that follow it in the order of ids."""
    return (
        select(device.c.device_id, device.c.public_key)
        .where(device.c.device_id >= device_id)
        .order_by(device.c.device_id)
        .limit(most)
    )


def enrolled(device_id: str) -> Select[Any]:
    """What is compared with a device's next report, if it is enrolled: its epoch, when it was heard of, its facts."""
    return select(
        device.c.epoch,
        device.c.removed_at,
        device.c.enrolled_at,
        device.c.last_report_at,
        device.c.past,
        device.c.host_name,
        device.c.host_key,
        device.c.groups,
        device.c.os,
        device.c.kind,
        device.c.region,
        device.c.looked,
        device.c.kept,
    ).where(device.c.device_id == device_id)


def standing_still(ids: Collection[str]) -> Select[Any]:
    """What tells of some devices' next reports whether they change anything: one row a device, in its present epoch."""
    return (
        select(
            device.c.device_id,
            device.c.epoch,
            device.c.removed_at,
            device.c.enrolled_at,
            device.c.last_report_at,
            device.c.past,
            device.c.looked,
            device.c.policy_id,
            device.c.policy_version,
            device.c.policy_trust,
            device.c.policy_solo,
            device.c.not_understood,
            device_epoch.c.last_sequence,
        )
        .join(
            device_epoch,
            and_(device_epoch.c.device_id == device.c.device_id, device_epoch.c.epoch == device.c.epoch),
        )
        .where(device.c.device_id.in_(ids))
    )


@cache
def advance_many(dialect: str) -> Update:
    """Compare and set for many devices at once: rows of `of`, `in_epoch`, `to`, `before`, `now`."""
    row = given(dialect, {"of": String(), "in_epoch": String(), "to": _NUMBER, "before": _NUMBER, "now": _NUMBER})
    return (
        update(device_epoch)
        .where(
            device_epoch.c.device_id == row["of"],
            device_epoch.c.epoch == row["in_epoch"],
            device_epoch.c.last_sequence == row["before"],
        )
        .values(last_sequence=row["to"], last_at=row["now"])
    )


@cache
def beat_many(dialect: str, columns: tuple[str, ...]) -> Update:
    """The heartbeats of many devices at once: rows of `of` and these columns, each with `to_` before its name."""
    row = given(dialect, {"of": String(), **{f"to_{name}": device.c[name].type for name in columns}})
    return update(device).where(device.c.device_id == row["of"]).values({name: row[f"to_{name}"] for name in columns})


@cache
def keep_many(dialect: str) -> Insert:
    """As `keep_report`, for one report of each of many devices."""
    return upsert_many(dialect, report)


def secret(digest: str) -> Select[int, int, int]:
    """Id, uses left and expiry of a secret, found by its hash."""
    return select(enrolment_secret.c.secret_id, enrolment_secret.c.uses_left, enrolment_secret.c.expires_at).where(
        enrolment_secret.c.digest == digest
    )


def use_secret(secret_id: int) -> Update:
    """Takes one use away; no row when none is left."""
    return (
        update(enrolment_secret)
        .where(enrolment_secret.c.secret_id == secret_id, enrolment_secret.c.uses_left > 0)
        .values(uses_left=enrolment_secret.c.uses_left - 1)
    )


def add_device(values: Mapping[str, object]) -> Insert:
    """A new device."""
    return insert(device).values(**values)


def set_device(device_id: str, values: Mapping[str, object]) -> Update:
    """Changes columns of one device."""
    return update(device).where(device.c.device_id == device_id).values(**values)


def drop_groups(device_id: str) -> Delete:
    """Forgets a device's groups before the new ones are stored."""
    return delete(device_group).where(device_group.c.device_id == device_id)


def add_groups() -> Insert:
    """The groups of a device, `device_id` in each row."""
    return insert(device_group)


def begin_epoch(device_id: str, epoch: str, now: int) -> Insert:
    """A new epoch, with nothing stored yet."""
    return insert(device_epoch).values(device_id=device_id, epoch=epoch, last_sequence=0, first_at=now, last_at=now)


def last_sequence(device_id: str, epoch: str) -> Select[int]:
    """The number of the last report that is stored of an epoch."""
    return select(device_epoch.c.last_sequence).where(
        device_epoch.c.device_id == device_id, device_epoch.c.epoch == epoch
    )


def advance(device_id: str, epoch: str, sequence: int, now: int) -> Update:
    """Compare and set: counts a report if it is the next one. No row means a duplicate or a gap."""
    return (
        update(device_epoch)
        .where(
            device_epoch.c.device_id == device_id,
            device_epoch.c.epoch == epoch,
            device_epoch.c.last_sequence == sequence - 1,
        )
        .values(last_sequence=sequence, last_at=now)
    )


def digest_of(device_id: str, epoch: str, sequence: int) -> Select[str]:
    """The digest of a report as it was stored."""
    return select(report.c.digest).where(
        report.c.device_id == device_id, report.c.epoch == epoch, report.c.sequence == sequence
    )


def keep_report(dialect: str) -> Insert:
    """Keeps a report as it was received in a slot of its device's ring."""
    return upsert(dialect, report)


def known_findings(device_id: str) -> Select[Any]:
    """What is known of a device's findings, present and gone."""
    return select(
        finding.c.finding_id,
        finding.c.first_reported_at,
        finding.c.gone_at,
        finding.c.ban,
        finding.c.tool,
        finding.c.face,
        finding.c.version,
        finding.c.state,
        finding.c.action,
        finding.c.outcome,
        finding.c.installation,
        finding.c.exception,
        finding.c.since,
    ).where(finding.c.device_id == device_id)


def put_finding(dialect: str) -> Insert:
    """A finding, new or changed; for many rows at once."""
    return upsert(dialect, finding, keep=("first_reported_at",))


def end_finding(device_id: str, finding_id: str, now: int) -> Update:
    """A finding that a new epoch does not mention any more."""
    return (
        update(finding)
        .where(finding.c.device_id == device_id, finding.c.finding_id == finding_id)
        .values(gone_at=now, changed_at=now)
    )


def drop_gone_findings(device_id: str, before: int) -> Delete:
    """Forgets findings that went before an instant; their history stays."""
    return delete(finding).where(finding.c.device_id == device_id, finding.c.gone_at < before)


def add_events() -> Insert:
    """Rows of history, `device_id` in each."""
    return insert(finding_event)


def count_events(device_id: str) -> Select[int]:
    """How long a device's history is."""
    return select(func.count()).select_from(finding_event).where(finding_event.c.device_id == device_id)


def drop_events(device_id: str, before: int) -> Delete:
    """Forgets a device's history before an instant."""
    return delete(finding_event).where(finding_event.c.device_id == device_id, finding_event.c.at < before)


def present_states(device_id: str) -> Select[str]:
    """The states of the findings that are there."""
    return select(finding.c.state).where(finding.c.device_id == device_id, finding.c.gone_at.is_(None)).distinct()


def coverage_of(device_id: str) -> Select[str, int, str]:
    """Source, places that could not be looked at, and why, of the last look."""
    return (
        select(coverage.c.source, coverage.c.unknown, coverage.c.reasons)
        .where(coverage.c.device_id == device_id)
        .order_by(coverage.c.source)
    )


def put_request(dialect: str) -> Insert:
    """What a person asked for, by the id that the agent gave it; told again it stays as it came first."""
    return upsert(dialect, request, keep=("received_at",))


def drop_requests(device_id: str, most: int) -> Delete:
    """All but the newest of one device."""
    newest = (
        select(request.c.request_id)
        .where(request.c.device_id == device_id)
        .order_by(request.c.received_at.desc(), request.c.request_id)
        .limit(most)
    )
    return delete(request).where(request.c.device_id == device_id, request.c.request_id.not_in(newest))


def drop_coverage(device_id: str) -> Delete:
    """Forgets the last look before the new one is stored."""
    return delete(coverage).where(coverage.c.device_id == device_id)


def add_coverage() -> Insert:
    """The lines of a look, `device_id` in each."""
    return insert(coverage)


def put_move(dialect: str) -> Insert:
    """An alternative, seen or gone."""
    return upsert(dialect, move)


def drop_moves(device_id: str) -> Delete:
    """Forgets the alternatives when a new epoch begins."""
    return delete(move).where(move.c.device_id == device_id)
