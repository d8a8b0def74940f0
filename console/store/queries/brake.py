"""The statements of the fleet's brake: counters, requests by their own index, alarms."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Delete, Insert, Select, Update, delete, distinct, func, insert, or_, select, update
from sqlalchemy.dialects import postgresql, sqlite

from console.store.tables import device, request
from console.store.tables_decisions import alarm, ban_tally, brake_look
from console.store.upsert import upsert


def add_hits(dialect: str) -> Insert:
    """Counts in one slot of one process."""
    statement: Any = (postgresql if dialect == "postgresql" else sqlite).insert(ban_tally)
    made: Insert = statement.on_conflict_do_update(
        index_elements=["ban", "slot", "shard"], set_={"hits": ban_tally.c.hits + statement.excluded.hits}
    )
    return made


def hits_since(slot: int) -> Select[Any]:
    """The sum of each ban from a slot on."""
    row = ban_tally.c
    return select(row.ban, func.sum(row.hits).label("hits")).where(row.slot >= slot).group_by(row.ban)


def slots(bans: Collection[str], first: int, last: int) -> Select[Any]:
    """The sums of these bans, slot by slot, `last` not included."""
    row = ban_tally.c
    return (
        select(row.ban, row.slot, func.sum(row.hits).label("hits"))
        .where(row.ban.in_(bans), row.slot >= first, row.slot < last)
        .group_by(row.ban, row.slot)
    )


def drop_slots(before: int) -> Delete:
    """Forgets counts that nobody compares with any more."""
    return delete(ban_tally).where(ban_tally.c.slot < before)


def wrong_since(since: int) -> Select[Any]:
    """On how many devices somebody has said that a finding of a ban is wrong."""
    row = request.c
    return (
        select(row.ban, func.count(distinct(row.device_id)).label("devices"))
        .where(row.received_at >= since, row.kind == "wrong", row.ban != "")
        .group_by(row.ban)
    )


def reporting(since: int) -> Select[int]:
    """How many devices report."""
    return select(func.count()).select_from(device).where(device.c.last_report_at >= since)


def alarms(since: int) -> Select[Any]:
    """Alarms that are open, or were closed since; the newest first."""
    wanted = or_(alarm.c.closed_at.is_(None), alarm.c.closed_at >= since)
    return select(alarm).where(wanted).order_by(alarm.c.alarm_id.desc())


def add_alarm() -> Insert:
    """Something jumped."""
    return insert(alarm)


def set_alarm(alarm_id: int, values: dict[str, object]) -> Update:
    """What became of an alarm."""
    return update(alarm).where(alarm.c.alarm_id == alarm_id).values(values)


def untold(since: int) -> Select[Any]:
    """Alarms raised since that nobody was told of yet."""
    return select(alarm).where(alarm.c.told_at.is_(None), alarm.c.raised_at >= since).order_by(alarm.c.alarm_id)


def close_alarm(alarm_id: int, now: int, who: str) -> Update:
    """Somebody has looked at it; matches nothing when somebody else had."""
    wanted = (alarm.c.alarm_id == alarm_id, alarm.c.closed_at.is_(None))
    return update(alarm).where(*wanted).values(closed_at=now, closed_by=who)


def last_look() -> Select[Any]:
    """When the brake looked last."""
    return select(brake_look)


def put_look(dialect: str) -> Insert:
    """The brake has looked."""
    return upsert(dialect, brake_look)


def claim_look(now: int, before: int) -> Update:
    """One process looks: matches nothing while another one has looked since `before`."""
    return update(brake_look).where(brake_look.c.at <= before).values(at=now)
