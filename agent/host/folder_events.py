"""Changes in folders at the door: one folder each, never what lies below it, never through a link."""

from __future__ import annotations

import os
import stat
import sys
from enum import StrEnum
from typing import NamedTuple, Protocol


class Watch(StrEnum):
    """What is asked of a folder."""

    MADE = "made"
    """Only that something appears in it: for the parent of a folder that is not there yet."""
    CHANGED = "changed"


class FolderEvent(NamedTuple):
    """Something happened in (or to) a watched folder."""

    number: int
    """Which watch."""
    name: str = ""
    """What in it; empty for the folder itself."""
    new_folder: bool = False
    gone: bool = False
    """The folder itself vanished or moved; its watch is over or of no use."""


class Batch(NamedTuple):
    """What one read brought."""

    events: tuple[FolderEvent, ...] = ()
    lost: bool = False
    """Events were dropped: whatever is watched may have changed."""


class Tap(Protocol):
    """Folders watched by the system."""

    def add(self, path: str, watch: Watch) -> int:
        """Watches a folder.

        Raises:
            Gone: there is no such folder (a link is none).
            Denied: it may not be watched.
            TooBig: the system watches no more folders for us.
        """

    def remove(self, number: int) -> None:
        """Ends one watch."""

    def read(self, wait: float | None) -> Batch:
        """What happened; waits for at most so many seconds, less after `interrupt`."""

    def interrupt(self) -> None:
        """Lets a waiting `read` return, from any thread."""

    def close(self) -> None:
        """Ends all watches."""


def open_tap() -> Tap:
    """The system's way to watch folders.

    Raises:
        TooBig: the system's limit is reached.
    """
    if sys.platform == "linux":
        from agent.host._linux_inotify import InotifyTap

        return InotifyTap()
    from agent.host._watchdog_folders import WatchdogTap

    return WatchdogTap()


class Entry(NamedTuple):
    """What tells whether a folder's list of names changed."""

    inode: int
    mtime: int


def is_folder(path: str) -> bool:
    """Whether a folder is there, not a link to one."""
    return folder_entry(path) is not None


def folder_entry(path: str) -> Entry | None:
    """Inode and time of the last change of a folder's names; None when there is no such folder."""
    try:
        status = os.lstat(path)
    except (OSError, ValueError):
        return None
    return Entry(status.st_ino, status.st_mtime_ns) if stat.S_ISDIR(status.st_mode) else None


def sub_folders(path: str, limit: int) -> tuple[str, ...]:
    """Names of the folders in a folder, links left out; at most `limit`, and none when it cannot be read."""
    names: list[str] = []
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                if len(names) >= limit:
                    break
                if entry.is_dir(follow_symlinks=False):
                    names.append(entry.name)
    except OSError:
        return ()
    return tuple(names)
