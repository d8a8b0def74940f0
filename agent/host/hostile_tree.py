"""Reading below a root folder that somebody hostile may own: `/` itself, or another tree such as a mounted image.

Paths are those of the tree: absolute, `/` between parts, `/` being its root; links are resolved inside the tree as a
chroot would, never out of it. Whoever owns a home may put links, pipes, devices, a million entries, or names that are
no text there, and may swap them while we look; therefore:

1. A folder is reached without following a link (one openat2 call), else part by part by descriptors.
2. Links are resolved by hand, at most 40 of them, paths at most 256 parts deep.
3. Only regular files are opened, non-blocking, and the descriptor is asked again what it is. No pipe is waited for.
4. Sizes, entries and depths have bounds. Beyond them TooBig is raised: not looked at, never "nothing there".
5. Filesystems of the network, of FUSE and of the kernel are not entered (`agent.host.foreign`).

Callers get Gone, Denied, NotRegular or TooBig, never an OSError. Windows has no descriptors of folders: there plain
paths are used, and a swap between check and use is possible.
"""

from __future__ import annotations

import errno
import os
import stat
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from types import TracebackType
from typing import NamedTuple

from agent.errors import Denied, Gone, InterdictError, NotRegular, TooBig
from agent.host.foreign import foreign_mounts
from agent.host.held_folder import HeldFolder
from agent.host.oserrors import printable, translated
from agent.host.own_files import read_all
from agent.host.tree_facts import (
    MAX_ENTRIES,
    MAX_PARTS,
    Entry,
    Facts,
    Kind,
    entries_of,
    facts_of,
    refuse_irregular,
)

MAX_LINKS = 40
_CLOEXEC, _NOFOLLOW = getattr(os, "O_CLOEXEC", 0), getattr(os, "O_NOFOLLOW", 0)
_READ = os.O_RDONLY | _CLOEXEC | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_READ |= getattr(os, "O_BINARY", 0)
_PASS = getattr(os, "O_PATH", os.O_RDONLY) | getattr(os, "O_DIRECTORY", 0) | _CLOEXEC
_BY_DESCRIPTOR = os.open in os.supports_dir_fd


class _Place(NamedTuple):
    """A name in an open folder. `fd` is None where the system has no descriptors of folders."""

    fd: int | None
    name: str
    path: str


Parts = list[str]
"""Named here, since `list` means a method in the class below."""


class Tree:
    """Bounded, hostile-safe reading below a root. One tree serves one look; `close` it (or use `with`)."""

    def __init__(self, root: str = "/", foreign: Mapping[str, str] | None = None) -> None:
        self.root = os.path.abspath(root)
        self.foreign = foreign_mounts(os.path.realpath(root)) if foreign is None else foreign
        with translated(root):
            self._fd = os.open(self.root, _PASS) if _BY_DESCRIPTOR else -1
            if not _BY_DESCRIPTOR and not os.path.isdir(self.root):
                raise NotRegular(f"{printable(root)}: not a folder")

    def __enter__(self) -> Tree:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Gives the root's descriptor back."""
        if self._fd >= 0:
            os.close(self._fd)
            self._fd = -1

    def outside(self, path: str) -> str:
        """Where a path of the tree stands for the rest of the machine."""
        return path if self.root == "/" else os.path.join(self.root, path.lstrip("/"))

    def resolve(self, path: str) -> str:
        """The canonical path in the tree: every link resolved. Raises Gone when nothing is there."""
        return self.facts(path).path

    def facts(self, path: str, follow: bool = True) -> Facts:
        """What the filesystem says; with `follow=False` about a link itself."""
        with self._place(path, follow) as place, translated(path):
            return facts_of(place.path, _lstat(place))

    def exists(self, path: str) -> bool:
        """True if something can be seen there; False also when it cannot be looked at."""
        try:
            self.facts(path)
        except InterdictError:
            return False
        return True

    def readlink(self, path: str) -> str:
        """The text of a link. Raises NotRegular if it is none."""
        with self._place(path, follow=False) as place, translated(path):
            return os.readlink(place.name, dir_fd=place.fd)

    def list(self, path: str, limit: int = MAX_ENTRIES) -> list[Entry]:
        """What is in a folder, sorted by name. Raises TooBig beyond `limit` entries."""
        with self._folder(path) as folder, translated(path):
            return entries_of(folder, path, limit)

    def hold(self, path: str) -> HeldFolder:
        """A folder held open, for a look at much that lies in it: links on the way are resolved, as in `facts`.

        Raises:
            Gone, NotRegular: there is no folder.
        """
        with self._place(path, follow=True) as place:
            if place.fd is None:
                if not os.path.isdir(place.name):
                    raise Gone(f"{printable(path)}: no folder")
                return HeldFolder(None, place.path, place.name, self.foreign)
            with translated(path):
                fd = os.open(place.name, _PASS | _NOFOLLOW, dir_fd=place.fd)
            return HeldFolder(fd, place.path, "", self.foreign)

    @contextmanager
    def open(self, path: str) -> Iterator[tuple[int, Facts]]:
        """A regular file as an open descriptor and its facts. Raises NotRegular for everything else."""
        with self._place(path, follow=True) as place:
            with translated(path):
                refuse_irregular(path, _lstat(place))
                fd = os.open(place.name, _READ, dir_fd=place.fd)
            try:
                with translated(path):
                    status = os.fstat(fd)
                refuse_irregular(path, status)
                yield fd, facts_of(place.path, status)
            finally:
                os.close(fd)

    def read(self, path: str, limit: int) -> bytes:
        """The bytes of a regular file of at most `limit` bytes. Raises TooBig if there are more."""
        with self.open(path) as (fd, facts), translated(path):
            if facts.size > limit:
                raise TooBig(f"{printable(path)}: larger than {limit} bytes")
            return read_all(fd, path, limit)

    def head(self, path: str, length: int) -> bytes:
        """The first `length` bytes of a regular file of any size."""
        with self.open(path) as (fd, facts), translated(path):
            return os.read(fd, min(length, facts.size + 1))

    def walk(self, path: str, depth: int, limit: int = 20_000) -> Iterator[tuple[str, Entry] | InterdictError]:
        """Everything below a folder but nothing behind links, upper before lower, at most `depth` levels down.

        A folder that cannot be listed is yielded as the error that says why; after `limit` entries TooBig ends it.
        """
        pending, seen = [(path.rstrip("/"), 1)], 0
        while pending:
            folder, level = pending.pop()
            try:
                entries = self.list(folder or "/")
            except Gone:
                continue
            except InterdictError as error:
                yield error
                continue
            for entry in entries:
                seen += 1
                if seen > limit:
                    yield TooBig(f"{printable(path)}: more than {limit} entries below")
                    return
                yield f"{folder}/{entry.name}", entry
                if entry.kind is Kind.FOLDER and level < depth:
                    pending.append((f"{folder}/{entry.name}", level + 1))

    @contextmanager
    def _folder(self, path: str) -> Iterator[int | str]:
        with self._place(path, follow=True) as place, translated(path):
            if place.fd is None:
                yield place.name
                return
            fd = os.open(place.name, _READ | getattr(os, "O_DIRECTORY", 0), dir_fd=place.fd)
            try:
                yield fd
            finally:
                os.close(fd)

    @contextmanager
    def _place(self, path: str, follow: bool) -> Iterator[_Place]:
        """Opens the folder that holds the path's last part; with `follow` that part is no link (any more)."""
        if not _BY_DESCRIPTOR:
            yield self._plain_place(path, follow)
            return
        with translated(path):
            place = self._place_in_one(path, follow) or self._place_by_hand(path, follow)
        try:
            yield place
        finally:
            if place.fd is not None:
                os.close(place.fd)

    def _place_in_one(self, path: str, follow: bool) -> _Place | None:
        """The usual case: no link on the way. None: walk by hand."""
        parts = [part for part in path.split("/") if part]
        if sys.platform != "linux" or not parts or ".." in parts or "." in parts or len(parts) > MAX_PARTS:
            return None
        self._refuse_foreign(parts)
        fd = self._open_in_one("/".join(parts[:-1]) or ".")
        if fd is None:
            return None
        linked = True
        try:
            linked = follow and _link_text(fd, parts[-1]) is not None
        finally:
            if linked:
                os.close(fd)
        return None if linked else _Place(fd, parts[-1], "/" + "/".join(parts))

    def _open_in_one(self, below: str) -> int | None:
        if sys.platform != "linux":
            return None
        from agent.host import _linux_calls as calls

        limits = calls.RESOLVE_BENEATH | calls.RESOLVE_NO_SYMLINKS | calls.RESOLVE_NO_MAGICLINKS
        try:
            return calls.openat2(self._fd, os.fsencode(below), _PASS, limits)
        except NotImplementedError:
            return None
        except OSError as error:
            if error.errno in (errno.ENOENT, errno.ENOTDIR, errno.EACCES):
                raise
            return None  # a link on the way, or a container's filter forbids the call

    def _place_by_hand(self, path: str, follow: bool) -> _Place:
        pending, links = path.split("/")[::-1], 0
        done: Parts = []
        fds = [os.dup(self._fd)]
        try:
            while pending:
                part = pending.pop()
                if part in ("", "."):
                    continue
                if part == "..":
                    if done:
                        done.pop()
                        os.close(fds.pop())
                    continue
                self._refuse_foreign([*done, part])
                last = not any(pending)
                text = _link_text(fds[-1], part) if follow or not last else None
                if text is not None:
                    links += 1
                    if links > MAX_LINKS:
                        raise NotRegular(f"{printable(path)}: more than {MAX_LINKS} links on the way")
                    pending += text.split("/")[::-1]
                    if text.startswith("/"):
                        done = []
                        _close_all(fds[1:])
                        del fds[1:]
                    continue
                if last:
                    return _Place(fds.pop(), part, "/" + "/".join([*done, part]))
                if len(done) >= MAX_PARTS:
                    raise TooBig(f"{printable(path)}: deeper than {MAX_PARTS} folders")
                fds.append(os.open(part, _PASS | _NOFOLLOW, dir_fd=fds[-1]))
                done.append(part)
            return _Place(fds.pop(), ".", "/" + "/".join(done))
        finally:
            _close_all(fds)

    def _refuse_foreign(self, parts: Parts) -> None:
        if not self.foreign:
            return
        here = ""
        for part in parts:
            here = f"{here}/{part}"
            if here in self.foreign:
                raise Denied(f"/{printable('/'.join(parts))}: {self.foreign[here]}")

    def _plain_place(self, path: str, follow: bool) -> _Place:
        """Windows: resolved by the system, then compared with the root."""
        with translated(path):
            plain = os.path.join(self.root, *[part for part in path.split("/") if part])
            real = os.path.realpath(plain, strict=True) if follow else plain
            root = os.path.realpath(self.root)
            if os.path.commonpath([root, os.path.realpath(real)]) != root:
                raise NotRegular(f"{printable(path)}: a link leads out of {printable(self.root)}")
            inside = os.path.relpath(real, root if follow else self.root).replace("\\", "/")
        return _Place(None, real, "/" if inside == "." else f"/{inside}")


def _link_text(fd: int, name: str) -> str | None:
    """The text of a link, None for anything else. Raises OSError when nothing is there or it may not be seen."""
    status = os.stat(name, dir_fd=fd, follow_symlinks=False)
    return os.readlink(name, dir_fd=fd) if stat.S_ISLNK(status.st_mode) else None


def _lstat(place: _Place) -> os.stat_result:
    return os.stat(place.name, dir_fd=place.fd, follow_symlinks=False)


def _close_all(fds: list[int]) -> None:
    for fd in fds:
        os.close(fd)
