"""The guard at the door: what is never quarantined, whatever a policy says.

The rulebook has a guard of its own, by what a thing is (`policy_schema.rules.guard`). This one is the last look before
something moves, by where it is; it knows no policy and cannot be told otherwise.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable

from agent.enforce.interface import Detail

MAX_LOOSE_ENTRIES = 5_000
"""What is not the folder of one package, extension or app may hold this many names; more is somebody's data."""

_UNIX_FOLDERS = """
/bin /boot /dev /etc /home /lib /lib32 /lib64 /media /mnt /opt /proc /root /run /sbin /srv /sys /tmp /usr /var
/usr/bin /usr/games /usr/include /usr/lib /usr/lib64 /usr/libexec /usr/sbin /usr/share /usr/src
/usr/local /usr/local/bin /usr/local/lib /usr/local/sbin /usr/local/share /usr/lib/node_modules
/usr/local/lib/node_modules /usr/lib/python3/dist-packages /var/lib /var/tmp /run/user /dev/shm /opt/homebrew
/opt/homebrew/bin /opt/homebrew/lib /nix /nix/store /snap /snap/bin /var/lib/flatpak /var/lib/snapd
/Applications /Library /System /Users /Volumes /cores /private /private/etc /private/tmp /private/var
""".split()
"""Never as a whole; things inside may be taken."""
_UNIX_CLOSED = ("/boot", "/dev", "/etc", "/proc", "/sys", "/System", "/private/etc")
"""Nothing inside either. `/dev/shm` is a temporary folder like others."""
_WINDOWS_FOLDERS = ("", "\\windows", "\\program files", "\\program files (x86)", "\\programdata", "\\users")
_WINDOWS_CLOSED = ("\\windows",)


def refuse(path: str, homes: Iterable[str], own: Iterable[str], mounts: Iterable[str] = ()) -> Detail | None:
    """Why a path must not be taken, or None.

    `homes`: of every user; `own`: Interdict's own folders and files; `mounts`: where filesystems are mounted.
    All absolute and canonical.
    """
    if _is_system(path):
        return Detail.SYSTEM_FOLDER
    for folder in own:
        if _holds(path, folder) or _holds(folder, path):
            return Detail.OWN_FILES
    if any(_holds(path, home) or _is_users_root(path, home) for home in homes):
        return Detail.HOME_FOLDER
    mounts = tuple(mounts)
    if path in mounts:
        return Detail.MOUNT_POINT
    if any(_holds(path, point) for point in mounts):
        return Detail.MOUNT_INSIDE
    return None


_HOME_FOLDERS = (
    ".local",
    ".local/bin",
    ".local/lib",
    ".local/share",
    ".config",
    ".cache",
    ".ssh",
    "bin",
    ".npm-global",
)
"""Of a home, never as a whole: they hold other people's work beside a tool."""


def _is_users_root(path: str, home: str) -> bool:
    return path in (os.path.join(home, *folder.split("/")) for folder in _HOME_FOLDERS)


def _is_system(path: str) -> bool:
    if sys.platform == "win32":
        inside = os.path.splitdrive(path)[1].rstrip("\\").casefold()
        return inside in _WINDOWS_FOLDERS or any(inside.startswith(folder + "\\") for folder in _WINDOWS_CLOSED)
    if path == os.sep or path in _UNIX_FOLDERS:
        return True
    return any(_holds(folder, path) for folder in _UNIX_CLOSED) and not path.startswith("/dev/shm/")


def _holds(folder: str, path: str) -> bool:
    """True when `path` is `folder` or lies inside it."""
    return path == folder or path.startswith(folder.rstrip(os.sep) + os.sep)
