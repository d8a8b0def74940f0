"""What small files and folders said when they were read, so that the next look reads only what changed.

A file or folder is known by device, inode, both its times and its size: a manifest that is written in place has another
key, also where the folder around it keeps its times. What was changed just before it was read is not remembered: a
second change within the clock's grain would leave the same times, and pages that are still open for writing through
memory may change until they are written out. So memory never says more than a fresh look would have said then.

Bounded: the value is a few bytes, the whole a few megabytes; what nobody asked for in a whole look is forgotten in the
next one, and what does not fit is read again.
"""

from __future__ import annotations

import struct
import sys
import time
from collections.abc import Callable, Hashable

from agent.host.files import Facts, Kind

YOUNG = 2 * 10**9
"""Nanoseconds: folders changed later than that before they were read are not remembered."""
YOUNG_FILE = 60 * 10**9
"""The same for files: longer than a system keeps written pages in memory only."""
MAX_BYTES = 6 << 20
_SLOT = 110
"""Bytes that a dictionary needs for an entry besides key and value, about."""
_MAX_LIST, _MAX_LISTS = 2_000, 4_000
_MARK = struct.Struct("=QQqqq")


class Recall:
    """Bounded memory between looks; one for each thread that looks."""

    def __init__(self, bound: int = MAX_BYTES, now: Callable[[], int] = time.time_ns) -> None:
        """`now` is the system's clock in nanoseconds, which the filesystem's times come from."""
        self._bound = bound
        self._now = now
        self._young: dict[bytes, bytes] = {}
        self._old: dict[bytes, bytes] = {}
        self._spent = 0
        self.last: dict[str, object] = {}
        """The last answer of each source, kept and read by the runner."""
        self.kept: dict[Hashable, object] = {}
        """Short lists that a look at a change takes over from the look before; see `keep`."""
        self.owners: dict[str, tuple[Hashable, object]] = {}
        """Which of the system's packages brought a program, kept and read by `agent.inventory.owners`."""
        self.read = 0
        """How many things were read because nothing was known of them."""

    @property
    def size(self) -> int:
        """Bytes in use, about."""
        return self._spent

    def turn(self) -> None:
        """A whole look begins: what the last one did not ask for is forgotten."""
        self._spent -= sum(_cost(key, value) for key, value in self._old.items())
        self._old, self._young = self._young, {}
        self.kept.clear()

    def get(self, what: bytes, facts: Facts) -> bytes | None:
        """What is known of a file or folder as it is now; `what` is one letter for each kind of knowledge."""
        key = what + _MARK.pack(facts.device, facts.inode, facts.ctime, facts.mtime, facts.size)
        value = self._young.get(key)
        if value is None and (value := self._old.pop(key, None)) is not None:
            self._young[key] = value
        return value

    def put(self, what: bytes, facts: Facts, value: bytes) -> None:
        """Remembers what was read after `facts` were asked for, unless it was changed just before."""
        self.read += 1
        if self.is_young(facts):
            return
        key = what + _MARK.pack(facts.device, facts.inode, facts.ctime, facts.mtime, facts.size)
        cost = _cost(key, value)
        if self._spent + cost <= self._bound and key not in self._young:
            self._young[key] = value
            self._spent += cost

    def keep(self, key: Hashable, value: object, size: int) -> None:
        """Keeps a short list for a look at a change; what is too long, or one too many, is made anew instead."""
        if size <= _MAX_LIST and len(self.kept) < _MAX_LISTS:
            self.kept[key] = value

    def is_young(self, facts: Facts) -> bool:
        """True for what was changed so lately that a further change could leave the same times."""
        return self._now() - max(facts.ctime, facts.mtime) < (YOUNG if facts.kind is Kind.FOLDER else YOUNG_FILE)


def _cost(key: bytes, value: bytes) -> int:
    return sys.getsizeof(key) + sys.getsizeof(value) + _SLOT
