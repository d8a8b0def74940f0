"""One set of orders with everything that was concluded from it: rules, signatures, table, and its own two groups.

New orders are a new epoch: loaded, marked, swapped in, the old one drained and closed. So no answer of old rules and no
mark in the kernel that follows from them can live on, and none of the inode marks is ever missing in between.
"""

from __future__ import annotations

# ruff: noqa: E402 - the type checker of another system stops at the assertion
import contextlib
import os
import stat
import sys
import threading
from collections.abc import Iterable

assert sys.platform == "linux"

from agent.gate.calls import AT_FDCWD, openat2
from agent.gate.fanotify import OPEN_EXEC_PERM, OPEN_PERM, Group
from agent.gate.interpreters import Family, readers_of
from agent.gate.mountinfo import Mount
from agent.gate.mounts import Mounts, open_mount
from agent.gate.names import Names
from agent.gate.orders import Orders
from agent.gate.table import Table
from policy_schema.rules.binary import HEAD_SIZE
from policy_schema.rules.content import Signature, compile_signature
from policy_schema.rules.guard import PROTECTED_PROGRAMS

MAX_ENTRIES = 20_000


class Epoch:
    """What holds from one set of orders to the next."""

    def __init__(self, orders: Orders, mounts: Mounts) -> None:
        """Compiles; nothing is asked before `mark_filesystems`.

        Raises:
            OSError: there is no fanotify.
            ValueError: a signature cannot be compiled.
        """
        rules = orders.rules
        self.orders = orders
        self.signatures = _signatures(orders)
        self.smallest = min((made.min_size for made in self.signatures), default=1 << 62)
        self.wants_hashes = rules is not None and any(
            [tool.hashes for tool in rules.book.tools.values()] + [ban.allowed.hashes for ban in rules.book.bans]
        )
        self.names = Names(mounts, _wanted_distributions(orders))
        self.table = Table()
        self.protected = _inodes((*PROTECTED_PROGRAMS, *orders.protected))
        self.readers: dict[tuple[int, int], frozenset[Family]] = {}
        """By inode of each marked entry file: the interpreters that must not open it."""
        self.system_folders: dict[str, bool] = {}
        self.starts = Group()
        try:
            self.entries = Group()
        except OSError:
            self.starts.close()
            raise
        self._marked: set[int] = set()
        self._open = 0
        self._lock = threading.Lock()

    @property
    def groups(self) -> tuple[int, int]:
        """The numbers of its descriptors."""
        return self.starts.fd, self.entries.fd

    def mark_filesystems(self, targets: Iterable[Mount]) -> list[str]:
        """Asks for starts on those that are not marked yet; the mount points that did not take it."""
        failed: list[str] = []
        for mount in targets:
            if mount.device in self._marked:
                continue
            try:
                folder = open_mount(mount)
            except OSError:
                failed.append(mount.point)
                continue
            try:
                self.starts.mark_filesystem(OPEN_EXEC_PERM, folder)
                self._marked.add(mount.device)
            except OSError:
                failed.append(mount.point)
            finally:
                os.close(folder)
        return failed

    def forget_devices(self, gone: Iterable[int]) -> None:
        """What was concluded about filesystems that are gone goes with them."""
        for device in gone:
            self._marked.discard(device)
            self.table.forget_device(device)

    def mark_entries(self, local: frozenset[int]) -> int:
        """Asks for opens of the entry files of the orders; how many took their mark."""
        return sum(self._mark_entry(path, local) for path in self.orders.entries[:MAX_ENTRIES])

    def begin(self) -> None:
        """One more question is open."""
        with self._lock:
            self._open += 1

    def done(self) -> None:
        """One question was answered."""
        with self._lock:
            self._open -= 1

    @property
    def open_questions(self) -> int:
        """How many wait for an answer."""
        return self._open

    def flush(self) -> None:
        """Takes all marks back: nothing new is asked."""
        self.starts.flush_filesystems()
        self.starts.flush_files()
        self.entries.flush_files()

    def close(self) -> None:
        """Ends both groups."""
        self.starts.close()
        self.entries.close()

    def _mark_entry(self, path: str, local: frozenset[int]) -> bool:
        try:
            name = openat2(AT_FDCWD, path, os.O_PATH | os.O_NOFOLLOW)
        except OSError:
            return False
        try:
            status = os.fstat(name)
            if not stat.S_ISREG(status.st_mode) or status.st_dev not in local:
                return False
            self.readers[(status.st_dev, status.st_ino)] = readers_of(path, _head(name))
            self.entries.mark_file(OPEN_PERM, name)
        except OSError:
            return False
        finally:
            os.close(name)
        return True


def _head(name: int) -> bytes:
    fd = os.open(f"/proc/self/fd/{name}", os.O_RDONLY | os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC)
    try:
        return os.pread(fd, HEAD_SIZE, 0)
    finally:
        os.close(fd)


def _signatures(orders: Orders) -> tuple[Signature, ...]:
    rows = orders.rules.signatures() if orders.rules else ()
    return tuple(compile_signature(key, fields) for key, fields in rows)


def _wanted_distributions(orders: Orders) -> frozenset[str]:
    tools = orders.rules.book.tools.values() if orders.rules else ()
    return frozenset(key.partition("/")[2] for tool in tools for key in tool.packages if key.startswith("pypi/"))


def _inodes(paths: Iterable[str]) -> frozenset[tuple[int, int, int]]:
    """Device, inode and owner of each: a number that is free again may become a file of somebody else."""
    found = set()
    for path in paths:
        with contextlib.suppress(OSError):
            status = os.stat(path)
            if stat.S_ISREG(status.st_mode):
                found.add((status.st_dev, status.st_ino, status.st_uid))
    return frozenset(found)
