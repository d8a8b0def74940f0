"""The door: a fanotify group that asks before a file is opened or executed. Constants: linux/fanotify.h.

A group asks for everything that its marks name and waits for the answer of whoever reads it; when its last descriptor
is closed, the kernel lets everything go on that still waits.
"""

from __future__ import annotations

# ruff: noqa: E402 - the type checker of another system stops at the assertion
import contextlib
import ctypes
import errno
import os
import struct
import sys
import threading
from collections.abc import Iterator
from typing import NamedTuple

assert sys.platform == "linux"

from agent.gate.calls import AT_FDCWD, failed, libc

CLASS_CONTENT, CLOEXEC, NONBLOCK, UNLIMITED_QUEUE, UNLIMITED_MARKS = 0x4, 0x1, 0x2, 0x10, 0x20
MARK_ADD, MARK_REMOVE, MARK_IGNORED_MASK, MARK_FLUSH = 0x1, 0x2, 0x20, 0x80
MARK_FILESYSTEM, MARK_EVICTABLE = 0x100, 0x200
OPEN_PERM, OPEN_EXEC_PERM, OPEN_EXEC = 0x10000, 0x40000, 0x1000
ALLOW, DENY = 0x1, 0x2
NO_FD = -1

_EVENT = struct.Struct("=IBBHQii")
"""fanotify_event_metadata: length, version, reserved, length of this part, mask, descriptor, pid."""
_ANSWER = struct.Struct("=iI")
_VERSION = 3
_BUFFER = 4096
_EVENT_FLAGS = os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK | getattr(os, "O_LARGEFILE", 0)
"""How the kernel opens the file for us. O_NONBLOCK: its owner may hold a write lease, whose break would keep the read
of the event, and with it every start on the machine, waiting for `fs.lease-break-time` (45 s)."""

libc.fanotify_init.argtypes = (ctypes.c_uint, ctypes.c_uint)
libc.fanotify_mark.argtypes = (ctypes.c_int, ctypes.c_uint, ctypes.c_uint64, ctypes.c_int, ctypes.c_char_p)


class Event(NamedTuple):
    """One question. `fd` is an open descriptor of the file, ours to close; NO_FD when the queue overflowed."""

    mask: int
    fd: int
    pid: int


def parse_events(data: bytes) -> Iterator[Event]:
    """Takes apart what one read brought.

    Raises:
        ValueError: not what this version of the interface looks like.
    """
    at = 0
    while at + _EVENT.size <= len(data):
        length, version, _, _, mask, fd, pid = _EVENT.unpack_from(data, at)
        if version != _VERSION:
            raise ValueError(f"fanotify speaks version {version}, not {_VERSION}")
        if length < _EVENT.size or at + length > len(data):
            raise ValueError(f"an event of {length} bytes")
        yield Event(mask, fd, pid)
        at += length


class Group:
    """One fanotify group. One thread reads; any thread may answer and mark."""

    def __init__(self) -> None:
        """Opens it; nothing is asked before it has marks.

        Raises:
            OSError: the kernel has no such thing, or we may not.
        """
        flags = CLASS_CONTENT | CLOEXEC | NONBLOCK | UNLIMITED_QUEUE | UNLIMITED_MARKS
        self.fd = int(libc.fanotify_init(flags, _EVENT_FLAGS))
        if self.fd < 0:
            raise failed()
        self._lock = threading.Lock()
        self._open = True

    def read(self) -> tuple[Event, ...]:
        """What is asked now; empty when nothing is.

        Raises:
            OSError: EMFILE when there is no descriptor left for the next event's file.
        """
        try:
            data = os.read(self.fd, _BUFFER)
            if len(data) == _EVENT.size and data[4] == _VERSION:
                # One question, as nearly always.
                _, _, _, _, mask, fd, pid = _EVENT.unpack(data)
                return (Event(mask, fd, pid),)
            return tuple(parse_events(data))
        except BlockingIOError:
            return ()
        except OSError as error:
            # The file went away, or has an owner who makes opening it impossible: the kernel has answered for it.
            if error.errno in (errno.EMFILE, errno.ENFILE):
                raise
            return ()

    def answer(self, event_fd: int, answer: int) -> None:
        """Answers the question whose file is open as `event_fd`. One who was killed meanwhile waits no more."""
        try:
            os.write(self.fd, _ANSWER.pack(event_fd, answer))
        except OSError:
            return

    def mark_filesystem(self, mask: int, folder: int) -> None:
        """Asks for everything on the filesystem that the folder's (O_PATH) descriptor lies on.

        Raises:
            OSError: it does not take marks.
        """
        self._mark(MARK_ADD | MARK_FILESYSTEM, mask, folder, b".")

    def mark_file(self, mask: int, file: int) -> None:
        """Asks for this one file, by an O_PATH descriptor.

        Raises:
            OSError: as the kernel says.
        """
        self._mark(MARK_ADD, mask, AT_FDCWD, b"/proc/self/fd/%d" % file)

    def ignore(self, mask: int, file: int) -> bool:
        """Lets the kernel remember that a file is of no interest, until it is written to or memory is short."""
        try:
            self._mark(MARK_ADD | MARK_IGNORED_MASK | MARK_EVICTABLE, mask, file, None)
        except OSError:
            return False
        return True

    def flush_filesystems(self) -> None:
        """Takes back all filesystem marks: nothing new is asked."""
        with contextlib.suppress(OSError):
            self._mark(MARK_FLUSH | MARK_FILESYSTEM, 0, AT_FDCWD, b"/")

    def flush_files(self) -> None:
        """Takes back all marks of single files."""
        with contextlib.suppress(OSError):
            self._mark(MARK_FLUSH, 0, AT_FDCWD, b"/")

    def close(self) -> None:
        """Ends it: what still waits goes on."""
        with self._lock:
            if self._open:
                self._open = False
                os.close(self.fd)

    def _mark(self, flags: int, mask: int, folder: int, path: bytes | None) -> None:
        # A number that was closed may be another group by now: a late mark of an old verdict must not land there.
        with self._lock:
            if not self._open:
                return
            if libc.fanotify_mark(self.fd, flags, mask, folder, path) != 0:
                raise failed()
