"""The other end of the gate's permission groups: to take one over from a gate that cannot even be killed.

A gate that hangs in the kernel keeps its groups, and every start under their marks waits. `pidfd_getfd` gives us the
same groups while it lives; when it does not, their marks are flushed and whatever waits is answered with "allow". Linux
5.6; constants from `linux/fanotify.h`.
"""

from __future__ import annotations

import ctypes
import errno
import os
import select
import struct
import sys
import threading
from collections.abc import Iterable

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
_MOST_NUMBERS = 65_536
"""As many descriptors as the gate may have; 0.1 s for all of them."""
_CLOSING = 0.5
"""Seconds that the end of a group is waited for; it comes to its end without us."""

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long
_libc.fanotify_mark.argtypes = (
    ctypes.c_int,
    ctypes.c_uint,
    ctypes.c_uint64,
    ctypes.c_int,
    ctypes.c_char_p,
)


def fetch_groups(pid: int, pidfd: int) -> list[int]:
    """Descriptors of our own for every permission group of another process; `pidfd` holds the process `pid`.

    They keep the groups alive when that process ends, and that is what they are for. A process with two groups can
    hang in its own end: the kernel closes one after the other, and the end of each waits for every start whose file
    has marks of both, also for those that wait for an answer from the other one. So `let_go` ends all at once.

    Raises:
        Gone: the process has ended.
        Denied: we may not look into it.
    """
    groups: list[int] = []
    try:
        for number in _descriptors(pid):
            groups.append(_fetch(pidfd, number))
    except BaseException:
        let_go(groups)
        raise
    return groups


def release(groups: Iterable[int]) -> None:
    """Takes all marks of groups away and allows whatever waits for them, while others still hold them too."""
    for group in groups:
        _release(group)


def let_go(groups: Iterable[int], wait: float = _CLOSING) -> None:
    """Closes groups, each on a thread of its own: the end of one may wait for that of another, or for an answer."""
    closing = [threading.Thread(target=os.close, args=(group,), name="closing", daemon=True) for group in groups]
    for thread in closing:
        thread.start()
    for thread in closing:
        thread.join(wait)


def _descriptors(pid: int) -> list[int]:
    """The numbers of a process's permission groups."""
    folder = f"/proc/{pid}/fd"
    try:
        return [int(name) for name in os.listdir(folder) if _link(f"{folder}/{name}") == _LINK]
    except FileNotFoundError as error:
        raise Gone(f"process {pid} has ended") from error
    except PermissionError as error:
        raise Denied(f"process {pid} may not be looked into") from error


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


def _release(group: int) -> None:
    for kind in _KINDS_OF_MARKS:
        _libc.fanotify_mark(group, _FLUSH | kind, 0, _NO_FD, None)
    for number in range(_MOST_NUMBERS):
        # What the gate has read and not answered is known to the kernel by the gate's own number of it, which we may
        # not be able to look up any more.
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
