"""Which filesystem a path lies on, from the kernel's own list of mounts.

`agent.host.foreign` answers what is not read at all; here the question is where a rename can lead.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Iterable
from typing import NamedTuple

_REMOTE = frozenset(
    {"9p", "afs", "autofs", "ceph", "cifs", "glusterfs", "lustre", "ncpfs", "nfs", "nfs4", "smb3", "smbfs"}
)
"""Kinds that may answer late or never. FUSE is known by its prefix, `fuseblk` (a local NTFS disk) excepted."""


class Mount(NamedTuple):
    """A place where a filesystem is mounted, and its kind as the kernel names it (`ext4`)."""

    point: str
    kind: str

    @property
    def local(self) -> bool:
        """False for network, FUSE and automounted filesystems: looking there as root may hang or be lied to."""
        return self.kind not in _REMOTE and (self.kind == "fuseblk" or not self.kind.startswith("fuse"))


def parse_mountinfo(text: str) -> tuple[Mount, ...]:
    """Reads the form of /proc/self/mountinfo; later mounts cover earlier ones at the same point."""
    found: dict[str, Mount] = {}
    for line in text.split("\n"):  # not splitlines: a mount point may hold any other separator
        left, _, right = line.partition(" - ")
        fields, kinds = left.split(" "), right.split(" ")
        if len(fields) >= 5 and kinds[0]:
            point = unescaped(fields[4])
            found[point] = Mount(point, kinds[0])
    return tuple(found.values())


def unescaped(text: str) -> str:
    """A path out of the kernel's list of mounts: blanks and the like stand there as octal numbers."""
    return re.sub(r"\\([0-7]{3})", lambda match: chr(int(match[1], 8)), text)


def list_mounts() -> tuple[Mount, ...]:
    """All mounts of this process's namespace; empty where the system does not tell (macOS, Windows)."""
    if sys.platform != "linux":
        return ()
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            return parse_mountinfo(file.read())
    except OSError:
        return ()


def mount_of(path: str, mounts: Iterable[Mount]) -> Mount | None:
    """The mount that holds an absolute path: the longest mount point that leads to it."""
    best: Mount | None = None
    for mount in mounts:
        inside = path == mount.point or path.startswith(mount.point.rstrip(os.sep) + os.sep)
        if inside and (best is None or len(mount.point) > len(best.point)):
            best = mount
    return best
