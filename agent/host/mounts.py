"""Which folders lie on filesystems that the agent does not read: remote, of other programs (FUSE), of the kernel.

A look at a network home can hang for minutes and wake automounters; files of /proc and /sys are not files.
Both are reported as not looked at. Only Linux tells cheaply; elsewhere the table is empty.
"""

from __future__ import annotations

import re
import sys
from collections.abc import Iterable, Mapping

_REMOTE = frozenset(
    "nfs nfs4 cifs smb3 smbfs 9p ceph lustre glusterfs afs coda davfs gpfs beegfs orangefs autofs fuse".split()
)
_KERNEL = frozenset(
    "proc sysfs devtmpfs devpts debugfs tracefs securityfs cgroup cgroup2 pstore bpf configfs fusectl mqueue "
    "hugetlbfs binfmt_misc rpc_pipefs nsfs efivarfs selinuxfs".split()
)
_OCTAL = re.compile(r"\\([0-7]{3})")


def foreign_mounts(root: str = "/") -> Mapping[str, str]:
    """Mount points below `root` (named as seen from it) that are not read, and why. The root itself is always read."""
    if sys.platform != "linux":
        return {}
    try:
        with open("/proc/self/mountinfo", encoding="utf-8", errors="surrogateescape") as file:
            return parse_mounts(file, root)
    except OSError:
        return {}  # a chroot without /proc: nothing is known, everything is looked at


def parse_mounts(lines: Iterable[str], root: str) -> dict[str, str]:
    """Reads mountinfo (proc_pid_mountinfo(5)): the fifth field is the place, the one after `-` the type."""
    found: dict[str, str] = {}
    inside = root.rstrip("/")
    for line in lines:
        fields = line.split(" ")
        if len(fields) < 10 or "-" not in fields[6:-1]:
            continue
        place = _OCTAL.sub(lambda m: chr(int(m[1], 8)), fields[4])
        why = _why_foreign(fields[fields.index("-", 6) + 1])
        if place.startswith(inside + "/") and place != root:
            found.pop(place[len(inside) :], None)  # the newest mount at a place is the one that is seen
            if why:
                found[place[len(inside) :]] = why
    return found


def _why_foreign(kind: str) -> str:
    if kind in _REMOTE or kind.startswith("fuse."):
        return f"a network or FUSE filesystem ({kind}) is not read"
    return f"a filesystem of the kernel ({kind}) is not read" if kind in _KERNEL else ""
