"""What the kernel tells of the process that asks: its user and its terminal. Nothing it says of itself counts."""

from __future__ import annotations

import os

UNKNOWN_UID = -1
_NAMESPACES = ("mnt", "pid")


def uid_of(pid: int) -> int:
    """The real uid of a process; -1 when it is gone."""
    try:
        with open(f"/proc/{pid}/status", "rb", buffering=0) as file:
            return parse_uid(file.read(4096))
    except OSError:
        return UNKNOWN_UID


def tty_of(pid: int) -> int:
    """The device number of a process's terminal; 0 when it has none, is gone, or sees other terminals than we do.

    To be asked while the process still waits for its answer: a moment later one that was refused has often ended.
    """
    try:
        with open(f"/proc/{pid}/stat", "rb", buffering=0) as file:
            tty = parse_tty(file.read(4096))
        return tty if tty and _in_our_namespaces(pid) else 0
    except OSError:
        return 0


def _in_our_namespaces(pid: int) -> bool:
    """In others the same number may be another terminal."""
    return all(
        os.stat(f"/proc/{pid}/ns/{name}").st_ino == os.stat(f"/proc/self/ns/{name}").st_ino for name in _NAMESPACES
    )


def parse_uid(status: bytes) -> int:
    """The first number of the line `Uid:`; a process chooses its name, which stands above, but not its line ends."""
    for line in status.split(b"\n"):
        if line.startswith(b"Uid:"):
            fields = line.split()
            return int(fields[1]) if len(fields) > 1 and fields[1].isdigit() else UNKNOWN_UID
    return UNKNOWN_UID


def parse_tty(stat: bytes) -> int:
    """The seventh field; the second is the process's own name and may hold anything, brackets too."""
    fields = stat.rpartition(b")")[2].split()
    try:
        return int(fields[4]) & 0xFFFFFFFF
    except (IndexError, ValueError):
        return 0
