"""What the daemon wants done: a file that only root can write, read again when the daemon says so.

    {"schema": 1, "serial": N, "compiled": {...}, "device": {...}, "floor": INSTANT,
     "enforce": [[BAN, TOOL, UID], ...], "spare": [PATH, ...], "entries": [PATH, ...], "protected": [PATH, ...]}

`enforce` holds whom a ban is enforced towards by now (uid -1: everybody): fair before fast is the daemon's to know.
`device` holds the fields of `rulebook.Device`, with `exceptions` and `pauses` as lists of the fields of
`ExceptionGrant` and `Pause`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import NamedTuple

from policy_schema.rules.instant import Instant
from policy_schema.rules.rulebook import Device, DeviceRules, ExceptionGrant, Pause, Rulebook

SCHEMA = 1
EVERYBODY = -1


class OrdersRefused(Exception):
    """The orders cannot be followed; the message says why. Those before them stay in force."""


class Orders(NamedTuple):
    """Orders, read and compiled."""

    serial: int
    rules: DeviceRules | None
    """None while there is no policy: nothing is asked and nothing refused."""
    floor: Instant
    enforce: frozenset[tuple[str, str, int]]
    spare: tuple[str, ...]
    entries: tuple[str, ...]
    protected: tuple[str, ...]
    homes: tuple[str, ...] = ()
    """Homes that the daemon knows of, beside those of the accounts in /etc/passwd."""


def parse_orders(data: bytes) -> Orders:
    """Compiles orders.

    Raises:
        OrdersRefused: they are not understood; the message names the field.
    """
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        raise OrdersRefused("not JSON") from None
    if not isinstance(value, dict) or value.get("schema") != SCHEMA:
        raise OrdersRefused(f"schema: {SCHEMA} is expected")
    try:
        return Orders(
            serial=_number(value, "serial"),
            rules=_rules(value),
            floor=Instant(_number(value, "floor")),
            enforce=frozenset(_row(row) for row in _list(value, "enforce")),
            spare=_paths(value, "spare"),
            entries=_paths(value, "entries"),
            protected=_paths(value, "protected"),
            homes=tuple(home for home in _paths(value, "homes") if home != "/") if "homes" in value else (),
        )
    except (KeyError, TypeError, AttributeError, ValueError) as error:
        raise OrdersRefused(str(error)) from None


def lies_below(path: str, folders: tuple[str, ...]) -> bool:
    """Whether an absolute path is one of these or lies below one."""
    return any(path == folder or path.startswith(folder + "/") for folder in folders)


def _rules(value: Mapping[str, object]) -> DeviceRules | None:
    compiled, device = value.get("compiled"), value.get("device")
    if compiled is None:
        return None
    if not isinstance(compiled, dict) or not isinstance(device, dict):
        raise ValueError("compiled, device: objects are expected")
    groups = device.get("groups")
    fields = {key: device[key] for key in ("os", "kind", "ownership", "region") if key in device}
    known = Device(id=str(device.get("id", "")), groups=None if groups is None else frozenset(groups), **fields)
    exceptions = [ExceptionGrant(**row) for row in device.get("exceptions") or ()]
    pauses = [Pause(**row) for row in device.get("pauses") or ()]
    return Rulebook(compiled).for_device(known, exceptions, pauses)


def _number(value: Mapping[str, object], name: str) -> int:
    number = value.get(name)
    if isinstance(number, bool) or not isinstance(number, int):
        raise ValueError(f"{name}: a whole number is expected")
    return number


def _list(value: Mapping[str, object], name: str) -> list[object]:
    rows = value.get(name)
    if not isinstance(rows, list):
        raise ValueError(f"{name}: a list is expected")
    return rows


def _paths(value: Mapping[str, object], name: str) -> tuple[str, ...]:
    rows = _list(value, name)
    if not all(isinstance(path, str) and path.startswith("/") and "\0" not in path for path in rows):
        raise ValueError(f"{name}: absolute paths are expected")
    # "/" itself would be everything; a slash at the end would be nothing.
    return tuple(path.rstrip("/") or "/" for path in rows if isinstance(path, str))


def _row(row: object) -> tuple[str, str, int]:
    if not isinstance(row, list) or [type(cell) for cell in row] != [str, str, int]:
        raise ValueError("enforce: rows of ban, tool, uid are expected")
    return row[0], row[1], row[2]
