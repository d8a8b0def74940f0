"""Counts different things in bounded memory: exactly up to a limit, then by linear counting.

Whang, Vander-Zanden and Taylor (1990): of m bits, one set for each thing by its hash, the share that stays zero tells
how many things there were. With 2 MB the error at a million is about 0.1 %.
"""

from __future__ import annotations

import math
from hashlib import blake2b

EXACT = 20_000
"""Up to this many are counted one by one."""
_BITS = 1 << 24


class Distinct:
    """How many different texts were added."""

    def __init__(self, exact: int = EXACT) -> None:
        self._limit = exact
        self._seen: set[int] | None = set()
        self._bits = bytearray()

    @property
    def exact(self) -> bool:
        """False once the number is an estimate."""
        return self._seen is not None

    def add(self, text: str) -> None:
        """Counts a text, once."""
        value = int.from_bytes(blake2b(text.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big")
        if self._seen is None:
            self._mark(value)
            return
        self._seen.add(value)
        if len(self._seen) > self._limit:
            self._bits = bytearray(_BITS // 8)
            for earlier in self._seen:
                self._mark(earlier)
            self._seen = None

    def __len__(self) -> int:
        if self._seen is not None:
            return len(self._seen)
        zero = _BITS - int.from_bytes(self._bits, "big").bit_count()
        return round(-_BITS * math.log(zero / _BITS)) if zero else _BITS

    def _mark(self, value: int) -> None:
        place = value % _BITS
        self._bits[place >> 3] |= 1 << (place & 7)
