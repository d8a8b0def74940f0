"""Roots of their own that processes live below (containers, chroots), and where on this machine their files are.

Not counted: a process that runs a file of ours under the name that we know it by (a browser's sandbox, a snap), unless
that file lies below its root (a plain chroot); and flatpaks, whose files another source knows. Linux only; elsewhere
there are none.
"""

from __future__ import annotations

import os
import sys
from typing import NamedTuple

from agent.host.mounts import unescaped

if sys.platform == "linux":
    from agent.host import _linux_proc as proc

MAX_MOUNTS = 1 << 20
"""Bytes of a process's list of mounts."""


class OtherRoot(NamedTuple):
    """One root other than ours."""

    pid: int
    """One of the processes below it."""
    processes: int
    place: str
    """The folder whose files it shows, the uppermost layer where there are several; empty when that is not told."""


def parse_root_mount(text: str) -> str:
    """Where the files of `/` come from, by a process's `mountinfo`: an overlay's upper folder, or the part of a
    filesystem that is mounted there. Empty when it does not say."""
    place = ""
    for line in text.split("\n"):
        left, _, right = line.partition(" - ")
        fields, source = left.split(" "), right.split(" ")
        if len(fields) < 5 or fields[4] != "/" or len(source) < 3:
            continue
        options = dict(option.partition("=")[::2] for option in source[2].split(","))
        place = options.get("upperdir", "") if source[0] == "overlay" else fields[3]
    return unescaped(place) if place.startswith("/") and place != "/" else ""


if sys.platform == "linux":

    def other_roots() -> tuple[OtherRoot, ...]:
        """Every root but ours that a process lives below, as far as we may look: without root at our own processes."""
        found: dict[tuple[int, int], OtherRoot] = {}
        ours = _identity("/")
        for pid, _ in proc.start_ticks():
            try:
                theirs = _identity(f"/proc/{pid}/root")
                if theirs == ours or _is_known_otherwise(pid):
                    continue
                known = found.get(theirs) or OtherRoot(pid, 0, _chroot(pid) or _place(pid))
                found[theirs] = known._replace(processes=known.processes + 1)
            except OSError:
                continue  # it ended, or belongs to somebody else
        return tuple(found.values())

    def _identity(path: str) -> tuple[int, int]:
        status = os.stat(path)
        return status.st_dev, status.st_ino

    def _is_known_otherwise(pid: int) -> bool:
        """True for a flatpak, and for what runs a file of ours from outside of its root."""
        if _runs_ours(pid) and not _chroot(pid):
            return True
        return os.path.lexists(f"/proc/{pid}/root/.flatpak-info")

    def _runs_ours(pid: int) -> bool:
        """Whether the name of its program leads to that very file for us too."""
        try:
            return _identity(f"/proc/{pid}/exe") == _identity(os.readlink(f"/proc/{pid}/exe"))
        except OSError:
            return False

    def _chroot(pid: int) -> str:
        """The folder of a plain chroot in our own mounts, in which the program lies; empty for any other root."""
        root, program = os.readlink(f"/proc/{pid}/root"), os.readlink(f"/proc/{pid}/exe")
        return root if root != "/" and program.startswith(root.rstrip("/") + "/") else ""

    def _place(pid: int) -> str:
        with open(f"/proc/{pid}/mountinfo", "rb") as file:
            return parse_root_mount(os.fsdecode(file.read(MAX_MOUNTS)))

else:

    def other_roots() -> tuple[OtherRoot, ...]:
        """None: there are no such roots here."""
        return ()
