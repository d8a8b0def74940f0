"""The statements of schedules, deliveries and cursors: small tables. What is due is taken by compare and set."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Delete, Insert, Select, Update, delete, insert, select, update

from console.store.tables_schedules import delivery, schedule
from console.store.upsert import upsert


def add(values: Mapping[str, object]) -> Insert:
    """A new schedule."""
    return insert(schedule).values(**values)


def listed() -> Select[Any]:
    """All schedules by name."""
    return select(schedule).order_by(schedule.c.name)


def named(name: str) -> Select[Any]:
    """One schedule."""
    return select(schedule).where(schedule.c.name == name)


def remove(name: str) -> Delete:
    """Ends a schedule; what it delivered stays on record."""
    return delete(schedule).where(schedule.c.name == name)


def due(now: int, most: int) -> Select[Any]:
    """The schedules whose time has come."""
    return (
        select(schedule)
        .where(schedule.c.enabled, schedule.c.next_at <= now)
        .order_by(schedule.c.next_at, schedule.c.schedule_id)
        .limit(most)
    )


def move_on(schedule_id: int, due_at: int, next_at: int) -> Update:
    """Compare and set: no row when another process has taken this one."""
    return (
        update(schedule)
        .where(schedule.c.schedule_id == schedule_id, schedule.c.next_at == due_at)
        .values(next_at=next_at)
    )


def begin(dialect: str) -> Insert:
    """A delivery that is owed from now on."""
    return upsert(dialect, delivery)


def owed(now: int, most: int) -> Select[Any]:
    """Deliveries that somebody should try now: nobody holds them."""
    return (
        select(delivery, schedule)
        .join(schedule, schedule.c.schedule_id == delivery.c.schedule_id)
        .where(
            delivery.c.done_at.is_(None),
            delivery.c.given_up.is_(False),
            delivery.c.next_try_at <= now,
            delivery.c.lease_until <= now,
        )
        .order_by(delivery.c.next_try_at, delivery.c.schedule_id)
        .limit(most)
    )


def lease(schedule_id: int, due_at: int, now: int, until: int, who: str) -> Update:
    """Compare and set: whoever gets a row tries, and nobody else until the lease is over."""
    return (
        update(delivery)
        .where(
            delivery.c.schedule_id == schedule_id,
            delivery.c.due_at == due_at,
            delivery.c.done_at.is_(None),
            delivery.c.given_up.is_(False),
            delivery.c.lease_until <= now,
        )
        .values(lease_until=until, lease_by=who, tries=delivery.c.tries + 1)
    )


def finish(schedule_id: int, due_at: int, who: str, values: Mapping[str, object]) -> Update:
    """What came of it, told by whoever holds the lease."""
    return (
        update(delivery)
        .where(delivery.c.schedule_id == schedule_id, delivery.c.due_at == due_at, delivery.c.lease_by == who)
        .values(**values)
    )


def newest(most: int) -> Select[Any]:
    """The newest deliveries with the names of their schedules."""
    return (
        select(delivery, schedule.c.name, schedule.c.kind, schedule.c.target, schedule.c.format)
        .join(schedule, schedule.c.schedule_id == delivery.c.schedule_id)
        .order_by(delivery.c.due_at.desc(), delivery.c.schedule_id)
        .limit(most)
    )


def troubled(most: int) -> Select[Any]:
    """Deliveries that failed: given up, or being tried again."""
    failed = delivery.c.given_up | (delivery.c.done_at.is_(None) & (delivery.c.problem != ""))
    return newest(most).where(failed)
