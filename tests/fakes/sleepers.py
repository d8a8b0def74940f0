"""Real processes for tests: started, waited for, ended for sure. None of them is a child that the test forgets."""

from __future__ import annotations

import os
import queue
import shutil
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Generic, TypeVar

Event = TypeVar("Event")
PATIENCE = 20.0
"""Seconds after which a test gives up waiting; never a measure of speed."""

IGNORES_TERM = "import signal, sys; signal.signal(15, signal.SIG_IGN); print('ready', flush=True); sys.stdin.read()"
WAITS = "import sys; print('ready', flush=True); sys.stdin.read()"
NODE_WAITS = "console.log('ready'); process.stdin.resume();\n"
NODE_RETITLES = "process.title = 'claude'; console.log('ready'); process.stdin.resume();\n"


@contextmanager
def running(*argv: str | Path, cwd: Path | None = None, ready: bool = True) -> Iterator[subprocess.Popen[bytes]]:
    """A process that reads its standard input until the block ends; `ready`: waits until it has said so."""
    process = subprocess.Popen(
        [os.fspath(word) for word in argv], cwd=cwd, stdin=subprocess.PIPE, stdout=subprocess.PIPE, bufsize=0
    )
    assert process.stdout is not None
    try:
        if ready:
            line = process.stdout.readline()
            assert line == b"ready\n", f"{argv[0]} did not start: {line!r}"
        yield process
    finally:
        process.kill()
        process.communicate()


def python(code: str) -> tuple[str, str, str]:
    """A Python that runs this code."""
    return (sys.executable, "-c", code)


def copy_of_a_program(target: Path) -> Path:
    """A native program under another name: it waits for its standard input's end when it is given no file."""
    shutil.copyfile("/bin/cat", target)
    target.chmod(0o755)
    return target


def until(true: Callable[[], bool], what: str) -> None:
    """Waits for something that happens outside of this process."""
    end = time.monotonic() + PATIENCE
    while not true():
        assert time.monotonic() < end, f"waited in vain: {what}"
        time.sleep(0.005)


class Inbox(Generic[Event]):
    """A sink that tests wait at."""

    def __init__(self) -> None:
        self._events: queue.Queue[Event] = queue.Queue()
        self.seen: list[Event] = []

    def __call__(self, event: Event) -> None:
        """The sink."""
        self._events.put(event)

    def wait(self, wanted: Callable[[Event], bool], what: str) -> Event:
        """The next event of that kind; what comes before it is kept in `seen`."""
        end = time.monotonic() + PATIENCE
        while True:
            try:
                event = self._events.get(timeout=max(0.0, end - time.monotonic()))
            except queue.Empty:
                raise AssertionError(f"no event came: {what}; there were {self.seen[-20:]}") from None
            self.seen.append(event)
            if wanted(event):
                return event

    def rest(self) -> list[Event]:
        """What has come by now."""
        while not self._events.empty():
            self.seen.append(self._events.get())
        return self.seen
