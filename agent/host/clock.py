"""Time at the door: the wall clock, a floor under it, and the monotonic clock for time-outs.

The floor is raised by signed timestamps and the build only, never by the wall clock itself: a dead battery that says
2099 must not carry out every later stage for ever.
"""

from __future__ import annotations

import time
from typing import NamedTuple, Protocol

from policy_schema.rules.instant import Instant

BUILD_TIME = Instant(1_792_000_000)
"""2026-10-14: no machine that runs this code lives before its build."""
BELIEVED_AHEAD = 30 * 86400
"""How far past the newest signed time a wall clock may be and still allow `remove`, in seconds."""


def wall() -> int:
    """The machine's own clock, in seconds since the epoch: for ages that are shown and messages that are dated."""
    return int(time.time())


def ahead_of_utc(instant: int) -> int:
    """By how many seconds this machine's local time is ahead of UTC at an instant."""
    return time.localtime(instant).tm_gmtoff


class Now(NamedTuple):
    """An instant to decide with, and whether the clock behind it can be believed for `remove`."""

    instant: Instant
    believable: bool


class Clock(Protocol):
    """What the daemon asks for the time; tests bring one they can move."""

    floor: Instant
    """Time is not before this: raised by signed timestamps and the build."""

    def now(self) -> Now:
        """The instant that decisions are made with."""

    def monotonic(self) -> float:
        """Seconds for time-outs; stops in suspend."""

    def raise_floor(self, signed: Instant) -> None:
        """A verified signed timestamp: time is not before this."""


class SystemClock:
    """The machine's clock with the floor under it."""

    def __init__(self, floor: Instant = BUILD_TIME, newest_signed: Instant | None = None) -> None:
        self.floor = max(floor, BUILD_TIME)
        self._newest_signed = newest_signed

    def now(self) -> Now:
        """The larger of wall clock and floor."""
        return judge_time(wall(), self.floor, self._newest_signed)

    def monotonic(self) -> float:
        """Seconds since some start."""
        return time.monotonic()

    def raise_floor(self, signed: Instant) -> None:
        """Takes a verified signed timestamp as the new floor, if it is later."""
        self.floor = max(self.floor, signed)
        self._newest_signed = max(self._newest_signed or signed, signed)


def judge_time(wall: int, floor: Instant, newest_signed: Instant | None) -> Now:
    """Pure: which instant counts, and whether it lies in the window that `remove` needs."""
    newest = newest_signed if newest_signed is not None else floor
    return Now(Instant(max(wall, floor)), floor <= wall <= newest + BELIEVED_AHEAD)
