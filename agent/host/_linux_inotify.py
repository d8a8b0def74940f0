"""Linux inotify: one descriptor for all folders.

Not watchdog's observer, which the other systems use: it makes a thread for each folder (120 folders: 123 threads), its
import alone costs 6.5 MB, and it tells nobody when the kernel's queue overflowed, so a loss could not become a sweep.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import os
import select
import struct
import sys
from collections.abc import Iterator

from agent.errors import Denied, Gone, TooBig
from agent.host.folder_events import Batch, FolderEvent, Watch

assert sys.platform == "linux"

ATTRIB, CLOSE_WRITE, MOVED_FROM, MOVED_TO, CREATE, DELETE = 0x04, 0x08, 0x40, 0x80, 0x100, 0x200
DELETE_SELF, MOVE_SELF, UNMOUNT, Q_OVERFLOW, IGNORED = 0x400, 0x800, 0x2000, 0x4000, 0x8000
ONLYDIR, DONT_FOLLOW, EXCL_UNLINK, MASK_ADD, ISDIR = 0x01000000, 0x02000000, 0x04000000, 0x20000000, 0x40000000
"""inotify(7)."""
_WHEN_MADE = CREATE | MOVED_TO | DELETE_SELF | MOVE_SELF
_WHEN_CHANGED = _WHEN_MADE | ATTRIB | CLOSE_WRITE | MOVED_FROM | DELETE
_HOW = ONLYDIR | DONT_FOLLOW | EXCL_UNLINK | MASK_ADD
_HEAD = struct.Struct("iIII")
_BUFFER = 64 * 1024

_libc = ctypes.CDLL(None, use_errno=True)


class InotifyTap:
    """Folders watched by the kernel. One thread calls everything but `interrupt`."""

    def __init__(self) -> None:
        self._file = _libc.inotify_init1(os.O_CLOEXEC | os.O_NONBLOCK)
        if self._file < 0:
            raise _refusal("", ctypes.get_errno())
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)

    def add(self, path: str, watch: Watch) -> int:
        """Watches a folder (not through a link, not below it); the same folder has the same number."""
        mask = _WHEN_MADE if watch is Watch.MADE else _WHEN_CHANGED
        number: int = _libc.inotify_add_watch(self._file, os.fsencode(path), ctypes.c_uint32(mask | _HOW))
        if number < 0:
            raise _refusal(path, ctypes.get_errno())
        return number

    def remove(self, number: int) -> None:
        """Ends one watch; a `gone` event for it may still come."""
        _libc.inotify_rm_watch(self._file, number)

    def read(self, wait: float | None) -> Batch:
        """What happened; waits for at most so many seconds."""
        poll = select.poll()
        poll.register(self._file, select.POLLIN)
        poll.register(self._wake_read, select.POLLIN)
        ready = {number for number, _ in poll.poll(None if wait is None else max(0.0, wait) * 1000)}
        if self._wake_read in ready:
            with contextlib.suppress(BlockingIOError):
                os.read(self._wake_read, 64)
        data = os.read(self._file, _BUFFER) if self._file in ready else b""
        events = tuple(parse_events(data))
        lost = any(event.number < 0 for event in events)
        return Batch(tuple(event for event in events if event.number >= 0), lost)

    def interrupt(self) -> None:
        """Lets a waiting `read` return, from any thread."""
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"!")

    def close(self) -> None:
        """Ends all watches."""
        for descriptor in (self._file, self._wake_read, self._wake_write):
            with contextlib.suppress(OSError):
                os.close(descriptor)


def parse_events(data: bytes) -> Iterator[FolderEvent]:
    """Reads what the kernel wrote. An overflow of its queue has the number -1; a cut-off event ends the reading."""
    at = 0
    while at + _HEAD.size <= len(data):
        number, mask, _, length = _HEAD.unpack_from(data, at)
        start = at + _HEAD.size
        if start + length > len(data):
            return
        at = start + length
        if mask & Q_OVERFLOW:
            yield FolderEvent(-1)
        elif number >= 0:
            yield FolderEvent(
                number,
                os.fsdecode(data[start:at].split(b"\0", 1)[0]),
                new_folder=bool(mask & ISDIR and mask & (CREATE | MOVED_TO)),
                gone=bool(mask & (DELETE_SELF | MOVE_SELF | IGNORED | UNMOUNT)),
            )


def _refusal(path: str, number: int) -> Exception:
    """What the kernel's refusal means."""
    if number in (errno.ENOSPC, errno.EMFILE, errno.ENFILE, errno.ENOMEM):
        return TooBig("the system's limit of watched folders is reached", "Raise fs.inotify.max_user_watches.")
    if number in (errno.ENOENT, errno.ENOTDIR, errno.ELOOP, errno.ENAMETOOLONG):
        return Gone(f"{path} is no folder")
    return Denied(f"{path} cannot be watched: {os.strerror(number)}")
