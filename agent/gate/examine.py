"""What a file is: the workers' part, which opens names and reads content. Cheap first."""

from __future__ import annotations

# ruff: noqa: E402 - the type checker of another system stops at the assertion
import os
import stat
import sys
from collections.abc import Callable
from importlib import import_module
from typing import Protocol

assert sys.platform == "linux"

from agent.gate.calls import Lease, ask_for_lease
from agent.gate.clock import Wall
from agent.gate.epoch import Epoch
from agent.gate.fanotify import OPEN_EXEC_PERM
from agent.gate.mounts import Mounts
from agent.gate.names import Where
from agent.gate.table import NOTHING, Known, file_key, may_keep
from agent.gate.verdict import Place, concerns, home_of
from policy_schema.rules.content import look

Stop = Callable[[], bool]
_CHUNK = 1 << 20
_OTHERS_WRITE = 0o022


class _Digest(Protocol):
    def update(self, data: bytes, /) -> None: ...
    def hexdigest(self) -> str: ...


class Examiner:
    """Looks at one open file; any worker."""

    def __init__(self, mounts: Mounts, homes: tuple[str, ...], wall: Wall, *, evictable: bool) -> None:
        self._mounts = mounts
        self._homes = homes
        self._wall = wall
        self._evictable = evictable

    def examine(self, epoch: Epoch, fd: int, stop: Stop) -> tuple[Known, Place]:
        """What the file is and where it lies; remembers what may be remembered.

        Raises:
            OSError: it could not be read.
        """
        status = os.fstat(fd)
        path = epoch.names.path_of(fd)
        with epoch.names.around(path, status) as where:
            place = self.place(epoch, path if where else "", status)
            known = epoch.table.recall(status) or self._find_out(epoch, fd, status, where, place, stop)
            if not stop():
                self._remember(epoch, fd, status, path, known, where, place)
        return known, place

    def glance(self, epoch: Epoch, fd: int, status: os.stat_result, path: str) -> bool:
        """Whether a file is certainly of no interest, without waiting or reading: for the answering thread.

        Most programs are small, in no package, and in folders that the kernel has at hand.
        """
        rules = epoch.orders.rules
        if rules is None or status.st_size >= epoch.smallest or not path:
            return rules is None
        try:
            with epoch.names.around(path, status, cached=True) as where:
                if where is None or not epoch.names.cannot_be_packaged(where, path):
                    return False
                place = self.place(epoch, path, status)
                if epoch.table.recall(status) is not None or concerns(rules, Known(), place):
                    return False
                self._remember(epoch, fd, status, path, NOTHING, where, place)
                return True
        except OSError:
            # A disk would have to be asked, or the kernel knows no such lookup (before Linux 5.12): a worker does it.
            return False

    def is_protected(self, epoch: Epoch, fd: int, status: os.stat_result) -> bool:
        """Whether it starts whatever the policy says.

        The loader of every program is among these: where only root writes, the kernel remembers the answer itself.
        """
        if (status.st_dev, status.st_ino, status.st_uid) not in epoch.protected:
            return False
        if self._evictable and _only_root_writes(status):
            epoch.starts.ignore(OPEN_EXEC_PERM, fd)
        return True

    def place(self, epoch: Epoch, path: str, status: os.stat_result) -> Place:
        """Where a file lies, by a path that was found to lead to it (or none)."""
        return Place(path, home_of(path, (*self._homes, *epoch.orders.homes)) if path else "", status.st_uid)

    def _find_out(
        self, epoch: Epoch, fd: int, status: os.stat_result, where: Where | None, place: Place, stop: Stop
    ) -> Known:
        rules = epoch.orders.rules
        if rules is None:
            return NOTHING
        package = epoch.names.package(where, place.path) if where else None
        known = Known(purl=package.purl, package=package.folder, by="path") if package else Known()
        if status.st_size >= epoch.smallest:
            found = look(fd, status.st_size, epoch.signatures, stop)
            if found:
                known = known._replace(content=found[0].id, content_version=found[0].version, by="content")
        if epoch.wants_hashes and (concerns(rules, known, place)):
            known = known._replace(sha256=_sha256(fd, status.st_size, stop))
        return known if concerns(rules, known, place) else NOTHING

    def _remember(
        self, epoch: Epoch, fd: int, status: os.stat_result, path: str, known: Known, where: Where | None, place: Place
    ) -> None:
        if known.purl or known.content:
            epoch.table.recognise(status, known)
        if not may_keep(status, self._wall()):
            return
        lease = ask_for_lease(fd)
        if (
            known is NOTHING
            and self._evictable
            and where is not None
            and lease is not Lease.REFUSED
            and _only_root_writes(status)
            and self._is_system_folder(epoch, where, os.path.dirname(path))
            and epoch.starts.ignore(OPEN_EXEC_PERM, fd)
        ):
            return
        if lease is Lease.HAD and self._mounts.is_storable(status.st_dev):
            epoch.table.put(file_key(status, path), known)

    def _is_system_folder(self, epoch: Epoch, where: Where, folder: str) -> bool:
        """Whether this folder and all above it are root's alone to write."""
        known = epoch.system_folders.get(folder)
        if known is None:
            known = _is_root_folder(where, folder) and (
                folder in ("/", where.mount) or self._is_system_folder(epoch, where, os.path.dirname(folder))
            )
            epoch.system_folders[folder] = known
        return known


def _only_root_writes(status: os.stat_result) -> bool:
    return status.st_uid == 0 and not status.st_mode & _OTHERS_WRITE and stat.S_ISREG(status.st_mode)


def _is_root_folder(where: Where, folder: str) -> bool:
    try:
        fd = where.open(folder, os.O_PATH | os.O_DIRECTORY)
    except BlockingIOError:
        raise
    except OSError:
        return False
    try:
        status = os.fstat(fd)
    finally:
        os.close(fd)
    return status.st_uid == 0 and not status.st_mode & _OTHERS_WRITE


def _sha256(fd: int, size: int, stop: Stop) -> str:
    """The hash of a whole file; empty when there was no time for it. hashlib itself would bring OpenSSL: 4 MB."""
    try:
        digest: _Digest = import_module("_sha2").sha256()
    except ImportError:  # until Python 3.11
        digest = import_module("_sha256").sha256()
    at = 0
    while at < size:
        if stop():
            return ""
        piece = os.pread(fd, _CHUNK, at)
        if not piece:
            break
        digest.update(piece)
        at += len(piece)
    return digest.hexdigest()
