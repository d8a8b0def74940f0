"""A limit to guessing passwords."""

from __future__ import annotations

import threading
from collections import OrderedDict
from typing import Final


class Guesses:
    """Counts failures in memory: a few for one name, more for one address, within a quarter of an hour."""

    WITHIN: Final = 15 * 60
    FOR_A_NAME: Final = 5
    FOR_AN_ADDRESS: Final = 20
    REMEMBERED: Final = 10_000

    def __init__(self) -> None:
        self._failures: OrderedDict[str, list[int]] = OrderedDict()
        self._lock = threading.Lock()

    def allowed(self, keys: tuple[str, str], now: int) -> bool:
        """False while there were too many failures for the address, or for the name from this address."""
        with self._lock:
            of_address, of_name = (self._recent(key, now) for key in keys)
        return of_address < self.FOR_AN_ADDRESS and of_name < self.FOR_A_NAME

    def failed(self, keys: tuple[str, str], now: int) -> None:
        """One more failure."""
        with self._lock:
            for key in keys:
                self._failures.setdefault(key, []).append(now)
                self._failures.move_to_end(key)
            while len(self._failures) > self.REMEMBERED:
                self._failures.popitem(last=False)

    def forget(self, keys: tuple[str, str]) -> None:
        """The name's failures, after the right password. The address's stay."""
        with self._lock:
            self._failures.pop(keys[1], None)

    def _recent(self, key: str, now: int) -> int:
        recent = [at for at in self._failures.get(key, []) if now - at < self.WITHIN]
        if recent:
            self._failures[key] = recent
        else:
            self._failures.pop(key, None)
        return len(recent)
