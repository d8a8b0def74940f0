"""Parts of the daemon that run on threads of their own, started again when they fail.

A part is a function that runs until its stop event is set. One that ends with an error is started again after a
delay that doubles from one second to a minute; each restart is counted and logged, none is silent.
"""

from __future__ import annotations

import threading
import time
import traceback
from collections.abc import Callable
from typing import NamedTuple

from agent.events import Event, EventLog

_FIRST_DELAY = 1.0
_LAST_DELAY = 60.0
_TROUBLE_FOR = 300.0
"""Seconds for which a part that failed is shown as such: longer than the longest pause between two tries."""


class Part(NamedTuple):
    """A named function that runs until the event is set."""

    name: str
    run: Callable[[threading.Event], None]
    wake: Callable[[], None] | None = None
    """Called once the event is set, where the function waits for something else."""


class Supervisor:
    """Starts parts, starts them again, and ends them."""

    def __init__(self, log: EventLog) -> None:
        self._log = log
        self._stop = threading.Event()
        self._threads: list[threading.Thread] = []
        self._wakes: list[Callable[[], None]] = []
        self.restarts = 0
        self._failed: dict[str, tuple[float, str]] = {}

    def troubles(self, now: float) -> list[tuple[str, str]]:
        """Parts that failed in the last minutes, as (part, kind of error); `now` in monotonic seconds."""
        return [(name, why) for name, (at, why) in sorted(self._failed.items()) if now - at < _TROUBLE_FOR]

    def start(self, part: Part) -> None:
        """Starts one part on a thread of its own."""
        thread = threading.Thread(target=self._keep, args=(part,), name=part.name, daemon=True)
        self._threads.append(thread)
        if part.wake is not None:
            self._wakes.append(part.wake)
        thread.start()

    def stop(self, patience: float = 5.0) -> list[str]:
        """Asks all parts to end and waits. Returns the names of those that did not in time."""
        self._stop.set()
        for wake in self._wakes:
            wake()
        for thread in self._threads:
            thread.join(patience)
        return [thread.name for thread in self._threads if thread.is_alive()]

    def _keep(self, part: Part) -> None:
        delay = _FIRST_DELAY
        while not self._stop.is_set():
            try:
                part.run(self._stop)
                return
            except Exception as error:  # a part that fails is started again, whatever it was
                where = traceback.extract_tb(error.__traceback__)[-1]
                place = f"{where.filename}:{where.lineno}"
                self._log.write(Event.PART_FAILED, part=part.name, error=repr(error)[:300], place=place)
                self.restarts += 1
                self._failed[part.name] = (time.monotonic(), type(error).__name__)
            self._stop.wait(delay)
            delay = min(delay * 2, _LAST_DELAY)
