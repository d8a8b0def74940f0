"""When a scheduled report is due: daily, weekly or monthly, at a time of a zone. Pure.

A time that a change of clocks leaves out is due when the clocks have gone past it; one that comes twice is due the
first time. A month without the day ends with its last one.
"""

from __future__ import annotations

import calendar
from datetime import UTC, date, datetime, timedelta
from enum import StrEnum
from typing import NamedTuple
from zoneinfo import ZoneInfo


class Every(StrEnum):
    """How often."""

    DAY = "day"
    WEEK = "week"
    MONTH = "month"


class When(NamedTuple):
    """`day`: 1 to 7 from Monday for a week, 1 to 31 for a month. `minute`: of the day."""

    every: Every
    day: int
    minute: int
    zone: str


def next_due(when: When, after: int) -> int:
    """The first moment later than `after` at which it is due."""
    zone = ZoneInfo(when.zone)
    day = datetime.fromtimestamp(after, zone).date() - timedelta(days=1)
    while True:
        if _fits(when, day):
            due = _moment(day, when.minute, zone)
            if due > after:
                return due
        day += timedelta(days=1)


def _fits(when: When, day: date) -> bool:
    match when.every:
        case Every.DAY:
            return True
        case Every.WEEK:
            return day.isoweekday() == when.day
        case Every.MONTH:
            return day.day == min(when.day, calendar.monthrange(day.year, day.month)[1])


def _moment(day: date, minute: int, zone: ZoneInfo) -> int:
    local = datetime(day.year, day.month, day.day, minute // 60, minute % 60, tzinfo=zone)
    return int(local.astimezone(UTC).timestamp())
