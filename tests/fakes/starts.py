"""Starts two programs again and again until its input ends, and tells how that went: load for a gate.

`python -m tests.fakes.starts PROGRAM BANNED` as somebody without rights; one JSON object at the end.
"""

from __future__ import annotations

import json
import os
import select
import sys
import time

from tests.fakes.other_person import become


def once(program: str) -> tuple[float, str]:
    """Starts a program: how long until it had ended, and how."""
    began = time.monotonic()
    nothing = [(os.POSIX_SPAWN_OPEN, 1, os.devnull, os.O_WRONLY, 0)]
    try:
        pid = os.posix_spawn(program, [program, "--version"], {}, file_actions=nothing)
    except PermissionError:
        return time.monotonic() - began, "refused"
    except OSError as error:
        return time.monotonic() - began, error.strerror or "error"
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    return time.monotonic() - began, "ran" if code == 0 else f"ended with {code}"


def main(program: str, banned: str) -> None:
    """Until the input ends."""
    become()
    told: dict[str, dict[str, int]] = {"program": {}, "banned": {}}
    longest = 0.0
    while not select.select([0], [], [], 0)[0]:
        for name, path in (("program", program), ("banned", banned), ("program", program)):
            took, how = once(path)
            longest = max(longest, took)
            told[name][how] = told[name].get(how, 0) + 1
    print(json.dumps({**told, "longest": longest}))


if __name__ == "__main__":
    main(*sys.argv[1:])
