"""Keeps what a device was: a row whenever something changes that a report shows. Called by ingest, in its transaction.

Most reports change nothing; then this costs no statement. Whether something changed is seen from a digest that stands
beside the device and is read with it.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, Final

import msgspec
from sqlalchemy import Connection, Row

from console.state import Looked
from console.store.queries import past

SHORTEST_GAP: Final = 20 * 3600
"""Silences from here on are kept: longer than a night, so that an ordinary laptop adds a row a weekend."""
SHOWN: Final = (
    "host_name",
    "host_key",
    "groups",
    "os",
    "kind",
    "region",
    "policy_id",
    "policy_version",
    "policy_trust",
    "policy_solo",
)
_NOTHING_YET: Final[Mapping[str, Any]] = {
    "policy_id": "",
    "policy_version": 0,
    "policy_trust": "none",
    "policy_solo": False,
    "unlooked": '["no-policy","not-looked"]',
    "moves": "[]",
}


def unlooked(looked: Looked) -> tuple[str, ...]:
    """Codes of what a device could not look at or compare with; empty when it could do everything."""
    codes = [source for source, places, _ in looked.unknown if places]
    if looked.trust == "none":
        codes.append("no-policy")
    if looked.sources == 0:
        codes.append("not-looked")
    if looked.not_understood:
        codes.append("newer-agent")
    if looked.withheld:
        codes.append("not-welcomed")
    return tuple(sorted(codes))


def digest_of(columns: Mapping[str, Any], codes: tuple[str, ...]) -> str:
    """What is compared with the digest beside the device. A removed device has none."""
    shown = [columns[name] for name in SHOWN]
    return hashlib.sha256(msgspec.json.encode([shown, codes])).hexdigest()[:16]


def note(
    connection: Connection,
    before: Row[Any] | None,
    columns: Mapping[str, Any],
    looked: Looked,
    now: int,
    *,
    moves: bool,
) -> dict[str, str]:
    """A row if something changed. Returns the column that the caller stores with the device.

    `columns`: all that SHOWN names and `device_id`, as they are from now on. `moves`: alternatives may have changed.
    """
    codes = unlooked(looked)
    digest = digest_of(columns, codes)
    device_id = str(columns["device_id"])
    if before is not None and now - _last_heard(before) > SHORTEST_GAP:
        connection.execute(past.add_gap(device_id, _last_heard(before), now))
    if moves or before is None or before.past != digest:
        present = connection.execute(past.present_moves(device_id)).all()
        row = {name: columns[name] for name in SHOWN} | {
            "device_id": device_id,
            "at": now,
            "removed": False,
            "unlooked": _as_json(codes),
            "moves": _as_json(sorted({(move.tool, move.version) for move in present})),
        }
        connection.execute(past.put_past(connection.dialect.name), row)
    return {"past": digest}


def note_enrolled(connection: Connection, device_id: str, facts: Mapping[str, Any], now: int) -> None:
    """From now on the device is part of the fleet, as its facts say; nothing else is known of a new one."""
    row = connection.execute(past.newest(device_id)).mappings().one_or_none() or _NOTHING_YET
    changed = {name: facts[name] for name in SHOWN if name in facts}
    values = {**row, **changed, "device_id": device_id, "at": now, "removed": False}
    connection.execute(past.put_past(connection.dialect.name), values)
    connection.execute(past.forget_digest(device_id))


def note_removed(connection: Connection, device_id: str, now: int) -> None:
    """From now on the device is taken out of the fleet. Its next report, if one comes, begins a row again."""
    row = connection.execute(past.newest(device_id)).mappings().one_or_none()
    if row is not None:
        connection.execute(past.put_past(connection.dialect.name), {**row, "at": now, "removed": True})
    connection.execute(past.forget_digest(device_id))


def _last_heard(row: Row[Any]) -> int:
    return int(row.enrolled_at if row.last_report_at is None else row.last_report_at)


def _as_json(value: object) -> str:
    return msgspec.json.encode(value).decode()
