"""Names, opened so that nobody can make the gate wait or look at another file than was meant.

Only by openat2: no links, no mounts crossed, regular files only, non-blocking; and only where the path that the kernel
gave leads back to the very file that was asked about. In somebody's own mount namespace it need not: there a bind mount
can show any file under any name.
"""

from __future__ import annotations

# ruff: noqa: E402 - the type checker of another system stops at the assertion
import errno
import os
import stat
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from fnmatch import fnmatchcase
from typing import NamedTuple

assert sys.platform == "linux"

from agent.gate.calls import AT_FDCWD, CACHED, NO_XDEV, STRICT, is_elsewhere, is_missing, openat2
from agent.gate.mounts import Mounts
from agent.gate.orders import lies_below
from agent.gate.packages import (
    MANIFEST,
    MAX_MANIFEST,
    MAX_RECORD,
    Package,
    by_folder,
    distributions,
    npm_folders,
    parse_manifest,
    records,
    site_folders,
)

MAX_ENTRIES = 20_000
_FOLDER = os.O_PATH | os.O_DIRECTORY
_GONE = " (deleted)"


class Where(NamedTuple):
    """A folder tree on one mount, open at its root."""

    root: int
    mount: str
    resolve: int
    """Limits of resolution for everything below."""

    @property
    def cached(self) -> bool:
        """Whether only what the kernel has at hand may be looked at: else BlockingIOError, never a wait."""
        return bool(self.resolve & CACHED)

    def open(self, path: str, flags: int) -> int:
        """Opens an absolute path on this mount.

        Raises:
            OSError: it is not there, lies elsewhere, or leads through a link.
        """
        if not lies_below(path, (self.mount.rstrip("/"),)):
            raise OSError(errno.EXDEV, os.strerror(errno.EXDEV))
        inside = path[len(self.mount.rstrip("/")) :].lstrip("/")
        return openat2(self.root, inside or ".", flags, self.resolve)


class Names:
    """Looks around files; any worker."""

    def __init__(self, mounts: Mounts, wanted_distributions: frozenset[str]) -> None:
        self._mounts = mounts
        self._wanted = wanted_distributions

    def path_of(self, fd: int) -> str:
        """The path that the kernel gives for an open file; empty for one without a name."""
        try:
            path = os.readlink(f"/proc/self/fd/{fd}")
        except OSError:
            return ""
        return path if path.startswith("/") and not path.endswith(_GONE) else ""

    @contextmanager
    def around(self, path: str, status: os.stat_result, *, cached: bool = False) -> Iterator[Where | None]:
        """The mount that holds a file, open; None when the path does not lead to that very file.

        `cached`: nothing here may wait, also not for a disk. What is not at hand is a BlockingIOError then, at once or
        from what is done with the answer.
        """
        limits = STRICT | CACHED if cached else STRICT
        mount = self._mounts.local_mount_of(path) if path else ""
        if not mount:
            yield None
            return
        try:
            root = openat2(AT_FDCWD, mount, _FOLDER, limits)
        except BlockingIOError:
            raise
        except OSError:
            yield None
            return
        try:
            where = Where(root, mount, limits | NO_XDEV)
            yield where if _leads_to(where, path, status) else None
        finally:
            os.close(root)

    def package(self, where: Where, path: str) -> Package | None:
        """The nearest package around a file."""
        return self._npm(where, path) or (self._pypi(where, path) if self._wanted else None)

    def cannot_be_packaged(self, where: Where, path: str) -> bool:
        """Whether no package is around a file, as far as can be told without reading anything.

        Raises:
            BlockingIOError: it has to be looked for.
        """
        if self._wanted and site_folders(path):
            return False
        return all(_is_known_missing(where, f"{folder}/{MANIFEST}") for folder in npm_folders(path))

    def _npm(self, where: Where, path: str) -> Package | None:
        for folder in npm_folders(path):
            try:
                data = read(where, f"{folder}/{MANIFEST}", MAX_MANIFEST)
            except OSError as error:
                # A name that cannot be read (a FIFO, a link, a lease) is no reason to look further up: it hides one.
                package = None if is_missing(error) or is_elsewhere(error) else by_folder(folder)
            else:
                package = by_folder(folder) if data is None else parse_manifest(data, folder)
            if package is not None:
                return package
        return None

    def _pypi(self, where: Where, path: str) -> Package | None:
        for pattern, name in site_folders(path):
            for site in _folders(where, pattern):
                package = self._distribution(where, site, name)
                if package is not None:
                    return package
        return None

    def _distribution(self, where: Where, site: str, name: str) -> Package | None:
        from policy_schema.rules.identity import make_purl

        for entry, distribution, version in distributions(_listed(where, site), self._wanted):
            try:
                data = read(where, f"{site}/{entry}/RECORD", MAX_RECORD)
            except OSError:
                continue
            if data is not None and records(data, name):
                return Package(make_purl("pypi", distribution, version), f"{site}/{entry}")
        return None


def read(where: Where, path: str, limit: int) -> bytes | None:
    """The bytes of a regular file; None when it is larger than the limit.

    Raises:
        OSError: there is no such file, or it is none that may be read without waiting.
    """
    name = where.open(path, os.O_PATH | os.O_NOFOLLOW)
    try:
        if not stat.S_ISREG(os.fstat(name).st_mode):
            raise OSError(errno.EINVAL, "not a regular file")
        fd = os.open(f"/proc/self/fd/{name}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    finally:
        os.close(name)
    with os.fdopen(fd, "rb") as file:
        data = file.read(limit + 1)
    return data if len(data) <= limit else None


def _is_known_missing(where: Where, path: str) -> bool:
    try:
        os.close(where.open(path, os.O_PATH | os.O_NOFOLLOW))
    except BlockingIOError:
        raise
    except OSError as error:
        return is_missing(error) or is_elsewhere(error)
    return False


def _leads_to(where: Where, path: str, status: os.stat_result) -> bool:
    try:
        fd = where.open(path, os.O_PATH | os.O_NOFOLLOW)
    except BlockingIOError:
        raise
    except OSError:
        return False
    try:
        there = os.fstat(fd)
    finally:
        os.close(fd)
    return (there.st_dev, there.st_ino) == (status.st_dev, status.st_ino)


def _listed(where: Where, folder: str) -> list[str]:
    """The names in a folder; none when it cannot be listed."""
    try:
        fd = where.open(folder, os.O_RDONLY | os.O_DIRECTORY | os.O_NONBLOCK)
    except OSError:
        return []
    try:
        with os.scandir(fd) as entries:
            return [entry.name for _, entry in zip(range(MAX_ENTRIES), entries, strict=False)]
    except OSError:
        return []
    finally:
        os.close(fd)


def _folders(where: Where, pattern: str) -> list[str]:
    """The folders of a pattern with at most one `*` in it."""
    before, star, after = pattern.partition("*")
    if not star:
        return [pattern]
    parent, _, start = before.rpartition("/")
    names = sorted(name for name in _listed(where, parent) if fnmatchcase(name, f"{start}*"))[:20]
    return [f"{parent}/{name}{after}" for name in names]
