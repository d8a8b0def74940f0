"""Forgetting a device or a person so that nobody can tell whose it was, and past totals stay true.

What happened stays as that of a device without a name: a new random id, no key, no host name, no person, and other ids
of its findings, so that an old export does not lead back to it. What somebody wrote, and reports as received, go.
"""

from __future__ import annotations

import secrets
import zlib
from collections.abc import Mapping, Sequence
from typing import Any, Final

from sqlalchemy import Connection

from console.store import past
from console.store.queries import decisions, seen
from console.store.queries import person as statements
from console.store.tables import FLEET_TABLES
from policy_schema.messages.wire import MessageRefused, inflate

KEPT: Final = (
    "device",
    "device_epoch",
    "device_gap",
    "device_group",
    "device_past",
    "export_place",
    "finding",
    "finding_event",
    "move",
)
"""Tables whose rows stay under another id; everything else about the device goes."""
NAME: Final = "(erased)"
_BLANK: Final[Mapping[str, Any]] = {
    "public_key": b"",
    "host_name": NAME,
    "host_key": NAME,
    "heartbeat": "{}",
    "why": "[]",
    "os_version": "",
    "person": "",
    "cloned_at": None,
    "looked": "",
    "past": "",
}
_RANDOM: Final = ("finding_id", "installation", "epoch", "exception")


def erase_device(connection: Connection, device: str, now: int) -> int:
    """Takes the device out of the fleet and its name from what it has been. Returns how many rows went for good."""
    past.note_removed(connection, device, now)
    connection.execute(decisions.forget_asker([device]))
    name, ids, gone, was_called = "d-" + secrets.token_hex(12), _Other(), 0, _keys(connection, device)
    for table in FLEET_TABLES:
        rows = [dict(row) for row in connection.execute(statements.rows_of(table, device)).mappings()]
        if not rows:
            continue
        connection.execute(statements.drop_rows(table, device))
        if table not in KEPT:
            gone += len(rows)
            continue
        changed = [_nameless(row, name, ids) for row in rows]
        if table == "device":
            changed = [{**row, "removed_at": row["removed_at"] or now} for row in changed]
        connection.execute(statements.add_rows(table), changed)
    connection.execute(seen.note(was_called))
    return gone


def erase_person(connection: Connection, person: str, devices: list[str]) -> int:
    """Takes a person's pseudonym from what was found, and drops what they wrote. Returns how many rows went."""
    gone = connection.execute(statements.drop_requests_of(devices, person)).rowcount
    for row in connection.execute(statements.reports_of(devices)).all():
        if mentions(row.body, person):
            gone += connection.execute(statements.drop_report(row.device_id, row.slot)).rowcount
    connection.execute(statements.forget_person(devices, person))
    connection.execute(decisions.forget_asker(devices, person))
    return int(gone)


def drop(connection: Connection, device: str) -> int:
    """Everything of a device, for good: it has been out of the fleet for longer than anything is kept."""
    was_called = _keys(connection, device)
    gone = sum(connection.execute(statements.drop_rows(table, device)).rowcount for table in FLEET_TABLES)
    connection.execute(seen.note(was_called))
    return gone


def _keys(connection: Connection, device: str) -> Sequence[str]:
    return connection.execute(statements.key_of(device)).scalars().all()


def mentions(body: bytes, person: str) -> bool:
    """Whether a report as it was received says something of a person. One that cannot be read may."""
    try:
        return f'"{person}"'.encode() in inflate(body)
    except (MessageRefused, zlib.error):
        return True


class _Other:
    """The same other id for the same id, within one erasure."""

    def __init__(self) -> None:
        self._made: dict[str, str] = {}

    def of(self, one: str) -> str:
        return self._made.setdefault(one, one[:2] + secrets.token_hex(8)) if one else one


def _nameless(row: dict[str, Any], name: str, ids: _Other) -> dict[str, Any]:
    changed = {key: _BLANK.get(key, value) for key, value in row.items()}
    for key in _RANDOM:
        if isinstance(changed.get(key), str):
            changed[key] = ids.of(changed[key])
    return {**changed, "device_id": name}
