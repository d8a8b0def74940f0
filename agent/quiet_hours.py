"""Quiet hours: when a machine's notices wait, but for what presses. Pure."""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

from policy_schema.rules.instant import Instant

_MINUTE, _DAY = 60, 86_400


class QuietHours(NamedTuple):
    """From a minute of the local day until another one, which may be of the next day."""

    begin: int
    end: int

    def until(self, now: Instant, ahead: Callable[[Instant], int]) -> Instant | None:
        """Their end, within them. `ahead` tells by how many seconds the machine's time is ahead of UTC at an instant:
        where that changes in between they end by the new time, at the next look."""
        second = (now + ahead(now)) % _DAY
        begin, end = self.begin * _MINUTE, self.end * _MINUTE
        within = begin <= second < end if begin < end else second >= begin or second < end
        return Instant(now + (end - second) % _DAY) if within else None


def parse_quiet_hours(text: str) -> QuietHours | None:
    """Reads `22:00-07:30`; nothing where it is empty.

    Raises:
        ValueError: it is of another form.
    """
    if not text:
        return None
    begin, dash, end = text.partition("-")
    hours = QuietHours(_minute(begin), _minute(end))
    if not dash or hours.begin == hours.end:
        raise ValueError(f"{text!r} is no span such as 22:00-07:30")
    return hours


def quiet_until(text: str, ahead: Callable[[Instant], int]) -> Callable[[Instant], Instant | None]:
    """What tells the end of these quiet hours, within them. Raises ValueError as above."""
    hours = parse_quiet_hours(text)
    return lambda now: hours.until(now, ahead) if hours else None


def _minute(text: str) -> int:
    hour, colon, minute = text.strip().partition(":")
    digits = len(hour) in (1, 2) and len(minute) == 2 and f"{hour}{minute}".isascii() and f"{hour}{minute}".isdigit()
    if not colon or not digits or int(hour) > 23 or int(minute) > 59:
        raise ValueError(f"{text!r} is no time of day such as 22:00")
    return int(hour) * 60 + int(minute)
