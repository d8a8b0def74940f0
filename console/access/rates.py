"""How often somebody may ask: buckets that fill again with time, kept in the memory of one process."""

from __future__ import annotations

import threading
from collections import OrderedDict
from enum import Enum
from typing import Final, NamedTuple


class Measure(NamedTuple):
    """So many at once, and one more every so many seconds."""

    at_once: int
    every: float


class Limit(Enum):
    """What is limited, and how much of it one may have."""

    SIGN_IN = Measure(30, 20)
    """For an address: each try costs a password's hash, a right one too."""
    PROVIDER = Measure(300, 1)
    """For an address: off to the identity provider, and back."""
    EXPORT = Measure(60, 10)
    """For a person: an export reads the whole fleet."""
    API = Measure(300, 0.5)
    """For a token."""


class Rates:
    """Counts. Who is not heard of for long is forgotten first."""

    REMEMBERED: Final = 20_000

    def __init__(self) -> None:
        self._spent: OrderedDict[tuple[Limit, str], tuple[float, int]] = OrderedDict()
        self._lock = threading.Lock()

    def wait(self, limit: Limit, who: str, now: int) -> int:
        """0, and one is taken; or the seconds until one is there again."""
        measure = limit.value
        with self._lock:
            spent, at = self._spent.pop((limit, who), (0.0, now))
            spent = max(0.0, spent - max(0, now - at) / measure.every)
            fits = spent + 1 <= measure.at_once
            self._spent[(limit, who)] = (spent + 1 if fits else spent, now)
            while len(self._spent) > self.REMEMBERED:
                self._spent.popitem(last=False)
        return 0 if fits else max(1, round((spent + 1 - measure.at_once) * measure.every))
