"""The statements about everything that is kept of one device or one person."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

from sqlalchemy import Delete, Insert, Select, Update, delete, insert, select, update

from console.store.all_tables import metadata
from console.store.tables import device, finding, report, request


def rows_of(table: str, device_id: str) -> Select[Any]:
    """Every row of a table that is about one device."""
    of = metadata.tables[table]
    return select(of).where(of.c.device_id == device_id)


def key_of(device_id: str) -> Select[str]:
    """The name of a device as names are compared."""
    return select(device.c.host_key).where(device.c.device_id == device_id)


def drop_rows(table: str, device_id: str) -> Delete:
    """Forgets them."""
    of = metadata.tables[table]
    return delete(of).where(of.c.device_id == device_id)


def add_rows(table: str) -> Insert:
    """Rows as `rows_of` gave them, changed."""
    return insert(metadata.tables[table])


def devices_of(person: str) -> Select[str]:
    """The devices on which something is kept of a person, by their pseudonym."""
    found = select(finding.c.device_id).where(finding.c.person == person)
    asked = select(request.c.device_id).where(request.c.person == person)
    return select(device.c.device_id).where(device.c.device_id.in_(found.union(asked)))


def findings_of(ids: Collection[str], person: str) -> Select[Any]:
    """A person's findings."""
    return select(finding).where(finding.c.device_id.in_(ids), finding.c.person == person)


def requests_of(ids: Collection[str], person: str) -> Select[Any]:
    """What a person asked for."""
    return select(request).where(request.c.device_id.in_(ids), request.c.person == person)


def reports_of(ids: Collection[str]) -> Select[Any]:
    """The reports of some devices as they were received."""
    return select(report).where(report.c.device_id.in_(ids)).order_by(report.c.device_id, report.c.received_at)


def forget_person(ids: Collection[str], person: str) -> Update:
    """The findings stay, and are nobody's."""
    return update(finding).where(finding.c.device_id.in_(ids), finding.c.person == person).values(person="")


def drop_requests_of(ids: Collection[str], person: str) -> Delete:
    """What a person asked for, their words among it."""
    return delete(request).where(request.c.device_id.in_(ids), request.c.person == person)


def drop_report(device_id: str, slot: int) -> Delete:
    """One report as it was received."""
    return delete(report).where(report.c.device_id == device_id, report.c.slot == slot)


def hosts(ids: Collection[str]) -> Select[str, str]:
    """The names of some devices."""
    return select(device.c.device_id, device.c.host_name).where(device.c.device_id.in_(ids))
