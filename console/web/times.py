"""Instants and durations for people, in their language and zone. Pure.

Each stands in a `<time datetime="...">` as well, so that a script can put it into the zone of whoever looks.
"""

from __future__ import annotations

from datetime import UTC, datetime
from gettext import NullTranslations
from typing import Final
from zoneinfo import ZoneInfo

_MONTHS: Final = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def iso(instant: int) -> str:
    """For the machine-readable side: `2026-07-03T08:12:44Z`."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def minute(instant: int, zone: ZoneInfo, language: str) -> str:
    """`3 Jul 2026, 08:12 UTC`, `2026年7月3日 08:12 UTC`."""
    at = datetime.fromtimestamp(instant, zone)
    joint = " " if language == "zh-Hans" else ", "
    return f"{_day(at, language)}{joint}{at:%H:%M} {at.tzname()}"


def day(instant: int, zone: ZoneInfo, language: str) -> str:
    """`3 Jul 2026`, `2026年7月3日`."""
    return _day(datetime.fromtimestamp(instant, zone), language)


def written_day(text: str, language: str) -> str:
    """A day as a device wrote it; what is no day stays as it is."""
    try:
        return _day(datetime.strptime(text[:10], "%Y-%m-%d").replace(tzinfo=UTC), language)
    except ValueError:
        return text


def _day(at: datetime, language: str) -> str:
    if language == "zh-Hans":
        return f"{at.year}年{at.month}月{at.day}日"
    return f"{at.day} {_MONTHS[at.month - 1]} {at.year}"


def instant(text: str | None) -> int | None:
    """A written instant as a number; None for what is none, and for a mere day."""
    try:
        return int(datetime.strptime(text or "", "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC).timestamp())
    except ValueError:
        return None


def span(seconds: int, spoken: NullTranslations) -> str:
    """A duration as one number and its unit: `12 min`, `3 days`."""
    days, hours, minutes = seconds // 86_400, seconds // 3_600, seconds // 60
    if days > 0:
        return spoken.ngettext("%(num)d day", "%(num)d days", days) % {"num": days}
    if hours > 0:
        return spoken.gettext("%(num)d h") % {"num": hours}
    if minutes > 0:
        return spoken.gettext("%(num)d min") % {"num": minutes}
    return spoken.gettext("%(num)d s") % {"num": max(seconds, 0)}
