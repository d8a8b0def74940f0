"""Changes in folders at the door: one folder each, never what lies below it, never through a link."""

from __future__ import annotations

import os
import stat
import sys
import threading
from enum import StrEnum
from typing import NamedTuple, Protocol

from agent.errors import InterdictError, TooBig


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


class StillTap:
    """Watches nothing, and says so for each folder: the system gave us no way to watch any."""

    def __init__(self, why: str) -> None:
        self._why = why
        self._wake = threading.Event()

    def add(self, path: str, watch: Watch) -> int:
        """Always too many."""
        raise TooBig(self._why)

    def remove(self, number: int) -> None:
        """There is none."""

    def read(self, wait: float | None) -> Batch:
        """Nothing, after so many seconds or an `interrupt`."""
        self._wake.wait(wait)
        self._wake.clear()
        return Batch()

    def interrupt(self) -> None:
        """Lets a waiting `read` return, from any thread."""
        self._wake.set()

    def close(self) -> None:
        """There is nothing to end."""


def open_tap() -> Tap:
    """The system's way to watch folders; one that watches nothing where the system's limit is reached."""
    if sys.platform == "linux":
        from agent.host._linux_inotify import InotifyTap

        try:
            return InotifyTap()
        except InterdictError as error:
            # Other programs of this user hold all of inotify: the folders are compared now and then instead.
            return StillTap(str(error))
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
