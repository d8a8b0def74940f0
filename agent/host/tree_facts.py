"""What a look into a hostile tree answers with: entries, facts, bytes of a regular file. No path is resolved here."""

from __future__ import annotations

import os
import stat
from enum import StrEnum
from typing import NamedTuple

from agent.errors import NotRegular, TooBig
from agent.host.oserrors import printable

MAX_ENTRIES = 150_000
MAX_PARTS = 256


class Kind(StrEnum):
    """What a name in a folder stands for."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    OTHER = "other"


class Entry(NamedTuple):
    """One name in a folder."""

    name: str
    kind: Kind


class Facts(NamedTuple):
    """What the filesystem says about a file or folder; `path` is canonical in the tree. Times in nanoseconds."""

    path: str
    kind: Kind
    device: int
    inode: int
    ctime: int
    size: int
    mode: int
    uid: int
    gid: int
    names: int
    """How many hard links lead to it."""
    mtime: int = 0


def facts_of(path: str, status: os.stat_result) -> Facts:
    """The facts in what lstat or fstat answered."""
    mode = status.st_mode
    return Facts(
        path,
        kind_of(mode),
        status.st_dev,
        status.st_ino,
        status.st_ctime_ns,
        status.st_size,
        mode & 0o7777,
        status.st_uid,
        status.st_gid,
        status.st_nlink,
        status.st_mtime_ns,
    )


def kind_of(mode: int) -> Kind:
    """The kind that a mode tells."""
    if stat.S_ISREG(mode):
        return Kind.FILE
    if stat.S_ISDIR(mode):
        return Kind.FOLDER
    return Kind.LINK if stat.S_ISLNK(mode) else Kind.OTHER


def entries_of(folder: int | str, path: str, limit: int) -> list[Entry]:
    """What is in a folder, given by a descriptor or a path, sorted by name.

    Raises:
        TooBig: more than `limit` entries. An OSError passes through.
    """
    found: list[Entry] = []
    with os.scandir(folder) as entries:
        for entry in entries:
            found.append(Entry(entry.name, _entry_kind(entry)))
            if len(found) > limit:
                raise TooBig(f"{printable(path)}: more than {limit} entries")
    found.sort()
    return found


def refuse_irregular(path: str, status: os.stat_result) -> None:
    """Raises NotRegular for everything but a regular file."""
    if not stat.S_ISREG(status.st_mode):
        raise NotRegular(f"{printable(path)}: not a regular file")


def _entry_kind(entry: os.DirEntry[str]) -> Kind:
    try:
        if entry.is_dir(follow_symlinks=False):
            return Kind.FOLDER
        if entry.is_file(follow_symlinks=False):
            return Kind.FILE
        return Kind.LINK if entry.is_symlink() else Kind.OTHER
    except OSError:
        return Kind.OTHER  # it vanished while we listed
