"""Totals that took long to count are kept for a while: in a large fleet a page asks once, and many people look at it.

What is quick is never kept, so that a small fleet is always shown as it is. What is kept longer than it is worth is
counted anew beside: whoever asks meanwhile gets what is there. Each page says as of when its figures are.
"""

from __future__ import annotations

import logging
import threading
import time
from collections import OrderedDict
from collections.abc import Callable, Hashable
from typing import Any, Final, NamedTuple

SLOW: Final = 0.5
"""Seconds from which on a result is kept."""
TIMES: Final = 120
"""It is kept for so many times the seconds that it took: a page counts for less than a hundredth of its processor."""
LONGEST: Final = 300.0
STALE: Final = 1800.0
"""Seconds after that for which it is still shown while it is counted anew; later whoever asks waits."""
MOST: Final = 200
Count = Callable[[], Any]
Worth = Callable[[Any], bool]
log = logging.getLogger(__name__)


def always(_: object) -> bool:
    """Whatever was counted is worth keeping."""
    return True


class _One(NamedTuple):
    value: Any
    until: float


class _Asked(NamedTuple):
    key: Hashable
    answer: Count
    slow: float
    worth: Worth


class Kept:
    """Results by key. Whoever finds none counts; others who ask for the same meanwhile wait for that."""

    def __init__(self, seconds: Callable[[], float] = time.monotonic) -> None:
        self._seconds = seconds
        self._known: OrderedDict[Hashable, _One] = OrderedDict()
        self._counting: dict[Hashable, threading.Lock] = {}
        self._lock = threading.Lock()
        self._beside = threading.Lock()
        """One is counted anew at a time."""

    def get(self, key: Hashable, count: Count, *, slow: float = SLOW, worth: Worth = always) -> Any:
        """What is kept under the key, or what `count` answers; it may be called later in a thread of its own.

        Kept is what took `slow` seconds and is `worth` it.
        """
        one = _Asked(key, count, slow, worth)
        with self._lock:
            counting = self._counting.setdefault(key, threading.Lock())
            known = self._known.get(key)
        if known is not None and known.until <= self._seconds() < known.until + STALE:
            if self._beside.acquire(blocking=False):
                threading.Thread(target=self._again, args=(one,), name="console-totals", daemon=True).start()
            return known.value
        with counting:
            known = self._known.get(key)
            if known is not None and self._seconds() < known.until:
                return known.value
            return self._counted(one)

    def _again(self, one: _Asked) -> None:
        try:
            self._counted(one)
        except Exception:
            # What is there is shown until it is too old; then whoever asks hears of the trouble.
            log.exception("totals could not be counted anew")
        finally:
            self._beside.release()

    def _counted(self, one: _Asked) -> Any:
        begun = self._seconds()
        value = one.answer()
        took = self._seconds() - begun
        lasts = min(took * TIMES, LONGEST) if took >= one.slow and one.worth(value) else 0.0
        self._keep(one.key, value, lasts)
        return value

    def _keep(self, key: Hashable, value: Any, lasts: float) -> None:
        with self._lock:
            self._known.pop(key, None)
            if lasts:
                self._known[key] = _One(value, self._seconds() + lasts)
            while len(self._known) > MOST:
                self._known.popitem(last=False)
            for other in [other for other in self._counting if other not in self._known and other != key][MOST:]:
                del self._counting[other]
