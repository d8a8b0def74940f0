"""Starting programs and measuring how long that takes."""

from __future__ import annotations

import os
import time
from collections.abc import Callable, Sequence

SILENT = [(os.POSIX_SPAWN_OPEN, fd, os.devnull, os.O_WRONLY, 0) for fd in (1, 2)]
KEPT = {
    name: value
    for name, value in os.environ.items()
    if name == "HOME" or name.lower().startswith(("npm_", "node_", "ssl_", "http", "no_proxy"))
}
"""How npm is configured to reach its registry."""


def paired(programs: tuple[str, str], count: int, uid: int) -> tuple[list[float], list[float]]:
    """Starts two programs in turns, waits for each; seconds of each start."""
    first, second = programs

    def work() -> bytes:
        samples: tuple[list[int], list[int]] = ([], [])
        for turn in range(count + 50):
            order = (0, 1) if turn % 2 else (1, 0)
            for which in order:
                path = (first, second)[which]
                began = time.perf_counter_ns()
                os.waitpid(os.posix_spawn(path, [path], {}), 0)
                took = time.perf_counter_ns() - began
                if turn >= 50:
                    samples[which].append(took)
        return ";".join(",".join(map(str, row)) for row in samples).encode()

    rows = as_person(uid, work).decode().split(";")
    with_gate, without = ([int(cell) / 1e9 for cell in row.split(",")] for row in rows)
    return with_gate, without


def timed(commands: Sequence[Sequence[str]], uid: int) -> float:
    """Seconds for starting these one after the other."""

    def work() -> bytes:
        began = time.perf_counter()
        for words in commands:
            environment = {"PATH": "/usr/bin:/bin", **KEPT}
            os.waitpid(os.posix_spawn(words[0], list(words), environment, file_actions=SILENT), 0)
        return str(time.perf_counter() - began).encode()

    return float(as_person(uid, work))


def as_person(uid: int, work: Callable[[], bytes]) -> bytes:
    """Does the work in a child with another user's id; what it answered.

    Raises:
        ChildProcessError: it failed.
    """
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            os.setgroups([])
            os.setresgid(uid, uid, uid)
            os.setresuid(uid, uid, uid)
            data = work()
            while data:
                data = data[os.write(write, data) :]
            code = 0
        finally:
            os._exit(code)
    os.close(write)
    with os.fdopen(read, "rb") as answers:
        data = answers.read()
    if os.waitpid(pid, 0)[1]:
        raise ChildProcessError("the starter failed")
    return data
