"""Until when an exception holds whose last day somebody wrote."""

from __future__ import annotations

from datetime import UTC, date, datetime, time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from console.exceptions.words import NotDecided


def end_of(day: str, zone: str) -> int:
    """The end of a day where the organisation is, in seconds; in UTC where its zone is not known.

    Raises:
        NotDecided: that is no day.
    """
    try:
        there = ZoneInfo(zone) if zone else UTC
    except (ZoneInfoNotFoundError, ValueError):
        there = UTC
    try:
        return int(datetime.combine(date.fromisoformat(day), time(23, 59, 59), there).timestamp())
    except (ValueError, OverflowError):
        raise NotDecided("day") from None
