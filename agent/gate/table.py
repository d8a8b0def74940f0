"""What the gate remembers of program files: bounded, the oldest out, any thread."""

from __future__ import annotations

import os
import struct
import threading
from collections import OrderedDict
from typing import NamedTuple

LIMIT = 8192
"""Entries: any user can make them, and 100,000 would be 26 MB."""
KNOWN_LIMIT = 1024
SETTLED_AFTER_NS = 2_000_000_000
"""A ctime younger than this is not yet a safe name for what the file holds: kernels before 6.13 count it in ticks."""

_KEY = struct.Struct("=QQqQq")


class Known(NamedTuple):
    """What a file is, found out from its bytes and its surroundings; whether that is banned is asked at each start."""

    content: str = ""
    """Id of the content signature."""
    content_version: str = ""
    purl: str = ""
    """The nearest package around it, with its version."""
    package: str = ""
    """That package's folder."""
    sha256: str = ""
    by: str = "name"
    """What speaks for it: `content`, `path` or `name`."""


NOTHING = Known(by="")
"""A file that no rule is about."""


def file_key(status: os.stat_result, path: str) -> bytes:
    """The name of one state of one file under one path: the package around it depends on the path."""
    return _KEY.pack(status.st_dev, status.st_ino, status.st_ctime_ns, status.st_size, hash(path))


class Table:
    """From a file's key to what it is."""

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._rows: OrderedDict[bytes, Known] = OrderedDict()
        self._known: OrderedDict[tuple[int, int, int, int], Known] = OrderedDict()
        self._lock = threading.Lock()

    def get(self, key: bytes) -> Known | None:
        """What is remembered; None when nothing is."""
        return self._rows.get(key)

    def put(self, key: bytes, known: Known) -> None:
        """Remembers; only what `may_keep` allowed."""
        with self._lock:
            self._rows[key] = known
            while len(self._rows) > self._limit:
                self._rows.popitem(last=False)

    def recall(self, status: os.stat_result) -> Known | None:
        """A file that was recognised before, under any name: hard links and renamings change neither of these."""
        return self._known.get(_lasting(status))

    def recognise(self, status: os.stat_result, known: Known) -> None:
        """Remembers a file that a rule is about, so that another name of it is it too."""
        with self._lock:
            self._known[_lasting(status)] = known
            while len(self._known) > KNOWN_LIMIT:
                self._known.popitem(last=False)

    def forget_device(self, device: int) -> None:
        """Drops everything of a filesystem that is gone: its number is given to another one."""
        start = struct.pack("=Q", device)
        with self._lock:
            for key in [key for key in self._rows if key.startswith(start)]:
                del self._rows[key]
            for lasting in [lasting for lasting in self._known if lasting[0] == device]:
                del self._known[lasting]

    def __len__(self) -> int:
        return len(self._rows)


def may_keep(status: os.stat_result, wall: float) -> bool:
    """Whether what was found may be remembered by the file's times: not when it was changed just now."""
    return status.st_ctime_ns + SETTLED_AFTER_NS <= int(wall * 1_000_000_000)


def _lasting(status: os.stat_result) -> tuple[int, int, int, int]:
    return status.st_dev, status.st_ino, status.st_size, status.st_mtime_ns
