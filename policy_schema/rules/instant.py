"""Instants: UTC, whole seconds since the epoch, as plain integers. No clock here; callers bring the time."""

from __future__ import annotations

import re
from datetime import UTC, datetime
from typing import Final, NewType

Instant = NewType("Instant", int)
_FORM: Final = re.compile(r"[0-9]{4}-[0-9]{2}-[0-9]{2}T(?:[01][0-9]|2[0-3]):[0-9]{2}:[0-9]{2}Z")
"""What `fromisoformat` is handed: it knows more forms, which are none of ours. `strptime` takes ten times as long."""


def parse_instant(text: str) -> Instant:
    """Reads `2026-07-10T01:00:00Z` (the form of closed policies and messages).

    Raises:
        ValueError: the text is not of that form.
    """
    if _FORM.fullmatch(text) is None:
        raise ValueError(f"{text[:40]!r} is not an instant such as 2026-07-10T01:00:00Z")
    return Instant(int(datetime.fromisoformat(text).timestamp()))


def format_instant(instant: int) -> str:
    """Writes an instant as `2026-07-10T01:00:00Z`."""
    return f"{datetime.fromtimestamp(instant, UTC).isoformat()[:19]}Z"


def parse_duration(text: str) -> int:
    """Reads `30s`, `15m`, `4h`, `3d` as seconds.

    Raises:
        ValueError: anything else.
    """
    units = {"s": 1, "m": 60, "h": 3600, "d": 86400}
    number, unit = text[:-1], text[-1:]
    if unit not in units or not number.isascii() or not number.isdigit() or len(number) > 6:
        raise ValueError(f"{text!r} is not a duration such as 30s, 15m, 4h or 3d")
    return int(number) * units[unit]


def soonest(one: Instant | None, other: Instant | None) -> Instant | None:
    """The earlier of two moments, either of which may never come."""
    return min((moment for moment in (one, other) if moment is not None), default=None)
