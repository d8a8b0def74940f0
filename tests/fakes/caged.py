"""Starts a program as a systemd unit would: with its user, its capabilities and its filter of system calls.

The filter is the unit's own line, made by libseccomp as systemd makes it; `@system-service` is what systemd 252 puts
there (tests/samples/systemd). Run as a program: `python -m tests.fakes.caged UNIT USER COMMAND...`.
"""

from __future__ import annotations

import ctypes
import os
import pwd
import sys
from collections.abc import Mapping
from pathlib import Path

SAMPLES = Path(__file__).parent.parent / "samples" / "systemd"
_ALLOW = 0x7FFF0000
_ERRNO_EPERM = 0x00050001
_SET_MDWE, _REFUSE_EXEC_GAIN = 65, 1
"""prctl(2), Linux 6.3: what `MemoryDenyWriteExecute=` asks for."""


def read_unit(path: Path) -> dict[str, str]:
    """The lines of a unit file; the last one wins."""
    rows = (line.partition("=") for line in path.read_text().splitlines() if "=" in line and line[0] not in "#[")
    return {key.strip(): value.strip() for key, _, value in rows}


def allowed_calls(unit: Mapping[str, str]) -> list[str]:
    """Names of the system calls that a unit lets through."""
    known = {"@system-service": (SAMPLES / "system-service.txt").read_text().split()}
    return sorted({name for word in unit["SystemCallFilter"].split() for name in known.get(word, [word])})


def filter_calls(names: list[str]) -> None:
    """From now on every other system call fails with EPERM, for us and whatever we become."""
    library = ctypes.CDLL("libseccomp.so.2")
    library.seccomp_init.restype = ctypes.c_void_p
    library.seccomp_rule_add.argtypes = (ctypes.c_void_p, ctypes.c_uint32, ctypes.c_int, ctypes.c_uint)
    library.seccomp_load.argtypes = (ctypes.c_void_p,)
    filters = library.seccomp_init(_ERRNO_EPERM)
    for name in names:
        number = library.seccomp_syscall_resolve_name(name.encode())
        if number >= 0:
            assert library.seccomp_rule_add(filters, _ALLOW, number, 0) == 0
    assert library.seccomp_load(filters) == 0


def main(path: str, user: str, *command: str) -> None:
    """Becomes the command."""
    unit = read_unit(Path(path))
    rights = ",".join("+" + right.removeprefix("CAP_").lower() for right in unit["AmbientCapabilities"].split())
    only = f"-all,{rights}"
    entry = pwd.getpwnam(user)
    who = [f"--reuid={entry.pw_uid}", f"--regid={entry.pw_gid}", "--clear-groups", "--no-new-privs"]
    given = [f"--inh-caps={only}", f"--ambient-caps={only}", f"--bounding-set={only}"]
    if unit.get("MemoryDenyWriteExecute") == "yes":
        assert ctypes.CDLL(None).prctl(_SET_MDWE, _REFUSE_EXEC_GAIN, 0, 0, 0) == 0
    filter_calls(allowed_calls(unit))
    os.execv("/usr/bin/setpriv", ["setpriv", *who, *given, "--", *command])


if __name__ == "__main__":
    main(*sys.argv[1:])
