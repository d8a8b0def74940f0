"""Folders by path, for Windows, where Python cannot hold a folder open and name things relative to it.

Weaker than descriptors: between a look and an act the owner of the tree can swap a folder for a junction. What limits
the damage: links and junctions are never followed on purpose, each opened folder's identity is compared before every
act, and the vault itself lies in the agent's own folder. Extended attributes and owners are kept by a rename and not
recorded. Runs on every system, so that its tests do too.
"""

from __future__ import annotations

import errno
import os
import stat
from collections.abc import Mapping

from agent.errors import NotRegular
from agent.host.faults import translated
from agent.host.folders import Attributes, Before, FileKind, Folder, nothing
from agent.host.oserrors import printable

_JUNCTION = 0x400
"""FILE_ATTRIBUTE_REPARSE_POINT: links, junctions and cloud files alike."""


def attributes(status: os.stat_result) -> Attributes:
    """Our form of what lstat answered; a junction counts as a link."""
    mode = status.st_mode
    if stat.S_ISLNK(mode) or getattr(status, "st_file_attributes", 0) & _JUNCTION:
        kind = FileKind.LINK
    elif stat.S_ISDIR(mode):
        kind = FileKind.FOLDER
    else:
        kind = FileKind.FILE if stat.S_ISREG(mode) else FileKind.DEVICE
    times = status.st_atime_ns, status.st_mtime_ns, status.st_ctime_ns
    owner = status.st_uid, status.st_gid
    return Attributes(
        kind, stat.S_IMODE(mode), *owner, status.st_size, *times, status.st_dev, status.st_ino, status.st_nlink
    )


class PathFolder(Folder):
    """A folder known by its path and identity."""

    def __init__(self, path: str, before: Before = nothing) -> None:
        super().__init__(path, before)
        found = attributes(os.lstat(path))
        if found.kind is not FileKind.FOLDER:
            raise NotRegular(f"{printable(path)} is not a folder")
        self._identity = found.identity

    def close(self) -> None:
        """Nothing is held."""

    def _at(self, name: str) -> str:
        """The path of a name, after a look that this is still the folder it was."""
        if attributes(os.lstat(self.path)).identity != self._identity:
            raise FileNotFoundError(errno.ENOENT, "the folder was replaced")
        return os.path.join(self.path, name) if name else self.path

    # looking
    def names(self) -> list[str]:
        with self._step(False, "list"):
            return sorted(os.listdir(self._at("")))

    def look(self, name: str) -> Attributes:
        with self._step(False, "look at", name):
            return attributes(os.lstat(self._at(name)))

    def look_self(self) -> Attributes:
        with self._step(False, "look at"):
            return attributes(os.lstat(self._at("")))

    def xattrs(self, name: str) -> dict[str, bytes]:
        return {}

    def target(self, name: str) -> str:
        with self._step(False, "read link", name):
            return os.readlink(self._at(name))

    def folder(self, name: str) -> PathFolder:
        with self._step(False, "open folder", name):
            return PathFolder(self._at(name), self.before)

    def parent(self) -> PathFolder:
        with self._step(False, "open the folder above"):
            return PathFolder(os.path.dirname(self._at("")), self.before)

    def read(self, name: str) -> int:
        if self.look(name).kind is not FileKind.FILE:
            raise NotRegular(f"{printable(os.path.join(self.path, name))} is not a regular file")
        with self._step(False, "open", name):
            return os.open(self._at(name), os.O_RDONLY | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0))

    def cannot_change(self, name: str) -> bool:
        return False

    def same_mount(self, other: Folder) -> bool:
        return self.look_self().dev == other.look_self().dev

    # changing
    def make_folder(self, name: str, mode: int = 0o700) -> None:
        with self._step(True, "make folder", name):
            os.mkdir(self._at(name), mode)

    def create(self, name: str, mode: int = 0o600) -> int:
        with self._step(True, "create", name):
            flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_BINARY", 0) | getattr(os, "O_CLOEXEC", 0)
            return os.open(self._at(name), flags, mode)

    def make_link(self, name: str, target: str) -> None:
        with self._step(True, "make link", name):
            os.symlink(target, self._at(name))

    def make_special(self, name: str, attributes: Attributes) -> None:
        raise NotRegular(f"{printable(os.path.join(self.path, name))}: pipes and devices cannot be made here")

    def hard_link(self, name: str, to: Folder, new_name: str) -> None:
        with self._step(True, "make hard link of", name):
            os.link(self._at(name), os.path.join(to.path, new_name))

    def move(self, name: str, to: Folder, new_name: str) -> None:
        target = os.path.join(to.path, new_name)
        with self._step(True, "move", name):
            # Windows' own rename never replaces; elsewhere the look does it, with a moment in between.
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST))
            os.rename(self._at(name), target)

    def replace(self, name: str, new_name: str) -> None:
        with self._step(True, "replace", new_name):
            os.replace(self._at(name), self._at(new_name))

    def unlink(self, name: str) -> None:
        with self._step(True, "unlink", name):
            os.unlink(self._at(name))

    def remove_folder(self, name: str) -> None:
        with self._step(True, "remove folder", name):
            os.rmdir(self._at(name))

    def sync(self) -> None:
        """NTFS logs renames by itself, and Windows has no call for it."""

    def set_self(self, uid: int, gid: int, mode: int) -> None:
        if stat.S_IMODE(os.lstat(self._at("")).st_mode) != mode:
            with self._step(True, "set mode of"):
                os.chmod(self._at(""), mode)

    def set_owner(self, name: str, uid: int, gid: int) -> None:
        """Owners are access lists on Windows: a rename keeps them, a copy is the copier's."""

    def set_mode(self, name: str, mode: int) -> None:
        with self._step(True, "set mode of", name):
            os.chmod(self._at(name), mode)

    def set_times(self, name: str, atime_ns: int, mtime_ns: int) -> None:
        with self._step(True, "set times of", name):
            path = self._at(name)
            if os.utime in os.supports_follow_symlinks:
                os.utime(path, ns=(atime_ns, mtime_ns), follow_symlinks=False)
            elif not os.path.islink(path):
                os.utime(path, ns=(atime_ns, mtime_ns))

    def set_xattrs(self, name: str, values: Mapping[str, bytes]) -> None:
        """None are recorded here, so none are given back."""


def open_path_folder(path: str, before: Before = nothing) -> PathFolder:
    """Opens a folder by absolute path. Raises Gone, Denied, NotRegular."""
    with translated(f"open {printable(path)}"):
        before(False, f"open {path}")
        # A link above the last folder would lead elsewhere than the path says.
        if os.path.normcase(os.path.realpath(path)) != os.path.normcase(os.path.normpath(path)):
            raise NotRegular(f"{printable(path)}: a link stands in the path")
        return PathFolder(path, before)
