"""The child's side of `agent.host.child`: gives away rights after our own code is loaded, before anything is read.

In this order: no network (if it needs none), no new rights, no root, limits. What the system refuses is left out and
shows in `confinement()`, which `interdict doctor` prints.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import socket
import sys
from collections.abc import Mapping
from typing import NamedTuple

if sys.platform != "win32":
    import resource

_NEW_NETWORK = 0x40000000
_NEW_USER = 0x10000000
_SET_NO_NEW_PRIVS = 38


class Limits(NamedTuple):
    """What one child may use: bytes of address space, seconds of CPU, open files."""

    memory: int = 1 << 30
    cpu: int = 30
    files: int = 64


class Cage(NamedTuple):
    """How a child is confined. `uid` 0 or less means: stay who you are."""

    uid: int
    gid: int
    network: bool
    limits: Limits

    def to_argument(self) -> str:
        """For the command line: `1000:1000:net:1073741824:30:64`."""
        words = (self.uid, self.gid, "net" if self.network else "alone", *self.limits)
        return ":".join(map(str, words))

    @classmethod
    def from_argument(cls, text: str) -> Cage:
        """Reads `to_argument`'s form.

        Raises:
            ValueError: it is not of that form.
        """
        uid, gid, network, memory, cpu, files = text.split(":")
        return cls(int(uid), int(gid), network == "net", Limits(int(memory), int(cpu), int(files)))


def confine(cage: Cage) -> None:
    """Gives away what the child does not need.

    Raises:
        OSError: root's rights could not be given away: then the child must not go on.
    """
    if sys.platform == "win32":
        return
    if not cage.network:
        _leave_network()
    if sys.platform == "linux":
        _libc_call("prctl", _SET_NO_NEW_PRIVS, 1, 0, 0, 0)
    if cage.uid > 0 and os.geteuid() == 0:
        # As root, these set the real and the saved id as well: there is no way back.
        os.setgroups([])
        os.setgid(cage.gid)
        os.setuid(cage.uid)
    _limit(cage.limits)


def confinement() -> Mapping[str, object]:
    """What holds in this process, as far as it can be seen from inside."""
    if sys.platform != "linux":
        return {"uid": getattr(os, "geteuid", lambda: -1)(), "network": True}
    with open("/proc/self/status", encoding="ascii", errors="replace") as file:
        fields = dict(line.rstrip("\n").partition(":")[::2] for line in file)
    return {
        "uid": int(fields["Uid"].split()[1]),
        "groups": fields["Groups"].split(),
        "capabilities": int(fields["CapEff"], 16) != 0,
        "no_new_privs": fields["NoNewPrivs"].strip() == "1",
        "network": _network_is_there(),
    }


def _leave_network() -> None:
    """An empty network namespace: as root at once, otherwise inside a user namespace where the kernel lets users."""
    if sys.platform != "linux":
        return
    if not _libc_call("unshare", _NEW_NETWORK) and os.geteuid() != 0:
        _libc_call("unshare", _NEW_USER | _NEW_NETWORK)


def _limit(limits: Limits) -> None:
    if sys.platform != "win32":
        wanted = {
            resource.RLIMIT_AS: limits.memory,
            resource.RLIMIT_CPU: limits.cpu,
            resource.RLIMIT_NOFILE: limits.files,
            resource.RLIMIT_CORE: 0,
            resource.RLIMIT_FSIZE: 0,
        }
        if sys.platform == "linux":
            # No process and no thread more: what breaks in here stays in here.
            wanted[resource.RLIMIT_NPROC] = 0
        for kind, value in wanted.items():
            # macOS refuses some of them; the others still hold.
            with contextlib.suppress(ValueError, OSError):
                resource.setrlimit(kind, (value, value))


def _libc_call(name: str, *arguments: int) -> bool:
    call = getattr(ctypes.CDLL(None, use_errno=True), name)
    return bool(call(*map(ctypes.c_ulong, arguments)) == 0)


def _network_is_there() -> bool:
    """Even the loopback is down in an empty network namespace; a datagram socket connects without sending anything."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        try:
            probe.connect(("127.0.0.1", 9))
        except OSError:
            return False
    return True
