"""Any system: new pids, asked for again and again.

Cheap on Linux because of one question first: `/proc/loadavg` ends with the newest pid, and while that stands still
nothing can have started. Asking costs 1 µs and a wake-up some 30 µs; only after a change are the pids listed (0.5 µs
each). A process is told twice, when its pid is new and one interval later if it became another program meanwhile: the
first look often meets a fork that has not called exec yet.
"""

from __future__ import annotations

import sys
import threading
import time
from collections.abc import Callable

from agent.errors import Denied, Gone
from agent.host import processes
from agent.watch.interface import ProcessEvent, Started, Swept
from policy_schema.rules.observation import Unknown

INTERVAL = 0.25 if sys.platform == "linux" else 1.0
"""Seconds. Where there is no newest pid to ask for, each question lists all pids."""
SWEEP_EVERY = 60.0
"""Seconds between looks at everything: a shell that calls exec after a while keeps its pid."""


class PollingWatcher:
    """Tells of new processes some tenths of a second after they began; shorter ones are not seen."""

    name = "polling"

    def __init__(
        self,
        glance: Callable[[int], None],
        *,
        interval: float = INTERVAL,
        sweep_every: float = SWEEP_EVERY,
        because: str = "",
    ) -> None:
        self._glance = glance
        self._interval = interval
        self._sweep_every = sweep_every
        self._because = because
        self._known: frozenset[int] = frozenset()
        self._young: dict[int, str] = {}
        self._thread: threading.Thread | None = None
        self._stopping = threading.Event()

    def start(self, sink: Callable[[ProcessEvent], None]) -> None:
        """Begins; the first event is a `Swept`."""
        self._thread = threading.Thread(target=self._run, args=(sink,), name="watch-processes", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """Ends; no event comes after it returns."""
        self._stopping.set()
        if self._thread is not None and self._thread is not threading.current_thread():
            self._thread.join()

    def health(self) -> Unknown | None:
        """What polling cannot see, with the reason why nothing better is used."""
        reason = f" ({self._because})" if self._because else ""
        return Unknown("processes", f"programs that end within {self._interval:g} s are not seen{reason}")

    def _run(self, sink: Callable[[ProcessEvent], None]) -> None:
        newborn = processes.Newborn()
        try:
            newborn.any()
            due = self._sweep(sink)
            while not self._stopping.wait(self._interval):
                self._look_again(sink)
                if newborn.any():
                    self._look(sink)
                if time.monotonic() >= due:
                    due = self._sweep(sink)
        finally:
            newborn.close()

    def _sweep(self, sink: Callable[[ProcessEvent], None]) -> float:
        self._known = processes.pids()
        sink(Swept(tuple(pid for pid, _ in processes.running())))
        return time.monotonic() + self._sweep_every

    def _look(self, sink: Callable[[ProcessEvent], None]) -> None:
        now = processes.pids()
        for pid in sorted(now - self._known):
            self._young[pid] = _program(pid)
            self._tell(pid, sink)
        self._known = now

    def _look_again(self, sink: Callable[[ProcessEvent], None]) -> None:
        young, self._young = self._young, {}
        for pid, before in young.items():
            after = _program(pid)
            if after and after != before:
                self._tell(pid, sink)

    def _tell(self, pid: int, sink: Callable[[ProcessEvent], None]) -> None:
        self._glance(pid)
        sink(Started(pid))


def _program(pid: int) -> str:
    try:
        return processes.program(pid)
    except (Gone, Denied):
        return ""
