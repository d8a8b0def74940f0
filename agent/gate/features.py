"""What this kernel can do, tried and not read from a version: distributions carry features back."""

from __future__ import annotations

# ruff: noqa: E402 - the type checker of another system stops at the assertion
import mmap
import os
import sys
import time
from enum import StrEnum

assert sys.platform == "linux"

from agent.gate import fanotify
from agent.gate.fanotify import Group


class Features(StrEnum):
    """How much of the gate there is."""

    FULL = "full"
    NO_EVICTABLE = "no-evictable"
    """Before Linux 5.19: no kernel memory for system programs, the table serves them too."""
    NONE = "none"
    """Before Linux 5.0, or without the right: nothing is refused here."""


def probe() -> Features:
    """Tries each flag where it cannot stop anybody: asking marks on a folder alone, and no file of others."""
    try:
        group = Group()
    except OSError:
        return Features.NONE
    folder = os.open("/", os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    own = os.open("/proc/self/exe", os.O_RDONLY | os.O_CLOEXEC)
    try:
        group.mark_file(fanotify.OPEN_EXEC_PERM, folder)
        # Telling, not asking: an asking mark on a whole filesystem would stop the machine while we try.
        group.mark_filesystem(fanotify.OPEN_EXEC, folder)
        return Features.FULL if group.ignore(fanotify.OPEN_EXEC_PERM, own) else Features.NO_EVICTABLE
    except OSError:
        return Features.NONE
    finally:
        group.close()
        os.close(own)
        os.close(folder)


def mapped_writes_move_ctime() -> bool:
    """Whether a temporary filesystem of this kernel notes writes through a mapping: else nothing there is kept."""
    fd = os.memfd_create("interdict-gate-probe")
    try:
        os.ftruncate(fd, mmap.PAGESIZE)
        before = os.fstat(fd).st_ctime_ns
        time.sleep(0.02)  # longer than a tick of any kernel
        with mmap.mmap(fd, mmap.PAGESIZE) as mapping:
            mapping[0] = 1
        return os.fstat(fd).st_ctime_ns != before
    finally:
        os.close(fd)
