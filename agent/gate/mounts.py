"""What is mounted, followed in a thread of its own: marking a mount may wait, answering may not.

fapolicyd's issue 380 is why: looking at an automount point can wait for a mount, which waits for a program to start,
which waits for the answer.
"""

from __future__ import annotations

# ruff: noqa: E402 - the type checker of another system stops at the assertion
import errno
import os
import select
import sys
import threading
from collections.abc import Callable, Iterable

assert sys.platform == "linux"

from agent.gate import mountinfo
from agent.gate.calls import AT_FDCWD, openat2
from agent.gate.mountinfo import Mount

MOUNTINFO = "/proc/self/mountinfo"
Seen = Callable[["Mounts", frozenset[int]], None]
"""Told after each change, with the devices that are gone."""


class Mounts:
    """The mounts of our namespace; read by any thread, replaced as a whole by one."""

    def __init__(self, only: Iterable[str] = (), *, tmpfs_keeps_ctime: bool = False) -> None:
        self._only = tuple(only)
        self._keeps = mountinfo.KEEPS_CTIME | ({"tmpfs"} if tmpfs_keeps_ctime else frozenset())
        self._seen: dict[str, Mount] = {}
        self._storable: frozenset[int] = frozenset()
        self.targets: tuple[Mount, ...] = ()
        """One mount of each filesystem to mark."""
        self.devices: frozenset[int] = frozenset()
        self.refresh()

    def refresh(self) -> frozenset[int]:
        """Reads the table of mounts again; the devices that are gone since."""
        with open(MOUNTINFO, "rb") as file:
            mounts = mountinfo.parse_mountinfo(file.read())
        before = self.devices
        seen = mountinfo.visible(mounts)
        self._storable = frozenset(mount.device for mount in mounts if mount.kind in self._keeps)
        self.devices = frozenset(mount.device for mount in mounts if mount.kind in mountinfo.LOCAL)
        self._seen, self.targets = seen, mountinfo.to_mark(seen, self._only)
        return before - self.devices

    def local_mount_of(self, path: str) -> str:
        """The mount point that a path lies below, if everything on the way to it answers by itself; else empty."""
        seen = self._seen
        point = next((way for way in mountinfo.ways(path) if way in seen), "")
        good = point and seen[point].kind in mountinfo.LOCAL and mountinfo.is_reachable(seen, point)
        return point if good else ""

    def is_storable(self, device: int) -> bool:
        """Whether what was found on this filesystem may be remembered by the times of files."""
        return device in self._storable


class MountWatcher:
    """The thread that follows the mounts."""

    def __init__(self, mounts: Mounts, changed: Callable[[frozenset[int]], None]) -> None:
        self._mounts = mounts
        self._changed = changed
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._thread = threading.Thread(target=self._run, name="gate-mounts", daemon=True)
        self._table = os.open(MOUNTINFO, os.O_RDONLY | os.O_CLOEXEC)

    def start(self) -> None:
        """Begins; `changed` is called from its thread."""
        self._thread.start()

    def stop(self, patience: float = 2.0) -> None:
        """Ends; a mark that waits for a hanging disk is not waited for."""
        os.write(self._wake_write, b"!")
        self._thread.join(patience)

    def _run(self) -> None:
        poll = select.poll()
        # The kernel says POLLERR | POLLPRI when the table has changed since this descriptor was last polled.
        poll.register(self._table, select.POLLPRI)
        poll.register(self._wake_read, select.POLLIN)
        while True:
            ready = dict(poll.poll())
            if self._wake_read in ready:
                return
            self._changed(self._mounts.refresh())


def open_mount(mount: Mount) -> int:
    """Opens a mount point without ever setting off an automount; an O_PATH descriptor.

    Raises:
        OSError: it is gone, or something else lies there now.
    """
    fd = openat2(AT_FDCWD, mount.point, os.O_PATH | os.O_DIRECTORY)
    if os.fstat(fd).st_dev != mount.device and mount.kind != "btrfs":
        # Something was mounted over it since; its own line will come.
        os.close(fd)
        raise OSError(errno.ESTALE, f"another filesystem lies at {mount.point}")
    return fd
