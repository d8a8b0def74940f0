"""What is kept of a person or a device, as one document, and its erasure: `interdict-console person`."""

from __future__ import annotations

import base64
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from console import audit
from console.errors import BadCommand
from console.reports.interface import NO_PROOF
from console.store import erase
from console.store.db import Database
from console.store.queries import fleet, record
from console.store.queries import person as statements
from console.store.tables import FLEET_TABLES
from policy_schema.messages.wire import MessageRefused, inflate
from policy_schema.rules.instant import Instant, format_instant

LOOKS: Final = 1_000
_SECRET: Final = frozenset({"public_key", "past", "looked", "kept", "digest", "slot"})
"""Columns that say nothing about anybody."""


class Whom(NamedTuple):
    """Whose data it is: a device's, or a person's on some devices."""

    devices: tuple[str, ...]
    person: str
    """Their pseudonym; empty when it is about a device."""


def whom(connection: Connection, name: str) -> Whom:
    """A device by its id or host name, or a person by the pseudonym that stands in reports.

    Raises:
        BadCommand: there is nobody of that name, or several devices.
    """
    found = connection.execute(fleet.found(name)).all()
    if len(found) > 1:
        raise BadCommand(f"{len(found)} devices are called {name}", "Use the device's id from its page.")
    if found:
        return Whom((found[0].device_id,), "")
    devices = tuple(connection.execute(statements.devices_of(name)).scalars()) if name else ()
    if not devices:
        raise BadCommand(
            f"nothing is kept of {name!r}", "Use a device's id or host name, or a pseudonym from a report."
        )
    return Whom(devices, name)


def export(database: Database, name: str, now: int, who: str) -> bytes:
    """Everything that is kept, as JSON. The record says that it was exported.

    Raises:
        BadCommand: there is nobody of that name.
    """
    with database.write() as connection:
        of = whom(connection, name)
        document = {
            "schema": 1,
            "exported_at": format_instant(Instant(now)),
            "note": NO_PROOF,
            "about": of.person or of.devices[0],
            "devices": list(of.devices),
            "kept": _person(connection, of) if of.person else _device(connection, of.devices[0]),
            "looked_at_by": [_plain(row._mapping) for one in of.devices for row in _looks(connection, one)],
        }
        audit.record(connection, now, who=who, what="person-exported", about=of.person or of.devices[0])
    return msgspec.json.format(msgspec.json.encode(document), indent=2)


def erase_(database: Database, name: str, now: int, who: str) -> tuple[Whom, int]:
    """Forgets it. Returns whose it was and how many rows went for good; the others have no name any more.

    Raises:
        BadCommand: there is nobody of that name.
    """
    with database.write() as connection:
        of = whom(connection, name)
        if of.person:
            gone = erase.erase_person(connection, of.person, list(of.devices))
        else:
            gone = erase.erase_device(connection, of.devices[0], now)
        about = of.person or of.devices[0]
        audit.record(connection, now, who=who, what="person-erased", about=about, detail=f"{gone} rows went")
    return of, gone


def _device(connection: Connection, device: str) -> dict[str, list[dict[str, Any]]]:
    found = {
        table: [_plain(row) for row in connection.execute(statements.rows_of(table, device)).mappings()]
        for table in FLEET_TABLES
    }
    return {table: rows for table, rows in found.items() if rows}


def _person(connection: Connection, of: Whom) -> dict[str, list[dict[str, Any]]]:
    reports = connection.execute(statements.reports_of(of.devices)).mappings()
    return {
        "device": [_plain(row._mapping) for row in connection.execute(statements.hosts(of.devices))],
        "finding": [
            _plain(row) for row in connection.execute(statements.findings_of(of.devices, of.person)).mappings()
        ],
        "request": [
            _plain(row) for row in connection.execute(statements.requests_of(of.devices, of.person)).mappings()
        ],
        "report": [_plain(row) for row in reports if erase.mentions(row["body"], of.person)],
    }


def _looks(connection: Connection, device: str) -> list[Any]:
    return list(connection.execute(record.looks_at(device, LOOKS)).all())


def _plain(row: Any) -> dict[str, Any]:
    """A row as JSON can hold it; a report as received becomes what it says."""
    return {key: _value(key, value) for key, value in row.items() if key not in _SECRET}


def _value(key: str, value: Any) -> Any:
    if key != "body" or not isinstance(value, bytes):
        return value
    try:
        return msgspec.json.decode(inflate(value))
    except (MessageRefused, msgspec.DecodeError):
        return base64.b64encode(value).decode()
