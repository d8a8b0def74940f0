"""Instants: UTC, whole seconds since the epoch, as plain integers. No clock here; callers bring the time."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import NewType

Instant = NewType("Instant", int)


def parse_instant(text: str) -> Instant:
    """Reads `2026-07-10T01:00:00Z` (the form of closed policies and messages).

    Raises:
        ValueError: the text is not of that form.
    """
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    return Instant(int(moment.timestamp()))


def format_instant(instant: int) -> str:
    """Writes an instant as `2026-07-10T01:00:00Z`."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


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
