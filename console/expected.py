"""The devices that the organisation says it has, with their groups: who is among them and never enrolled is counted.

A new list replaces the old one. What stood on it before is kept with its dates, since reports of past moments need it.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple

import msgspec
from sqlalchemy import Connection

from console.errors import BadFile
from console.store.queries import access, past, seen
from console.store.tables import host_key
from policy_schema.messages.wire import clean

AT_ONCE: Final = 500
BETWEEN: Final = ";"
"""Between the groups of a device in a cell."""


class Expected(NamedTuple):
    """One device of the list."""

    host_name: str
    groups: tuple[str, ...] | None
    """None: the list does not say."""


def read(lines: Sequence[str], file: Path) -> list[Expected]:
    """One name a line, or a CSV with the column `host_name` and, if there is one, `groups` (`;` between them).

    Raises:
        BadFile: neither of them, or nothing in it.
    """
    filled = [line for line in lines if line.strip()]
    if filled and "," in filled[0]:
        rows = csv.DictReader(filled)
        if "host_name" not in (rows.fieldnames or ()):
            raise BadFile(f"{file} line 1: no column is called host_name", "Name the column, or give one name a line.")
        grouped = "groups" in (rows.fieldnames or ())
        found = [Expected(row["host_name"] or "", _groups(row["groups"]) if grouped else None) for row in rows]
    else:
        names = filled[1:] if filled and filled[0].strip() == "host_name" else filled
        found = [Expected(name, None) for name in names]
    cleaned = [Expected(clean(one.host_name.strip()), one.groups) for one in found if one.host_name.strip()]
    if not cleaned:
        raise BadFile(f"{file} names no device", "Give one host name a line.")
    return cleaned


def replace(connection: Connection, listed: Iterable[Expected], now: int) -> int:
    """Puts the list in the place of the old one. Returns how many devices it has; of two with one name the last."""
    rows = {
        host_key(one.host_name): {
            "host_key": host_key(one.host_name),
            "host_name": one.host_name,
            "groups": None if one.groups is None else msgspec.json.encode(one.groups).decode(),
        }
        for one in listed
    }
    _keep_past(connection, rows, now)
    connection.execute(access.drop_expected())
    for some in _chunks(list(rows.values())):
        connection.execute(access.put_expected(connection.dialect.name), [{**row, "imported_at": now} for row in some])
    connection.execute(seen.note_all())
    return len(rows)


def _keep_past(connection: Connection, rows: Mapping[str, Mapping[str, Any]], now: int) -> None:
    """Ends what is off the list or stands there otherwise, and begins what is new."""
    old = {row.host_key: (row.host_name, row.groups) for row in connection.execute(past.expected_now())}
    new = {key: (row["host_name"], row["groups"]) for key, row in rows.items()}
    for keys in _chunks([key for key, what in old.items() if new.get(key) != what]):
        connection.execute(past.expect_no_more(keys, now))
    begun = [{**rows[key], "since": now, "until": None} for key, what in new.items() if old.get(key) != what]
    for some in _chunks(begun):
        connection.execute(past.expect(connection.dialect.name), some)


def _groups(cell: str | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(clean(group.strip()) for group in (cell or "").split(BETWEEN) if group.strip()))


def _chunks(rows: list[Any]) -> Iterator[list[Any]]:
    for start in range(0, len(rows), AT_ONCE):
        yield rows[start : start + AT_ONCE]
