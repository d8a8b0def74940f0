"""How often somebody is told the same on a terminal: a loop must not fill the screen of whoever runs it. Pure."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Hashable

MOST = 1024


class Quiet:
    """One text for each key and span of time."""

    def __init__(self, every: float = 60.0) -> None:
        """`every` in seconds."""
        self._every = every
        self._last: OrderedDict[Hashable, float] = OrderedDict()

    def may(self, key: Hashable, now: float) -> bool:
        """Whether it may be said now; if so it counts as said."""
        last = self._last.get(key)
        if last is not None and now - last < self._every:
            return False
        self._last.pop(key, None)
        self._last[key] = now
        if len(self._last) > MOST:
            self._last.popitem(last=False)
        return True
