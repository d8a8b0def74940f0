"""macOS 13 and later: program starts from `eslogger exec`, one JSON object a line, on a thread of its own.

`eslogger` is a program of the system that prints what Endpoint Security tells; it needs root and full disk access, and
Apple promises nothing about its format. So a line that is not understood is a loss, and says so, and when it ends
polling takes over. Of each line only the pid and the number are kept: it holds arguments and environment too.
"""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from agent.errors import InterdictError
from agent.host import processes
from agent.watch.interface import Lost, ProcessEvent, Started, Swept
from agent.watch.polling import PollingWatcher
from policy_schema.rules.observation import Unknown

SWEEP_EVERY = 300.0
"""Seconds between looks at everything: a copy of a process made by fork alone is no program start."""
_UNREADABLE = 20
"""Lines in a row that are not understood, after which it is taken for another format."""


class Exec(NamedTuple):
    """One program start."""

    pid: int
    number: int
    """Counts the starts that this `eslogger` was told of; a gap is a loss. -1 where it does not tell."""


class Lines(Protocol):
    """A program that goes on printing."""

    def lines(self) -> Iterator[bytes]:
        """Line by line until it ends; one that is too long is empty."""

    def close(self) -> None:
        """Ends it."""


def parse_exec(line: bytes) -> Exec:
    """Reads one line of `eslogger exec`.

    Raises:
        ValueError: it is none.
    """
    try:
        row = json.loads(line)
        pid = row["event"]["exec"]["target"]["audit_token"]["pid"]
        number = row.get("seq_num", -1)
    except (KeyError, TypeError, AttributeError, RecursionError) as error:
        raise ValueError(f"not a line of eslogger exec: {error!r}") from None
    if isinstance(pid, bool) or not isinstance(pid, int) or not 0 < pid < 2**31 or not isinstance(number, int):
        raise ValueError("no pid in a line of eslogger exec")
    return Exec(pid, number)


class EsloggerWatcher:
    """Tells of each program soon after it started."""

    name = "eslogger"

    def __init__(
        self, glance: Callable[[int], None], start: Callable[[], Lines], *, sweep_every: float = SWEEP_EVERY
    ) -> None:
        """Starts `eslogger` at once.

        Raises:
            ToolMissing, ToolFailed: there is none here, or it cannot be started.
        """
        self._glance = glance
        self._sweep_every = sweep_every
        self._source = start()
        self._expected = -1
        self._thread: threading.Thread | None = None
        self._fallback: PollingWatcher | None = None
        self._problem: Unknown | None = None
        self._stopping = threading.Event()

    def start(self, sink: Callable[[ProcessEvent], None]) -> None:
        """Begins; the first event is a `Swept`."""
        self._thread = threading.Thread(target=self._run, args=(sink,), name="watch-processes", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends; no event comes after it returns."""
        if self._stopping.is_set():
            return
        self._stopping.set()
        self._source.close()
        if self._thread is not None:
            self._thread.join()
        if self._fallback is not None:
            self._fallback.stop()

    def health(self) -> Unknown | None:
        """Why polling took over, or None."""
        return self._problem

    def _run(self, sink: Callable[[ProcessEvent], None]) -> None:
        try:
            why = self._listen(sink)
        except (OSError, ValueError, InterdictError) as error:
            why = str(error)
        if self._stopping.is_set():
            return
        self._problem = Unknown("processes", f"eslogger ended ({why}); polling instead")
        self._source.close()
        sink(Lost(0))
        self._fallback = PollingWatcher(self._glance)
        self._fallback.start(sink)

    def _listen(self, sink: Callable[[ProcessEvent], None]) -> str:
        """Until it ends; why it did."""
        due = self._sweep(sink)
        unreadable = 0
        for line in self._source.lines():
            try:
                lost = self._tell(parse_exec(line), sink)
                unreadable = 0
            except ValueError as error:
                lost, unreadable = 1, unreadable + 1
                if unreadable >= _UNREADABLE:
                    return str(error)
            if lost:
                sink(Lost(lost))
            if lost or time.monotonic() >= due:
                due = self._sweep(sink)
        return "it stopped printing; it needs root and full disk access"

    def _tell(self, start: Exec, sink: Callable[[ProcessEvent], None]) -> int:
        """Tells of one start; how many were lost before it."""
        lost = start.number - self._expected if self._expected >= 0 and start.number > self._expected else 0
        self._expected = start.number + 1 if start.number >= 0 else -1
        self._glance(start.pid)
        sink(Started(start.pid))
        return lost

    def _sweep(self, sink: Callable[[ProcessEvent], None]) -> float:
        sink(Swept(tuple(pid for pid, _ in processes.running())))
        return time.monotonic() + self._sweep_every
