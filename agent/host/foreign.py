"""Which folders lie on filesystems that the agent does not read: remote, of other programs (FUSE), of the kernel.

A look at a network home can hang for minutes and wake automounters; files of /proc and /sys are not files.
Both are reported as not looked at. Only Linux tells cheaply; elsewhere the table is empty.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from agent.host.mounts import Mount, list_mounts

_KERNEL = frozenset(
    {"binfmt_misc", "bpf", "cgroup", "cgroup2", "configfs", "debugfs", "devpts", "devtmpfs", "efivarfs", "fusectl"}
    | {"hugetlbfs", "mqueue", "nsfs", "proc", "pstore", "rpc_pipefs", "securityfs", "selinuxfs", "sysfs", "tracefs"}
)


def foreign_mounts(root: str = "/") -> Mapping[str, str]:
    """Mount points below `root` (named as seen from it) that are not read, and why. The root itself is always read."""
    return select_foreign(list_mounts(), root)


def select_foreign(mounts: Iterable[Mount], root: str) -> dict[str, str]:
    """The mounts below `root` that are not read: place as seen from the root, and the reason as a sentence."""
    inside = root.rstrip("/")
    below = (mount for mount in mounts if mount.point.startswith(inside + "/") and mount.point != root)
    return {mount.point[len(inside) :]: why for mount in below if (why := _why_foreign(mount))}


def _why_foreign(mount: Mount) -> str:
    if not mount.local:
        return f"a network or FUSE filesystem ({mount.kind}) is not read"
    return f"a filesystem of the kernel ({mount.kind}) is not read" if mount.kind in _KERNEL else ""
