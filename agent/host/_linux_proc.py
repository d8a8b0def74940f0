"""Linux `/proc`: pure parsers, and reads that stay with one process.

Own reads rather than psutil, for four reasons: a command line is read to a bound (a process may have megabytes), a
program that was deleted is told from one whose name ends in " (deleted)", all reads go through one descriptor of
`/proc/PID` (the kernel then answers ESRCH once the process is gone, so a reused pid is never mixed in), and it costs
less than half. Never read here: `environ`, `mem`, `fd`.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterator
from typing import NamedTuple

assert sys.platform == "linux"

ARGV_BYTES = 16 * 1024
"""Enough for any interpreter's options and the path after them; what lies beyond is never looked at."""
ARGV_ITEMS = 128
TICKS = os.sysconf("SC_CLK_TCK")
_DELETED = " (deleted)"
_KERNEL_THREAD = 0x00200000
"""PF_KTHREAD in the flags of `/proc/PID/stat` (include/linux/sched.h)."""
_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC
_FILE = os.O_RDONLY | os.O_CLOEXEC


class Stat(NamedTuple):
    """The fields of `/proc/PID/stat` that are used (proc_pid_stat(5))."""

    comm: str
    state: str
    ppid: int
    tty_nr: int
    kernel: bool
    ticks: int
    """Start, in clock ticks since boot: the machine's own measure, never moved by a change of the clock."""


class Links(NamedTuple):
    """Where the links of one process lead."""

    exe: str
    exe_deleted: bool
    cwd: str


def parse_stat(data: bytes) -> Stat:
    """Reads one line of `/proc/PID/stat`; the name in it may hold blanks, brackets and any bytes.

    Raises:
        ValueError: this is no such line.
    """
    first, last = data.find(b"("), data.rfind(b")")
    if first < 0 or last < first:
        raise ValueError("no name in a stat line")
    fields = data[last + 2 :].split()
    if len(fields) < 20:
        raise ValueError("a stat line is too short")
    return Stat(
        comm=os.fsdecode(data[first + 1 : last]),
        state=fields[0].decode("ascii", "replace"),
        ppid=int(fields[1]),
        tty_nr=int(fields[4]),
        kernel=bool(int(fields[6]) & _KERNEL_THREAD),
        ticks=int(fields[19]),
    )


def parse_uid(status: bytes) -> int:
    """The real user of a process, from `/proc/PID/status`: who started it, not what it may do.

    Raises:
        ValueError: there is no such line.
    """
    numbers = (b"\n" + status).partition(b"\nUid:")[2].split(None, 1)
    if not numbers:
        raise ValueError("no Uid line in a status file")
    return int(numbers[0])


def parse_argv(data: bytes, bound: int = ARGV_BYTES) -> tuple[str, ...]:
    """Splits `/proc/PID/cmdline`. Trailing NULs are dropped (what a rewritten title leaves behind is NULs); an
    argument that the bound cut off is dropped too, since half a path is another path."""
    whole = len(data) < bound
    words = data.rstrip(b"\0").split(b"\0") if whole else data.split(b"\0")[:-1]
    if words == [b""]:
        return ()
    return tuple(os.fsdecode(word) for word in words[:ARGV_ITEMS])


def boot_time() -> float:
    """When this machine started, in epoch seconds, as it follows from the clock now (it moves with the clock).

    Not `btime` of `/proc/stat`: that is cut to whole seconds, and whether a program began before or after a block is
    asked to the tick.
    """
    return time.time() - time.clock_gettime(time.CLOCK_BOOTTIME)


def boot_id() -> str:
    """A random name of this boot."""
    with open("/proc/sys/kernel/random/boot_id", encoding="ascii") as file:
        return file.read().strip()


def open_folder(pid: int) -> int:
    """A descriptor of `/proc/PID`, which belongs to this very process even when its pid is used again."""
    return os.open(f"/proc/{pid}", _FOLDER)


def read(folder: int, name: str, bound: int) -> bytes:
    """At most `bound` bytes of a file in `/proc/PID`."""
    file = os.open(name, _FILE, dir_fd=folder)
    try:
        data = os.read(file, bound)
        while 0 < len(data) < bound and (more := os.read(file, bound - len(data))):
            data += more
        return data
    finally:
        os.close(file)


def read_stat(folder: int) -> Stat:
    """`/proc/PID/stat`, parsed."""
    return parse_stat(read(folder, "stat", 2048))


def read_links(folder: int) -> Links:
    """Program and working directory of one process."""
    target = os.readlink("exe", dir_fd=folder)
    exe, deleted = _without_mark(folder, "exe", target)
    cwd, _ = _without_mark(folder, "cwd", os.readlink("cwd", dir_fd=folder))
    return Links(exe, deleted, cwd)


def has_own_root(folder: int) -> bool:
    """True when the process lives below another root (container, chroot): its paths are not ours."""
    theirs, ours = os.stat("root", dir_fd=folder), os.stat("/")
    return (theirs.st_dev, theirs.st_ino) != (ours.st_dev, ours.st_ino)


def start_ticks() -> Iterator[tuple[int, int]]:
    """(pid, start in ticks) of all processes but kernel threads; those that end meanwhile are left out."""
    for name in os.listdir("/proc"):
        if not name.isdigit():
            continue
        try:
            file = os.open(f"/proc/{name}/stat", _FILE)
        except OSError:
            continue
        try:
            stat = parse_stat(os.read(file, 2048))
        except (OSError, ValueError):
            continue
        finally:
            os.close(file)
        if not stat.kernel and stat.state not in "ZX":
            yield int(name), stat.ticks


def _without_mark(folder: int, link: str, target: str) -> tuple[str, bool]:
    """Takes the kernel's " (deleted)" off, unless a file of that very name is what the process runs."""
    if not target.endswith(_DELETED):
        return target, False
    try:
        there = os.lstat(target)
    except OSError:
        return target.removesuffix(_DELETED), True
    theirs = os.stat(link, dir_fd=folder)
    if (there.st_dev, there.st_ino) == (theirs.st_dev, theirs.st_ino):
        return target, False
    return target.removesuffix(_DELETED), True
