"""Linux: program starts from the kernel's process connector, on a thread of its own.

When the kernel had to drop some, everything is looked at; when the connector ends, polling takes over.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from agent.errors import InterdictError
from agent.host import _linux_connector as connector
from agent.host import processes
from agent.watch.interface import Lost, ProcessEvent, Started, Swept
from agent.watch.polling import PollingWatcher
from policy_schema.rules.observation import Unknown

assert sys.platform == "linux"

SWEEP_EVERY = 300.0
"""Seconds between looks at everything: a copy of a process made by fork alone is no program start."""


class ConnectorWatcher:
    """Tells of each program the moment it started."""

    name = "connector"

    def __init__(
        self, glance: Callable[[int], None], *, sweep_every: float = SWEEP_EVERY, buffer: int = connector.BUFFER
    ) -> None:
        """Subscribes at once, so that nothing started after this is missed.

        Raises:
            Denied, ToolMissing: the connector cannot be used here.
        """
        self._glance = glance
        self._sweep_every = sweep_every
        self._connector = connector.ExecConnector(buffer)
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
        self._connector.interrupt()
        if self._thread is not None:
            self._thread.join()
        self._connector.close()
        if self._fallback is not None:
            self._fallback.stop()

    def health(self) -> Unknown | None:
        """Why polling took over, or None."""
        return self._problem

    def _run(self, sink: Callable[[ProcessEvent], None]) -> None:
        try:
            self._listen(sink)
        except (OSError, InterdictError) as error:
            self._problem = Unknown("processes", f"the process connector ended ({error}); polling instead")
            sink(Lost(0))
            self._fallback = PollingWatcher(self._glance)
            self._fallback.start(sink)

    def _listen(self, sink: Callable[[ProcessEvent], None]) -> None:
        due = 0.0
        while not self._stopping.is_set():
            wait = due - time.monotonic()
            if wait <= 0:
                sink(Swept(tuple(pid for pid, _ in processes.running())))
                due = time.monotonic() + self._sweep_every
                continue
            starts = self._connector.read(wait)
            if starts is None:
                return
            self._tell(starts, sink)
            if starts.lost:
                sink(Lost(0))
                due = 0.0

    def _tell(self, starts: connector.Starts, sink: Callable[[ProcessEvent], None]) -> None:
        for pid in dict.fromkeys(starts.pids):
            self._glance(pid)
            sink(Started(pid))
