"""Linux system calls that Python does not offer: openat2, renameat2, inode flags, mount ids. OSError passes through.

openat2 came with kernel 5.6, renameat2 with 3.15; where one is missing (or forbidden by a container's filter) the
caller gets `NotImplementedError` once and falls back for good.
"""

from __future__ import annotations

import ctypes
import errno
import fcntl
import os
import platform
import struct
import sys

assert sys.platform == "linux"

RESOLVE_NO_XDEV = 0x01
RESOLVE_NO_MAGICLINKS = 0x02
RESOLVE_NO_SYMLINKS = 0x04
RESOLVE_BENEATH = 0x08
RENAME_NOREPLACE = 1

_OPENAT2 = 437
_RENAMEAT2 = {"x86_64": 316, "aarch64": 276, "riscv64": 276, "ppc64le": 357, "s390x": 347, "i686": 353, "armv7l": 382}
_FS_IOC_GETFLAGS = 0x80086601 if struct.calcsize("P") == 8 else 0x80046601
_IMMUTABLE, _APPEND_ONLY = 0x10, 0x20

_libc = ctypes.CDLL(None, use_errno=True)
_libc.syscall.restype = ctypes.c_long


class _OpenHow(ctypes.Structure):
    _fields_ = [("flags", ctypes.c_uint64), ("mode", ctypes.c_uint64), ("resolve", ctypes.c_uint64)]


def openat2(folder: int, name: bytes, flags: int, resolve: int) -> int:
    """Opens `name` below the descriptor `folder` under the given limits of resolution.

    Raises:
        NotImplementedError: this kernel or container does not know the call.
        OSError: as open does; EXDEV for a mount that must not be crossed, ELOOP for a link.
    """
    how = _OpenHow(flags | os.O_CLOEXEC, 0, resolve)
    while True:
        fd = int(_libc.syscall(_OPENAT2, folder, name, ctypes.byref(how), ctypes.sizeof(how)))
        if fd >= 0:
            return fd
        number = ctypes.get_errno()
        if number == errno.ENOSYS:
            raise NotImplementedError("openat2")
        # EAGAIN: a rename elsewhere raced with RESOLVE_BENEATH; the kernel asks to try again.
        if number not in (errno.EAGAIN, errno.EINTR):
            raise OSError(number, os.strerror(number))


def rename_no_replace(folder: int, name: bytes, new_folder: int, new_name: bytes) -> None:
    """Renames and never replaces anything.

    Raises:
        NotImplementedError: the kernel or this filesystem does not know the flag.
        OSError: EEXIST when something stands there, EXDEV for another mount.
    """
    number_of_call = _RENAMEAT2.get(platform.machine())
    if number_of_call is None:
        raise NotImplementedError("renameat2")
    if _libc.syscall(number_of_call, folder, name, new_folder, new_name, RENAME_NOREPLACE) == 0:
        return
    number = ctypes.get_errno()
    if number in (errno.ENOSYS, errno.EINVAL):
        raise NotImplementedError("renameat2")
    raise OSError(number, os.strerror(number))


def cannot_change(fd: int) -> bool:
    """True for an inode that root made immutable or append-only (`chattr +i`, `+a`); fd must be open for reading."""
    try:
        answer = fcntl.ioctl(fd, _FS_IOC_GETFLAGS, bytes(8))
    except OSError:
        return False  # this filesystem has no such flags
    return bool(struct.unpack_from("I", answer)[0] & (_IMMUTABLE | _APPEND_ONLY))


def mount_id(fd: int) -> int:
    """Number of the mount that a descriptor lies on; -1 where /proc does not tell."""
    try:
        with open(f"/proc/self/fdinfo/{fd}", encoding="ascii") as file:
            for line in file:
                if line.startswith("mnt_id:"):
                    return int(line.split()[1])
    except (OSError, ValueError):
        pass
    return -1
