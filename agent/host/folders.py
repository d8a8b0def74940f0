"""A folder held open, and what can be done to the names in it, one system call at a time.

Names are single components and never followed: whoever owns the tree may swap links, folders and pipes under us at
any time. On Linux and macOS a folder is a descriptor (`_posix_folder`), so that a renamed or swapped path cannot lead
elsewhere. Windows has no such calls for folders: `_path_folder` works by path, and says in its head what is weaker.

`before` is called ahead of every system call with (changes something, what it is); tests kill the process or raise an
OSError there. It is handed down from folder to folder, never global.
"""

from __future__ import annotations

import os
import sys
from abc import ABC, abstractmethod
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from enum import StrEnum
from types import TracebackType
from typing import NamedTuple

from agent.errors import Gone, TooBig
from agent.host.faults import translated
from agent.host.oserrors import printable

Before = Callable[[bool, str], None]


def nothing(changes: bool, what: str) -> None:
    """The `before` of real life."""


class FileKind(StrEnum):
    """What a name stands for."""

    FILE = "file"
    FOLDER = "folder"
    LINK = "link"
    PIPE = "pipe"
    SOCKET = "socket"
    DEVICE = "device"


class Attributes(NamedTuple):
    """What lstat tells. Times in nanoseconds; `mode` without the type bits."""

    kind: FileKind
    mode: int
    uid: int
    gid: int
    size: int
    atime_ns: int
    mtime_ns: int
    ctime_ns: int
    dev: int
    ino: int
    nlink: int
    rdev: int = 0
    type_bits: int = 0

    @property
    def identity(self) -> tuple[int, int]:
        """(device, inode): what a thing is, whatever its name."""
        return self.dev, self.ino


class Folder(ABC):
    """One folder, held open. A name is one component; every method raises the errors of `agent.host.faults`."""

    def __init__(self, path: str, before: Before) -> None:
        self.path = path
        """For messages and for the manifest; never used to find the folder again."""
        self.before = before

    def __enter__(self) -> Folder:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    @contextmanager
    def _step(self, changes: bool, what: str, name: str = "") -> Iterator[None]:
        if name:
            check_name(name)
        with translated(f"{what} {printable(os.path.join(self.path, name))}"):
            self.before(changes, f"{what} {name}".strip())
            yield

    # looking
    @abstractmethod
    def close(self) -> None:
        """Lets go of the folder."""

    @abstractmethod
    def names(self) -> list[str]:
        """What is in it, sorted."""

    @abstractmethod
    def look(self, name: str) -> Attributes:
        """What stands there; a link is itself. Raises MountInside rather than cross into another filesystem."""

    @abstractmethod
    def look_self(self) -> Attributes:
        """What this folder is."""

    @abstractmethod
    def xattrs(self, name: str) -> dict[str, bytes]:
        """Extended attributes, access lists among them; empty where the filesystem has none."""

    @abstractmethod
    def target(self, name: str) -> str:
        """The text of a link."""

    @abstractmethod
    def folder(self, name: str) -> Folder:
        """Opens a folder in it, never through a link or a mount."""

    @abstractmethod
    def parent(self) -> Folder:
        """The folder above."""

    @abstractmethod
    def read(self, name: str) -> int:
        """A descriptor on a regular file, for reading, without touching its access time where allowed."""

    @abstractmethod
    def cannot_change(self, name: str) -> bool:
        """True when root has made this file or folder immutable or append-only."""

    @abstractmethod
    def same_mount(self, other: Folder) -> bool:
        """True when a rename may lead from here to there (the rename itself has the last word)."""

    # changing
    @abstractmethod
    def make_folder(self, name: str, mode: int = 0o700) -> None:
        """Makes a folder."""

    @abstractmethod
    def create(self, name: str, mode: int = 0o600) -> int:
        """A descriptor on a new, empty file for writing; raises Occupied."""

    @abstractmethod
    def make_link(self, name: str, target: str) -> None:
        """Makes a symbolic link."""

    @abstractmethod
    def make_special(self, name: str, attributes: Attributes) -> None:
        """Makes a pipe, socket or device of the same kind."""

    @abstractmethod
    def hard_link(self, name: str, to: Folder, new_name: str) -> None:
        """Gives a file of this folder a second name in another."""

    @abstractmethod
    def move(self, name: str, to: Folder, new_name: str) -> None:
        """Renames, never onto something. Raises Occupied, OtherFilesystem."""

    @abstractmethod
    def replace(self, name: str, new_name: str) -> None:
        """Renames within this folder, onto whatever file is there."""

    @abstractmethod
    def unlink(self, name: str) -> None:
        """Removes a name that is no folder."""

    @abstractmethod
    def remove_folder(self, name: str) -> None:
        """Removes an empty folder."""

    @abstractmethod
    def sync(self) -> None:
        """Waits until the names in this folder are on the disk."""

    @abstractmethod
    def set_self(self, uid: int, gid: int, mode: int) -> None:
        """Owner and mode of this folder itself."""

    @abstractmethod
    def set_owner(self, name: str, uid: int, gid: int) -> None:
        """Owner of something that we made."""

    @abstractmethod
    def set_mode(self, name: str, mode: int) -> None:
        """Mode of a folder, or of something that we made."""

    @abstractmethod
    def set_times(self, name: str, atime_ns: int, mtime_ns: int) -> None:
        """Times of a folder, or of something that we made; of this folder itself for an empty name."""

    @abstractmethod
    def set_xattrs(self, name: str, values: Mapping[str, bytes]) -> None:
        """Makes the extended attributes be these, for a folder or something that we made."""

    # put together from the above
    def exists(self, name: str) -> bool:
        """True when something stands there."""
        try:
            self.look(name)
        except Gone:
            return False
        return True

    def read_all(self, name: str, limit: int) -> bytes:
        """The bytes of a regular file. Raises TooBig beyond `limit` bytes."""
        fd = self.read(name)
        with os.fdopen(fd, "rb") as file, self._step(False, "read", name):
            data = file.read(limit + 1)
        if len(data) > limit:
            raise TooBig(f"{printable(os.path.join(self.path, name))}: more than {limit} bytes")
        return data

    def write_durably(self, name: str, data: bytes, mode: int = 0o600) -> None:
        """Writes a file beside, waits for the disk, puts it in place: old or new content, never a part."""
        beside = name + ".new"
        if self.exists(beside):
            self.unlink(beside)
        fd = self.create(beside, mode)
        with os.fdopen(fd, "wb", buffering=0) as file:
            view = memoryview(data)
            while view:
                with self._step(True, "write", beside):
                    view = view[file.write(view) :]
            with self._step(True, "sync", beside):
                os.fsync(file.fileno())
        self.replace(beside, name)
        self.sync()


def check_name(name: str) -> None:
    """Raises ValueError for anything that is not one component: our own mistake, never the machine's."""
    if name in ("", ".", "..") or "/" in name or "\0" in name:
        raise ValueError(f"{name!r} is not a name in a folder")


def open_folder(path: str, before: Before = nothing) -> Folder:
    """Opens a folder by its absolute path, refusing links on the way.

    Raises:
        Gone, Denied, NotRegular: it is not there, not ours to open, or a link or file stands in the path.
    """
    if sys.platform != "win32":
        from agent.host._posix_folder import open_posix_folder

        return open_posix_folder(path, before)
    from agent.host._path_folder import open_path_folder

    return open_path_folder(path, before)


def open_above(path: str, before: Before = nothing) -> tuple[Folder, str]:
    """The open folder that holds `path`, and the name in it. Raises as `open_folder`."""
    above, name = os.path.split(path)
    check_name(name)
    return open_folder(above, before), name
