"""The statements of what the console does by itself: forgetting what is old, and the totals of a day.

What is forgotten is forgotten device by device, so many devices at a time: no statement holds up a fleet.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import (
    ColumnElement,
    Delete,
    Insert,
    Select,
    Update,
    and_,
    case,
    delete,
    distinct,
    exists,
    func,
    literal,
    select,
    update,
)

from console.state import DOES_NOT_COUNT, DeviceState
from console.store.queries.fleet import Silence, fleet
from console.store.tables import (
    device,
    device_epoch,
    enrolment_secret,
    expected_device,
    finding,
    finding_event,
    move,
    report,
    request,
    session,
)
from console.store.tables_fleet import day_total, device_group, upkeep
from console.store.tables_schedules import device_gap, device_past
from console.store.upsert import insert_missing, upsert
from policy_schema.rules.decision import State


def device_ids(after: str, most: int) -> Select[str]:
    """The next devices by key."""
    return select(device.c.device_id).where(device.c.device_id > after).order_by(device.c.device_id).limit(most)


def removed_before(before: int, most: int) -> Select[str]:
    """Devices that were taken out of the fleet long ago."""
    return select(device.c.device_id).where(device.c.removed_at < before).order_by(device.c.device_id).limit(most)


def old_reports(ids: Collection[str], before: int) -> Delete:
    """Reports as they were received."""
    return delete(report).where(report.c.device_id.in_(ids), report.c.received_at < before)


def old_events(ids: Collection[str], before: int) -> Delete:
    """History; on PostgreSQL whole months are dropped instead."""
    return delete(finding_event).where(finding_event.c.device_id.in_(ids), finding_event.c.at < before)


def old_findings(ids: Collection[str], before: int) -> Delete:
    """What has been gone for so long."""
    return delete(finding).where(finding.c.device_id.in_(ids), finding.c.gone_at < before)


def old_moves(ids: Collection[str], before: int) -> Delete:
    """Alternatives that have been gone for so long."""
    return delete(move).where(move.c.device_id.in_(ids), move.c.gone_at < before)


def old_requests(ids: Collection[str], before: int) -> Delete:
    """What people asked for; what was decided about it stays in the record."""
    return delete(request).where(request.c.device_id.in_(ids), request.c.received_at < before)


def old_gaps(ids: Collection[str], before: int) -> Delete:
    """Silences that ended."""
    return delete(device_gap).where(device_gap.c.device_id.in_(ids), device_gap.c.ended_at < before)


def old_past(ids: Collection[str], before: int) -> Delete:
    """What devices were, but for what they still were when the history that is kept begins."""
    later = device_past.alias("later")
    superseded = exists().where(
        later.c.device_id == device_past.c.device_id, later.c.at > device_past.c.at, later.c.at <= before
    )
    return delete(device_past).where(device_past.c.device_id.in_(ids), device_past.c.at < before, superseded)


def old_epochs(ids: Collection[str], before: int) -> Delete:
    """Earlier lives of devices' journals."""
    present = exists().where(device.c.device_id == device_epoch.c.device_id, device.c.epoch == device_epoch.c.epoch)
    return delete(device_epoch).where(
        device_epoch.c.device_id.in_(ids), device_epoch.c.last_at < before, device_epoch.c.last_at > 0, ~present
    )


def old_totals(before: str) -> Delete:
    """Totals of days before one."""
    return delete(day_total).where(day_total.c.day < before)


def old_sessions(now: int) -> Delete:
    """Sessions that have run out."""
    return delete(session).where(session.c.expires_at < now)


def old_secrets(before: int) -> Delete:
    """Enrolment secrets that ran out long ago."""
    return delete(enrolment_secret).where(enrolment_secret.c.expires_at < before)


def first_turn(dialect: str) -> Insert:
    """Something that is done by itself, never done yet; what is there stays."""
    return insert_missing(dialect, upkeep)


def take_turn(name: str, now: int, every: int) -> Update:
    """Compare and set: no row means that it is not due, or that somebody else does it."""
    return update(upkeep).where(upkeep.c.name == name, upkeep.c.done_at <= now - every).values(done_at=now)


def states(silence: Silence) -> Select[str, int]:
    """How many devices are in which state."""
    rows = fleet(silence)
    return select(rows.c.state, func.count()).group_by(rows.c.state)


def states_by_group(silence: Silence) -> Select[str, str, int]:
    """The same for each group."""
    rows = fleet(silence)
    return (
        select(device_group.c.group, rows.c.state, func.count())
        .join(device_group, device_group.c.device_id == rows.c.device_id)
        .group_by(device_group.c.group, rows.c.state)
    )


def moved(*, by_group: bool) -> Select[Any]:
    """How many devices have an alternative, by group or in all."""
    there = and_(move.c.gone_at.is_(None), device.c.removed_at.is_(None))
    number = func.count(distinct(move.c.device_id))
    statement = select(device_group.c.group if by_group else literal(""), number).join_from(
        move, device, device.c.device_id == move.c.device_id
    )
    if by_group:
        statement = statement.join(device_group, device_group.c.device_id == move.c.device_id)
        statement = statement.group_by(device_group.c.group)
    return statement.where(there)


def bans(*, by_group: bool) -> Select[Any]:
    """For each ban and group, or ban alone: how many devices are how with regard to it."""
    one = _worst().subquery("one")
    number = func.count()
    if not by_group:
        return select(one.c.ban, literal(""), one.c.state, number).group_by(one.c.ban, one.c.state)
    return (
        select(one.c.ban, device_group.c.group, one.c.state, number)
        .join(device_group, device_group.c.device_id == one.c.device_id)
        .group_by(one.c.ban, device_group.c.group, one.c.state)
    )


def _worst() -> Select[Any]:
    """One row a device and ban: the first of `console.state` that one of its findings is in, else that it is gone."""
    order = [DeviceState.OPEN, DeviceState.HELD, DeviceState.EXCEPTED, DeviceState.PAUSED]
    by_state = {State.HELD.value: 1, State.EXCEPTED.value: 2, State.PAUSED.value: 3}
    rank: ColumnElement[int] = case(
        (finding.c.gone_at.is_not(None), len(order)), else_=case(by_state, value=finding.c.state, else_=0)
    )
    worst = func.min(rank)
    named = case({place: state.value for place, state in enumerate(order)}, value=worst, else_="gone")
    return (
        select(finding.c.device_id, finding.c.ban, named.label("state"))
        .join(device, device.c.device_id == finding.c.device_id)
        .where(device.c.removed_at.is_(None), finding.c.state.not_in(DOES_NOT_COUNT))
        .group_by(finding.c.device_id, finding.c.ban)
    )


def drop_totals(day: str) -> Delete:
    """Forgets the totals of a day before they are written anew."""
    return delete(day_total).where(day_total.c.day == day)


def put_totals(dialect: str) -> Insert:
    """The totals of a day; for many rows at once."""
    return upsert(dialect, day_total)


def totals(ban: str, group: str, since: str, until: str) -> Select[str, str, int]:
    """Day, state and number of devices, of a ban (empty: of the fleet) and a group (empty: of all), by day."""
    return (
        select(day_total.c.day, day_total.c.state, day_total.c.devices)
        .where(day_total.c.ban == ban, day_total.c.group == group, day_total.c.day >= since, day_total.c.day <= until)
        .order_by(day_total.c.day, day_total.c.state)
    )


def expected_count() -> Select[int]:
    """How many devices the organisation says it has."""
    return select(func.count()).select_from(expected_device)
