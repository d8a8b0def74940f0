"""Local times of an organisation → UTC. Done once, by the author's tool; agents only know UTC."""

from __future__ import annotations

from datetime import date, datetime
from functools import lru_cache
from typing import NamedTuple
from zoneinfo import ZoneInfo

from policy_schema.rules.instant import Instant

FORM = "%Y-%m-%d %H:%M"


@lru_cache(maxsize=1024)
def _moment(text: str) -> datetime:
    """Bans of one policy mostly begin together, and each of their times is looked at a dozen times."""
    return datetime.strptime(text, FORM)


class LocalTime(NamedTuple):
    """A wall-clock time in the organisation's time zone, as written: `2026-07-10 09:00`."""

    text: str

    @property
    def moment(self) -> datetime:
        """The time without a zone."""
        return _moment(self.text)

    def at(self, zone: ZoneInfo) -> Instant:
        """The instant of this time in `zone`.

        Raises:
            ValueError: the clocks are changed at that time, so that it exists twice or not at all.
        """
        first, second = (self.moment.replace(tzinfo=zone, fold=fold) for fold in (0, 1))
        if first.utcoffset() != second.utcoffset():
            gap = first.utcoffset() < second.utcoffset()  # type: ignore[operator]  # an aware time has an offset
            what = "does not exist" if gap else "comes twice"
            raise ValueError(f"{self.text} {what} in {zone.key}: the clocks are changed then")
        return Instant(int(first.timestamp()))


def parse_local_time(text: str) -> LocalTime:
    """Reads `2026-07-10 09:00`.

    Raises:
        ValueError: another form, a day that does not exist, or a year outside 2000 to 2999.
    """
    moment = _moment(text)
    if moment.strftime(FORM) != text or not 2000 <= moment.year <= 2999:
        raise ValueError(f"{text!r} is not a time such as 2026-07-10 09:00")
    return LocalTime(text)


def parse_date(text: str) -> date:
    """Reads `2026-07-03`.

    Raises:
        ValueError: another form, a day that does not exist, or a year outside 2000 to 2999.
    """
    day = datetime.strptime(text, "%Y-%m-%d").date()
    if day.isoformat() != text or not 2000 <= day.year <= 2999:
        raise ValueError(f"{text!r} is not a date such as 2026-07-03")
    return day


def parse_zone(name: str) -> ZoneInfo:
    """The time zone of that name in the IANA register.

    Raises:
        ValueError: there is none, or this machine has no time-zone data.
    """
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError) as error:
        raise ValueError(f"{name!r} is not a time zone that this machine knows") from error
