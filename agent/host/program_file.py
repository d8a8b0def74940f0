"""A program's or script's bytes, however it is reached: also a deleted one through `/proc/PID/exe`."""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

from agent.errors import NotRegular
from agent.host.oserrors import printable, translated

_READ = os.O_RDONLY | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0) | getattr(os, "O_CLOEXEC", 0)


class Opened(NamedTuple):
    """An open regular file. `key` changes whenever the file's bytes may have."""

    fd: int
    size: int
    key: tuple[int, int, int, int]


def is_settled(fd: int) -> bool:
    """Whether nobody can be changing an open file unnoticed, so that what was read may be remembered by its times.

    A page of a shared mapping that is dirty already takes further writes without any time of the file moving. A read
    lease is refused (EAGAIN) while a writer or such a mapping lives; where leases cannot be had, the times must do.
    """
    if sys.platform != "linux":
        return True
    import fcntl

    try:
        fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno != errno.EAGAIN
    fcntl.fcntl(fd, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return True


@contextmanager
def open_program(path: str) -> Iterator[Opened]:
    """Opens a regular file for reading without ever waiting.

    Raises:
        Gone, Denied, NotRegular: it cannot be looked at.
    """
    with translated(path):
        fd = os.open(path, _READ)
    try:
        with translated(path):
            status = os.fstat(fd)
        if not stat.S_ISREG(status.st_mode):
            raise NotRegular(f"{printable(path)}: not a regular file")
        yield Opened(fd, status.st_size, (status.st_dev, status.st_ino, status.st_ctime_ns, status.st_size))
    finally:
        os.close(fd)
