"""The other end of the gate's permission groups: to take one over from a gate that cannot even be killed.

A gate that hangs in the kernel keeps its groups, and every start under their marks waits. `pidfd_getfd` gives us the
same group; its marks are flushed, and whatever waits is answered with "allow". Linux 5.6; constants from
`linux/fanotify.h`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import sys

from agent.errors import Denied, Gone

assert sys.platform == "linux"

_PIDFD_GETFD = 438
_FLUSH = 0x80
_KINDS_OF_MARKS = (0x00, 0x10, 0x100)
"""Inodes, mounts, filesystems: each is flushed by itself."""
_ALLOW = 0x01
_EVENT = struct.Struct("=IBBHQii")
_RESPONSE = struct.Struct("=iI")
_NO_FD = -1
_LINK = "anon_inode:[fanotify]"
_QUIET = 50
"""Milliseconds without a further event, after which nothing waits any more: the marks are gone, so none can come."""
_MOST_READS = 10_000

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.fanotify_mark.argtypes = (
    ctypes.c_int,
    ctypes.c_uint,
    ctypes.c_uint64,
    ctypes.c_int,
    ctypes.c_char_p,
)


def take_over(pid: int, pidfd: int) -> int:
    """Ends the hold of another process's permission groups: flushes their marks and allows all that waits.

    Returns how many groups that were. `pid` must be the process that `pidfd` holds.

    Raises:
        Gone: the process has ended; the kernel has allowed everything.
        Denied: we may not look into it.
    """
    numbers, groups = _descriptors(pid)
    for number in groups:
        group = _fetch(pidfd, number)
        try:
            _release(group, numbers)
        finally:
            os.close(group)
    return len(groups)


def _descriptors(pid: int) -> tuple[list[int], list[int]]:
    """All descriptors of a process, and those of them that are permission groups."""
    folder = f"/proc/{pid}/fd"
    try:
        numbers = [int(name) for name in os.listdir(folder)]
    except FileNotFoundError as error:
        raise Gone(f"process {pid} has ended") from error
    except PermissionError as error:
        raise Denied(f"process {pid} may not be looked into") from error
    return numbers, [number for number in numbers if _link(f"{folder}/{number}") == _LINK]


def _link(path: str) -> str:
    try:
        return os.readlink(path)
    except OSError:
        return ""  # closed in the meantime


def _fetch(pidfd: int, number: int) -> int:
    fd = int(_libc.syscall(_PIDFD_GETFD, pidfd, number, 0))
    if fd >= 0:
        return fd
    code = ctypes.get_errno()
    if code in (errno.ESRCH, errno.EBADF):
        raise Gone("the gate has ended, or has closed this group")
    raise Denied(f"a group cannot be taken over: {os.strerror(code)}")


def _release(group: int, numbers: list[int]) -> None:
    for kind in _KINDS_OF_MARKS:
        _libc.fanotify_mark(group, _FLUSH | kind, 0, _NO_FD, None)
    for number in numbers:
        # What the gate has read and not answered is known to the kernel by the gate's own number of it.
        _allow(group, number)
    poll = select.poll()
    poll.register(group, select.POLLIN)
    for _ in range(_MOST_READS):
        if not poll.poll(_QUIET):
            return
        _answer(group, os.read(group, 4096))


def _answer(group: int, data: bytes) -> None:
    at = 0
    while at + _EVENT.size <= len(data):
        length, _, _, _, _, fd, _ = _EVENT.unpack_from(data, at)
        if fd >= 0:
            _allow(group, fd)
            os.close(fd)
        at += max(length, _EVENT.size)


def _allow(group: int, number: int) -> None:
    try:
        os.write(group, _RESPONSE.pack(number, _ALLOW))
    except OSError as error:
        if error.errno not in (errno.ENOENT, errno.EINVAL, errno.EBADF):
            raise
