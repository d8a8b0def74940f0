"""The statements that hand events over: what each device told since it was last handed over, by device and number."""

from __future__ import annotations

from typing import Any

from sqlalchemy import Insert, Select, Update, and_, func, select, update

from console.store.tables import device, device_epoch, finding_event
from console.store.tables_schedules import device_past, export_cursor, export_place
from console.store.upsert import upsert

CHANGES = ""
"""In the place of an epoch: the changes of the device itself."""
OVER_THE_FLEET = {
    "changes": "what all devices told since the last time, by device",
    "events": "what all devices told since the last time, by device",
}


def events(name: str, since: int, most: int) -> Select[Any]:
    """Events of devices heard of since an instant that have not been handed over, in the order of their reports."""
    place = and_(
        export_place.c.device_id == finding_event.c.device_id,
        export_place.c.name == name,
        export_place.c.epoch == finding_event.c.epoch,
    )
    of_epoch = and_(
        device_epoch.c.device_id == finding_event.c.device_id, device_epoch.c.epoch == finding_event.c.epoch
    )
    return (
        select(finding_event, device.c.host_name, device.c.os, device.c.kind, device.c.groups)
        .join(device_epoch, of_epoch)
        .join(device, device.c.device_id == finding_event.c.device_id)
        .outerjoin(export_place, place)
        .where(device_epoch.c.last_at >= since, finding_event.c.sequence > func.coalesce(export_place.c.place, 0))
        .order_by(
            finding_event.c.device_id,
            device_epoch.c.first_at,
            finding_event.c.epoch,
            finding_event.c.sequence,
            finding_event.c.finding_id,
        )
        .limit(most)
    )


def changes(name: str, since: int, most: int) -> Select[Any]:
    """Changes of devices since an instant that have not been handed over."""
    place = and_(
        export_place.c.device_id == device_past.c.device_id,
        export_place.c.name == name,
        export_place.c.epoch == CHANGES,
    )
    return (
        select(device_past)
        .outerjoin(export_place, place)
        .where(device_past.c.at >= since, device_past.c.at > func.coalesce(export_place.c.place, -1))
        .order_by(device_past.c.device_id, device_past.c.at)
        .limit(most)
    )


def handed(dialect: str) -> Insert:
    """Up to where a device's events have been handed over."""
    return upsert(dialect, export_place)


def begin(dialect: str) -> Insert:
    """A stream that has handed nothing over yet; one that is there stays as it is."""
    statement: Any = upsert(dialect, export_cursor, keep=tuple(column.name for column in export_cursor.columns)[:-1])
    begun: Insert = statement
    return begun


def cursor(name: str) -> Select[Any]:
    """How far a stream is."""
    return select(export_cursor).where(export_cursor.c.name == name)


def take(name: str, now: int, until: int, who: str) -> Update:
    """Compare and set: whoever gets a row hands over, and nobody else until the lease is over."""
    free = (export_cursor.c.lease_until <= now) | (export_cursor.c.lease_by == who)
    return update(export_cursor).where(export_cursor.c.name == name, free).values(lease_until=until, lease_by=who)


def advance(name: str, who: str, values: dict[str, Any]) -> Update:
    """Told by whoever holds the lease; no row when it was lost."""
    return update(export_cursor).where(export_cursor.c.name == name, export_cursor.c.lease_by == who).values(**values)


def troubled() -> Select[Any]:
    """Streams of events that could not be handed over the last time."""
    return select(export_cursor).where(export_cursor.c.problem != "").order_by(export_cursor.c.name)
