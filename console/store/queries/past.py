"""The statements over history: what devices were at a past moment."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Insert, Select, Update, insert, select, update

from console.store.tables import device, device_epoch, finding, finding_event, move
from console.store.tables_schedules import device_gap, device_past
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
