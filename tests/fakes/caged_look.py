"""A look in a process of its own, with a bound on its memory, that is ended when it does not end by itself."""

from __future__ import annotations

import os
import pickle
import resource
import select
import signal
from collections.abc import Callable
from pathlib import Path
from typing import TypeVar, cast

T = TypeVar("T")
MEMORY = 256 << 20
"""Bytes of address space that a look may take beyond what the process had before."""
PATIENCE = 60.0
"""Seconds until a look counts as one that never ends: a watchdog, not a measure."""


def caged(look: Callable[[], T], first: Callable[[], object] = lambda: None) -> T:
    """What a look (or several) saw; `first` is what the process does to itself before. It fails when it ends otherwise.

    Besides the look, it is asserted that no descriptor was left open.
    """
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        _child(writing, look, first)
    os.close(writing)
    try:
        data = _all(reading)
    finally:
        os.close(reading)
        os.kill(pid, signal.SIGKILL)
        _, status = os.waitpid(pid, 0)
    assert data is not None, f"the look did not end within {PATIENCE:.0f} seconds"
    assert data, f"the look died: status {status}"
    found, opened = pickle.loads(data)
    assert not isinstance(found, str), found
    assert opened == 0, f"{opened} descriptors were left open"
    return cast(T, found)


def _child(writing: int, look: Callable[[], object], first: Callable[[], object]) -> None:
    try:
        os.setpgid(0, 0)
        first()
        resource.setrlimit(resource.RLIMIT_AS, (_taken() + MEMORY, resource.RLIM_INFINITY))
        before = len(os.listdir("/proc/self/fd"))
        try:
            answer: object = look()
        except BaseException as error:
            answer = f"{type(error).__name__}: {error}"
        data = pickle.dumps((answer, len(os.listdir("/proc/self/fd")) - before))
        while data:
            data = data[os.write(writing, data) :]
    finally:
        os._exit(0)


def _taken() -> int:
    """Bytes of address space that this process has."""
    return int(Path("/proc/self/statm").read_text().split()[0]) * resource.getpagesize()


def _all(reading: int) -> bytes | None:
    """Everything that comes until the end; None if nothing comes for too long."""
    data = b""
    while select.select([reading], [], [], PATIENCE)[0]:
        chunk = os.read(reading, 1 << 20)
        if not chunk:
            return data
        data += chunk
    return None
