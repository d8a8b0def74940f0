"""A folder of a hostile tree, held open: what lies in it is reached by one step, without a path to resolve again.

A look that goes through thousands of folders asks for each step only what is new: the folder above is open already, and
nobody can swap it. No step follows a link; only regular files are opened, non-blocking, after a look at what they are;
foreign filesystems are not entered. On Windows plain paths stand for descriptors, as in `Tree`.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Mapping
from types import TracebackType

from agent.errors import Denied, InterdictError, NotRegular, TooBig
from agent.host.oserrors import printable, translate
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

_CLOEXEC, _NOFOLLOW = getattr(os, "O_CLOEXEC", 0), getattr(os, "O_NOFOLLOW", 0)
_DIRECTORY = getattr(os, "O_DIRECTORY", 0)
_READ = os.O_RDONLY | _CLOEXEC | _NOFOLLOW | getattr(os, "O_NONBLOCK", 0) | getattr(os, "O_NOCTTY", 0)
_READ |= getattr(os, "O_BINARY", 0)
_STEP = getattr(os, "O_PATH", os.O_RDONLY) | _DIRECTORY | _CLOEXEC | _NOFOLLOW

Parts = list[Entry]
"""Named here, since `list` means a method in the class below."""


class HeldFolder:
    """One open folder; `close` it, or use `with`. Made by `Tree.hold`. Names are single parts of a path."""

    __slots__ = ("_fd", "_foreign", "_outside", "path")

    def __init__(self, fd: int | None, path: str, outside: str, foreign: Mapping[str, str]) -> None:
        """`fd` is None where the system has no descriptors of folders; `outside` is then the path to use."""
        self._fd = fd
        self._outside = outside
        self._foreign = foreign
        self.path = path

    def __enter__(self) -> HeldFolder:
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Gives the descriptor back."""
        if self._fd is not None:
            os.close(self._fd)
            self._fd = None

    def facts(self) -> Facts:
        """What the filesystem says about the folder itself."""
        try:
            status = os.fstat(self._fd) if self._fd is not None else os.lstat(self._outside)
        except OSError as error:
            raise translate(error, self.path) from error
        return facts_of(self.path, status)

    def list(self, limit: int = MAX_ENTRIES) -> Parts:
        """What is in it, sorted by name. Raises TooBig beyond `limit` entries."""
        try:
            if self._fd is None:
                return entries_of(self._outside, self.path, limit)
            fd = os.open(".", _READ | _DIRECTORY, dir_fd=self._fd)
            try:
                return entries_of(fd, self.path, limit)
            finally:
                os.close(fd)
        except OSError as error:
            raise translate(error, self.path) from error

    def look(self, name: str) -> Facts:
        """What the filesystem says about one name in it; about a link itself."""
        try:
            return facts_of(self._below(name), self._lstat(name))
        except OSError as error:
            raise self._failed(name, error) from error

    def step(self, name: str) -> HeldFolder:
        """A folder in it. Raises Gone or NotRegular for a link or anything else, Denied for a foreign filesystem."""
        path = self._below(name)
        if "/" in name or name in ("", ".", ".."):
            raise ValueError(f"{name!r} is not a single part of a path")
        if path in self._foreign:
            raise Denied(f"{printable(path)}: {self._foreign[path]}")
        if path.count("/") > MAX_PARTS:
            raise TooBig(f"{printable(path)}: deeper than {MAX_PARTS} folders")
        try:
            if self._fd is not None:
                return HeldFolder(os.open(name, _STEP, dir_fd=self._fd), path, "", self._foreign)
            if not stat.S_ISDIR(self._lstat(name).st_mode):
                raise NotRegular(f"{printable(path)}: not a folder")
        except OSError as error:
            raise self._failed(name, error) from error
        return HeldFolder(None, path, os.path.join(self._outside, name), self._foreign)

    def read(self, name: str, limit: int) -> bytes:
        """The bytes of a regular file in it. Raises TooBig if there are more than `limit`."""
        fd, status = self._open(name)
        try:
            if status.st_size > limit:
                raise TooBig(f"{printable(self._below(name))}: larger than {limit} bytes")
            # One read usually gets it all: a regular file answers with less than was asked for only at its end.
            data = os.read(fd, status.st_size + 1)
            return data if len(data) <= status.st_size else data + read_all(fd, self._below(name), limit - len(data))
        except OSError as error:
            raise self._failed(name, error) from error
        finally:
            os.close(fd)

    def head(self, name: str, length: int) -> bytes:
        """The first `length` bytes of a regular file of any size in it."""
        fd, status = self._open(name)
        try:
            return os.read(fd, min(length, status.st_size + 1))  # os.read takes memory for all that it is asked for
        except OSError as error:
            raise self._failed(name, error) from error
        finally:
            os.close(fd)

    def has(self, below: str) -> bool:
        """True if a path below it leads to something without any link on the way; False also where nobody can tell."""
        here, opened = self, []
        parts = below.split("/")
        try:
            for part in parts[:-1]:
                here = here.step(part)
                opened.append(here)
            return here.look(parts[-1]).kind is not Kind.LINK
        except (InterdictError, ValueError):
            return False
        finally:
            for one in opened:
                one.close()

    def target(self, name: str) -> str:
        """The text of a link in it. Raises NotRegular if it is none."""
        try:
            return os.readlink(self._plain(name) if self._fd is None else name, dir_fd=self._fd)
        except OSError as error:
            raise self._failed(name, error) from error

    def _open(self, name: str) -> tuple[int, os.stat_result]:
        try:
            if not stat.S_ISREG(self._lstat(name).st_mode):
                raise NotRegular(f"{printable(self._below(name))}: not a regular file")
            fd = os.open(self._plain(name) if self._fd is None else name, _READ, dir_fd=self._fd)
            try:
                status = os.fstat(fd)
                refuse_irregular(self.path, status)
            except BaseException:
                os.close(fd)
                raise
            return fd, status
        except OSError as error:
            raise self._failed(name, error) from error

    def _lstat(self, name: str) -> os.stat_result:
        if "/" in name or name in ("", ".", ".."):
            raise ValueError(f"{name!r} is not a single part of a path")
        return os.stat(self._plain(name) if self._fd is None else name, dir_fd=self._fd, follow_symlinks=False)

    def _plain(self, name: str) -> str:
        return os.path.join(self._outside, name)

    def _below(self, name: str) -> str:
        return f"/{name}" if self.path == "/" else f"{self.path}/{name}"

    def _failed(self, name: str, error: OSError) -> InterdictError:
        return translate(error, self._below(name))
