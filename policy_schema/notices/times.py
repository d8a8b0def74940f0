"""Instants and spans as people read them: in the organisation's time zone, in the reader's language."""

from __future__ import annotations

from datetime import UTC, datetime
from zoneinfo import ZoneInfo

from policy_schema.notices.translate import Words

# Own tables: `strftime` would answer in the language of the process, not in the reader's.
_WEEKDAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = "January February March April May June July August September October November December".split(" ")


def when(instant: int, zone: ZoneInfo | None, words: Words) -> str:
    """`Fri 10 July 2026, 09:00`, in the zone (UTC when there is none)."""
    local = datetime.fromtimestamp(instant, zone or UTC.utc)
    return words(
        "{weekday} {day} {month} {year}, {clock}",
        weekday=_WEEKDAYS[local.weekday()],
        day=local.day,
        month=_MONTHS[local.month - 1],
        month_number=local.month,
        year=local.year,
        clock=local.strftime("%H:%M"),
    )


def clock(instant: int, zone: ZoneInfo | None) -> str:
    """`09:00`, in the zone."""
    return datetime.fromtimestamp(instant, zone or UTC.utc).strftime("%H:%M")


def zone_name(zone: ZoneInfo | None) -> str:
    """What the times are local to."""
    return zone.key if zone is not None else "UTC"


def span(seconds: int, words: Words) -> str:
    """`4 hours`, `15 minutes`: the largest unit that is not zero, rounded up to it where it is not whole."""
    minutes = -(-seconds // 60)
    if minutes >= 2 * 24 * 60:
        return words.plural("{number} day", "{number} days", -(-minutes // (24 * 60)))
    if minutes > 90:
        return words.plural("{number} hour", "{number} hours", -(-minutes // 60))
    return words.plural("{number} minute", "{number} minutes", max(1, minutes))
