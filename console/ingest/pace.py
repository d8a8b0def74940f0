"""When a device shall report next, so that a fleet never comes all at once. Pure: times come in.

Each device has its own second of the interval, made from its id. Whatever brought many of them together (a policy, the
end of an outage, Monday morning), the answer sends each back to its own second: the next one that is at least half an
interval away. When answers become slow the interval is doubled, up to eight times, and halved again when they have been
quick for a while. Who has to be turned away is told to come back at a moment of a span that grows with the crowd.
"""

from __future__ import annotations

import hashlib
import threading
import zlib
from typing import Final

WINDOW: Final = 10.0
"""Seconds over which it is judged whether answers are slow."""
SLOW: Final = 1.0
"""Seconds from a report's arrival to its commit, on average."""
QUICK: Final = 0.25
CALM: Final = 6
"""Windows in a row that must have been quick before devices are asked to come more often again."""
LONGEST: Final = 3
"""How often the interval is doubled at the most."""
RETRY_FIRST: Final = 10
RETRY_SPAN: Final = 60
"""Seconds: who is turned away comes back after RETRY_FIRST and up to the span later; it doubles with the interval."""


class Pace:
    """Shared by the threads of one process."""

    def __init__(self, every: int) -> None:
        self._every = every
        self._lock = threading.Lock()
        self._began: float | None = None
        self._sum = 0.0
        self._count = 0
        self._turned_away = 0
        self._calm = 0
        self.level = 0
        """How often the interval is doubled now."""

    def next_report(self, device: str, now: int) -> int:
        """The instant at which this device shall report next."""
        every = self._every << self.level
        earliest = now + every // 2
        return earliest + (_second_of(device) - earliest) % every

    def retry_after(self, what: bytes) -> int:
        """Seconds until somebody who was turned away shall come again. `what` tells the requests apart."""
        return RETRY_FIRST + zlib.crc32(what) % (RETRY_SPAN << self.level)

    def answered(self, seconds: float, at: float) -> None:
        """A report was committed `seconds` after it arrived. `at` is on the monotonic clock."""
        with self._lock:
            self._sum += seconds
            self._count += 1
            self._judge(at)

    def turned_away(self, at: float) -> None:
        """A request found no room."""
        with self._lock:
            self._turned_away += 1
            self._judge(at)

    def _judge(self, at: float) -> None:
        if self._began is None:
            self._began = at
        if at - self._began < WINDOW:
            return
        average = self._sum / self._count if self._count else 0.0
        if average > SLOW or self._turned_away:
            self.level, self._calm = min(self.level + 1, LONGEST), 0
        elif average < QUICK:
            self._calm += 1
            if self._calm >= CALM:
                self.level, self._calm = max(self.level - 1, 0), 0
        else:
            self._calm = 0
        self._began, self._sum, self._count, self._turned_away = at, 0.0, 0, 0


def _second_of(device: str) -> int:
    return int.from_bytes(hashlib.sha256(device.encode()).digest()[:8])
