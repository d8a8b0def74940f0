"""Doing file work with the rights of the owner of the files, inside the root daemon.

Linux keeps a "filesystem user" for each thread, made for file servers that act for many people: a thread of its own
gets the owner's user, group and groups for every file it touches, and with the user the kernel takes away the
capabilities that overrule file rights. Its real user stays root, so that the owner can neither signal nor trace it,
which a child process running as the owner could not prevent. The thread ends with the work; nothing is given back.
Elsewhere, and without root, the work is done with our own rights.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable
from typing import TypeVar

from agent.errors import Denied
from agent.host.vault import am_root

T = TypeVar("T")


def as_owner(uid: int, gid: int, work: Callable[[], T]) -> T:
    """Runs `work` with the file rights of `uid` and gives back its answer or its error.

    Raises:
        Denied: the kernel did not grant the change of rights; then `work` was not run.
    """
    if not am_root() or uid <= 0 or sys.platform != "linux":
        return work()
    answers: list[T] = []
    errors: list[BaseException] = []

    def run() -> None:
        try:
            _become(uid, gid)
            answers.append(work())
        except BaseException as error:  # handed over to the caller's thread, whatever it is
            errors.append(error)

    thread = threading.Thread(target=run, name=f"as-uid-{uid}")
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return answers[0]


def groups_of(uid: int, gid: int) -> list[int]:
    """The groups of an account; just `gid` for a user that the system does not know."""
    if sys.platform == "win32":
        return [gid]
    import os
    import pwd

    try:
        entry = pwd.getpwuid(uid)
    except KeyError:
        return [gid]
    return os.getgrouplist(entry.pw_name, entry.pw_gid)


def _become(uid: int, gid: int) -> None:
    """For the calling thread only. The groups first: afterwards the right to set them might be gone."""
    if sys.platform == "linux":
        import ctypes
        import platform

        libc = ctypes.CDLL(None, use_errno=True)
        groups = groups_of(uid, gid)
        numbers = (ctypes.c_uint32 * len(groups))(*groups)
        # The raw call: that of libc would change every thread of the process.
        call = {"x86_64": 116, "i686": 206, "armv7l": 206, "ppc64le": 81, "s390x": 206}.get(platform.machine(), 159)
        if libc.syscall(call, len(groups), numbers) != 0:
            raise Denied(f"cannot take the groups of uid {uid}")
        libc.setfsgid(gid)
        libc.setfsuid(uid)
        # They answer with the former value and never with an error: asking again with an impossible one tells.
        if libc.setfsgid(-1) != gid or libc.setfsuid(-1) != uid:
            raise Denied(f"cannot take the file rights of uid {uid}")
