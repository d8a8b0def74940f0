"""The statements over history: what devices were at a past moment."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Insert, Select, Update, and_, exists, func, insert, or_, select, update

from console.store.tables import device, device_epoch, finding, finding_event, move
from console.store.tables_decisions import exception_device, exception_grant
from console.store.tables_schedules import device_gap, device_past, expected_past
from console.store.upsert import upsert


def put_past(dialect: str) -> Insert:
    """From when on a device is what. Two changes in one second are one row."""
    return upsert(dialect, device_past)


def newest(device_id: str) -> Select[Any]:
    """What one device is now."""
    return select(device_past).where(device_past.c.device_id == device_id).order_by(device_past.c.at.desc()).limit(1)


def add_gap(device_id: str, began_at: int, ended_at: int) -> Insert:
    """A silence that is over."""
    return insert(device_gap).values(device_id=device_id, began_at=began_at, ended_at=ended_at)


def forget_digest(device_id: str) -> Update:
    """The next report begins a new row."""
    return update(device).where(device.c.device_id == device_id).values(past="")


def present_moves(device_id: str) -> Select[str, str]:
    """The alternatives that are on one device."""
    return select(move.c.tool, move.c.version).where(move.c.device_id == device_id, move.c.gone_at.is_(None))


def devices_as_of(moment: int, after: str, most: int, only: str = "") -> Select[Any]:
    """What devices were at a moment, by key: the row that had begun last, and the silence they were in, if any."""
    later = device_past.alias("later")
    superseded = exists().where(
        later.c.device_id == device_past.c.device_id, later.c.at <= moment, later.c.at > device_past.c.at
    )
    in_gap = and_(
        device_gap.c.device_id == device_past.c.device_id,
        device_gap.c.began_at <= moment,
        device_gap.c.ended_at > moment,
    )
    statement = (
        select(device_past, device.c.last_report_at, device.c.enrolled_at, device_gap.c.began_at.label("gap"))
        .join(device, device.c.device_id == device_past.c.device_id)
        .outerjoin(device_gap, in_gap)
        .where(device_past.c.device_id > after, device_past.c.at <= moment, ~superseded)
    )
    if only:
        statement = statement.where(device_past.c.device_id == only)
    return statement.order_by(device_past.c.device_id).limit(most)


def missing_as_of(moment: int, after: str, most: int) -> Select[str, str, str | None]:
    """Who was expected at a moment and had no enrolled device of that name."""
    was, later = device_past.alias("was"), device_past.alias("later")
    superseded = exists().where(later.c.device_id == was.c.device_id, later.c.at <= moment, later.c.at > was.c.at)
    there = exists().where(was.c.host_key == expected_past.c.host_key, was.c.at <= moment, ~superseded)
    on_the_list = and_(
        expected_past.c.since <= moment, or_(expected_past.c.until.is_(None), expected_past.c.until > moment)
    )
    return (
        select(expected_past.c.host_key, expected_past.c.host_name, expected_past.c.groups)
        .where(expected_past.c.host_key > after, on_the_list, ~there)
        .order_by(expected_past.c.host_key)
        .limit(most)
    )


def unchanged_findings(ids: Collection[str], moment: int, gone_after: int) -> Select[Any]:
    """Findings of some devices that have not changed since a moment: there, or gone not too long before."""
    return (
        select(
            finding.c.device_id,
            finding.c.finding_id,
            finding.c.installation,
            finding.c.ban,
            finding.c.tool,
            finding.c.face,
            finding.c.version,
            finding.c.state,
            finding.c.action,
            finding.c.outcome,
            finding.c.exception,
            finding.c.since,
            finding.c.gone_at.is_not(None).label("gone"),
        )
        .where(
            finding.c.device_id.in_(ids),
            finding.c.changed_at <= moment,
            or_(finding.c.gone_at.is_(None), finding.c.gone_at > gone_after),
        )
        .order_by(finding.c.device_id, finding.c.finding_id)
    )


def changed_findings(ids: Collection[str], moment: int, gone_after: int) -> Select[Any]:
    """Findings of some devices that have changed since a moment, as they were then: the last thing told of each.

    Two epochs may number their reports alike: the later one's count. What changed within a second, or a process within
    a day, is told apart by the number of the report.
    """
    same = exists().where(
        finding.c.device_id == finding_event.c.device_id,
        finding.c.finding_id == finding_event.c.finding_id,
        finding.c.changed_at <= moment,
    )
    newest_first = (finding_event.c.at.desc(), device_epoch.c.first_at.desc(), finding_event.c.sequence.desc())
    place = func.row_number().over(
        partition_by=(finding_event.c.device_id, finding_event.c.finding_id), order_by=newest_first
    )
    of_epoch = and_(
        device_epoch.c.device_id == finding_event.c.device_id, device_epoch.c.epoch == finding_event.c.epoch
    )
    numbered = (
        select(finding_event, (finding_event.c.change == "gone").label("gone"), place.label("place"))
        .join(device_epoch, of_epoch)
        .where(finding_event.c.device_id.in_(ids), finding_event.c.at <= moment, ~same)
        .subquery()
    )
    return (
        select(numbered)
        .where(numbered.c.place == 1, or_(~numbered.c.gone, numbered.c.at > gone_after))
        .order_by(numbered.c.device_id, numbered.c.finding_id)
    )


def exceptions_as_of(moment: int, ban: str) -> Select[Any]:
    """The exceptions that had been approved by a moment, each with its number of devices."""
    devices = (
        select(func.count())
        .select_from(exception_device)
        .where(exception_device.c.exception_id == exception_grant.c.exception_id)
        .scalar_subquery()
    )
    statement = select(exception_grant, devices.label("devices")).where(exception_grant.c.approved_at <= moment)
    if ban:
        statement = statement.where(exception_grant.c.ban == ban)
    return statement.order_by(exception_grant.c.approved_at.desc(), exception_grant.c.exception_id)


def expected_now() -> Select[str, str, str | None]:
    """The list of expected devices as it stands."""
    return select(expected_past.c.host_key, expected_past.c.host_name, expected_past.c.groups).where(
        expected_past.c.until.is_(None)
    )


def expect(dialect: str) -> Insert:
    """A device is on the list from now on, or is in other groups."""
    return upsert(dialect, expected_past)


def expect_no_more(keys: Collection[str], now: int) -> Update:
    """Devices are off the list, or on it in another form from now on."""
    return (
        update(expected_past)
        .where(expected_past.c.host_key.in_(keys), expected_past.c.until.is_(None))
        .values(until=now)
    )
