"""/proc/self/mountinfo, and which filesystems the gate stands before. Pure. Format: proc_pid_mountinfo(5)."""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from typing import NamedTuple

assert sys.platform == "linux"

LOCAL = frozenset(
    """
    bcachefs btrfs devtmpfs erofs exfat ext2 ext3 ext4 f2fs hfsplus iso9660 jfs nilfs2 ntfs3 overlay ramfs reiserfs
    squashfs tmpfs udf vfat xfs zfs
    """.split()
)
"""Filesystems that get a mark. Network and FUSE ones are left alone: asking about them can wait for their server."""
KEEPS_CTIME = frozenset("bcachefs btrfs erofs ext2 ext3 ext4 f2fs squashfs xfs zfs".split())
"""Where ctime names a file's state for certain: only there an allow is remembered (tmpfs: if the kernel shows it)."""
PASSIVE = LOCAL | frozenset(
    """
    bpf cgroup cgroup2 configfs debugfs devpts efivarfs fusectl hugetlbfs mqueue proc pstore securityfs sysfs tracefs
    """.split()
)
"""Mounts below which a name can be looked up without waiting for anybody: no autofs, no network, no FUSE."""
_ESCAPED = re.compile(r"\\([0-7]{3})")


class Mount(NamedTuple):
    """One mounted filesystem."""

    point: str
    kind: str
    device: int


def parse_mountinfo(data: bytes) -> tuple[Mount, ...]:
    """Every mount of our namespace, in the order they were made; lines that are no mount are left out."""
    return tuple(mount for line in data.splitlines() if (mount := _mount(line)))


def visible(mounts: Iterable[Mount]) -> dict[str, Mount]:
    """By mount point, the one on top; without those that a later mount above them hides."""
    seen: dict[str, Mount] = {}
    for mount in mounts:
        prefix = mount.point.rstrip("/") + "/"
        # What lay below this point before cannot be reached by its name any more.
        for hidden in [point for point in seen if point.startswith(prefix) and point != mount.point]:
            del seen[hidden]
        seen[mount.point] = mount
    return seen


def to_mark(seen: dict[str, Mount], only: Iterable[str] = ()) -> tuple[Mount, ...]:
    """One mount of each local filesystem that can be reached without waiting; `only` limits it to these points."""
    wanted = frozenset(only)
    chosen: dict[int, Mount] = {}
    for point, mount in seen.items():
        if mount.kind in LOCAL and (not wanted or point in wanted) and is_reachable(seen, point):
            chosen.setdefault(mount.device, mount)
    return tuple(chosen.values())


def is_reachable(seen: dict[str, Mount], point: str) -> bool:
    """Whether every mount on the way to this point, itself included, answers by itself."""
    return all(seen[way].kind in PASSIVE for way in ways(point) if way in seen)


def ways(path: str) -> Iterable[str]:
    """The path itself and every folder above it, the longest first."""
    while path != "/":
        yield path
        path = path[: path.rfind("/")] or "/"
    yield "/"


def _mount(line: bytes) -> Mount | None:
    fields = os.fsdecode(line).split(" ")
    try:
        end = fields.index("-", 6)
        major, _, minor = fields[2].partition(":")
        point = _ESCAPED.sub(lambda code: os.fsdecode(bytes([int(code[1], 8) & 0xFF])), fields[4])
        return Mount(point, fields[end + 1], os.makedev(int(major), int(minor)))
    except (ValueError, IndexError, OverflowError):
        return None
