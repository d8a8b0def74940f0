"""System calls that Python does not offer, for the gate: openat2, statx without a round trip, leases, mlockall."""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import struct
import sys
from enum import Enum
from typing import NamedTuple

assert sys.platform == "linux"

AT_FDCWD = -100
_AT_EMPTY_PATH, _AT_STATX_DONT_SYNC = 0x1000, 0x4000
_OPENAT2, _STATX = 437, {"x86_64": 332}.get(os.uname().machine, 291)
NO_XDEV, NO_MAGICLINKS, NO_SYMLINKS, CACHED = 0x01, 0x02, 0x04, 0x20
STRICT = NO_MAGICLINKS | NO_SYMLINKS
"""How every name is opened here: no symbolic links, no /proc links."""
_MCL_CURRENT, _MCL_FUTURE, _MCL_ONFAULT = 1, 2, 4
_M_ARENA_MAX = -8

libc = ctypes.CDLL(None, use_errno=True)
libc.syscall.restype = ctypes.c_long


class _OpenHow(ctypes.Structure):
    _fields_ = (("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64))


class Attributes(NamedTuple):
    """What the kernel has at hand of a file, without asking a network or a FUSE server."""

    device: int
    inode: int
    mode: int
    size: int
    ctime_ns: int


def failed() -> OSError:
    """The error of the last call through `libc`."""
    number = ctypes.get_errno()
    return OSError(number, os.strerror(number))


def openat2(folder: int, name: str, flags: int, resolve: int = STRICT) -> int:
    """Opens a name below a folder's descriptor, under limits of resolution.

    Raises:
        OSError: as open does; ELOOP for a link, EXDEV for a mount that must not be crossed.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, 0, resolve)
    fd = int(libc.syscall(_OPENAT2, folder, os.fsencode(name), ctypes.byref(how), ctypes.sizeof(how)))
    if fd < 0:
        raise failed()
    return fd


def attributes(fd: int) -> Attributes:
    """A file's attributes as cached: never waits for a server that may be the attacker's own.

    Raises:
        OSError: the kernel has no statx, or the descriptor is not good.
    """
    buffer = ctypes.create_string_buffer(256)
    flags = _AT_EMPTY_PATH | _AT_STATX_DONT_SYNC
    if libc.syscall(_STATX, fd, b"", flags, 0x7FF, buffer) != 0:
        raise failed()
    raw = buffer.raw
    (mode,) = struct.unpack_from("=H", raw, 28)
    inode, size = struct.unpack_from("=QQ", raw, 32)
    seconds, nanoseconds = struct.unpack_from("=qI", raw, 96)
    major, minor = struct.unpack_from("=II", raw, 136)
    return Attributes(os.makedev(major, minor), inode, mode, size, seconds * 1_000_000_000 + nanoseconds)


class Lease(Enum):
    """What asking for a read lease told of an open file."""

    HAD = "had"
    """Nobody can be changing it unnoticed."""
    REFUSED = "refused"
    """A writer or a dirty shared mapping lives, whose next write moves no time of the file."""
    UNTOLD = "untold"
    """No right to ask (CAP_LEASE, for files of others), or no leases on this filesystem."""


def ask_for_lease(fd: int) -> Lease:
    """Asks whether anybody has a file open for writing; the lease is given back at once."""
    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    except OSError as error:
        return Lease.REFUSED if error.errno == errno.EAGAIN else Lease.UNTOLD
    return Lease.HAD


def lock_memory() -> bool:
    """Keeps what the gate has touched in memory: an answer must not wait for a disk that waits for an answer.

    What comes later only for root: others have a limit, and beyond it memory could not be had at all.
    """
    later = _MCL_FUTURE if os.geteuid() == 0 else 0
    return int(libc.mlockall(_MCL_CURRENT | _MCL_ONFAULT | later)) == 0


def save_memory() -> None:
    """One heap for all threads instead of one each. Before the first thread starts."""
    libc.mallopt(_M_ARENA_MAX, 1)


def is_missing(error: OSError) -> bool:
    """Whether an error says that there is no such name."""
    return error.errno in (errno.ENOENT, errno.ENOTDIR)


def is_elsewhere(error: OSError) -> bool:
    """Whether an error says that a name lies on another mount, where it is not looked for."""
    return error.errno == errno.EXDEV
