"""Starts a command under Landlock, a security module of the kernel: even root may not read the files below a folder.

    python -m tests.fakes.landlocked FOLDER COMMAND...

What SELinux and AppArmor do to a daemon whose profile lacks a rule, on any kernel from 5.13 on, and for this process
tree only.
"""

from __future__ import annotations

import ctypes
import os
import struct
import sys
from pathlib import Path

_CREATE, _ADD, _RESTRICT = 444, 445, 446
_READ_FILE = 1 << 2
_PATH_BENEATH = 1
_NO_NEW_PRIVS = 38
_libc = ctypes.CDLL(None, use_errno=True)


def is_there() -> bool:
    """Whether this kernel has it."""
    return bool(sys.platform == "linux" and _libc.syscall(_CREATE, None, ctypes.c_size_t(0), 1) > 0)


def refuse_reading(folder: Path) -> None:
    """From now on, for this process and all it starts: no file below the folder can be read.

    Raises:
        OSError: the kernel does not do that.
    """
    rules = _checked(_libc.syscall(_CREATE, struct.pack("Q", _READ_FILE), ctypes.c_size_t(8), 0))
    # Everything is allowed but what lies below: so each neighbour of each folder on the way there is named.
    for step in (folder, *folder.parents):
        for neighbour in step.parent.iterdir() if step != step.parent else ():
            if neighbour != step and not neighbour.is_symlink():
                _allow(rules, neighbour)
    _checked(_libc.prctl(_NO_NEW_PRIVS, 1, 0, 0, 0))
    _checked(_libc.syscall(_RESTRICT, rules, 0))
    os.close(rules)


def _allow(rules: int, path: Path) -> None:
    try:
        fd = os.open(path, os.O_PATH | os.O_CLOEXEC)
    except OSError:
        return
    try:
        # A packed struct: what is allowed, and below which descriptor.
        _libc.syscall(_ADD, rules, _PATH_BENEATH, struct.pack("=Qi", _READ_FILE, fd), 0)
    finally:
        os.close(fd)


def _checked(answer: int) -> int:
    if answer < 0:
        raise OSError(ctypes.get_errno(), "landlock")
    return answer


if __name__ == "__main__":
    refuse_reading(Path(sys.argv[1]).resolve())
    os.execvp(sys.argv[2], sys.argv[2:])
