"""What the console does by itself: months made ahead, totals of the day, forgetting; by one of several processes."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable
from typing import Final, NamedTuple

from console.clock import Clock
from console.store import partitions, retention, totals
from console.store.db import Database
from console.store.queries import upkeep as statements
from console.store.queries.fleet import Silence
from console.store.retention import Keep

LOOK_EVERY: Final = 60.0
"""Seconds between two looks at what is due."""
DAY: Final = 86_400
WHO: Final = "the console itself"
log = logging.getLogger(__name__)


class Task(NamedTuple):
    """Something that is done every so many seconds."""

    name: str
    every: int
    do: Callable[[int], object]


class Upkeep:
    """Start it, stop it. `turn` does what is due."""

    def __init__(self, database: Database, *, keep: Keep, silent_after: int, clock: Clock) -> None:
        self._database = database
        self._keep = keep
        self._silent_after = silent_after
        self._clock = clock
        self._ending = threading.Event()
        self._thread = threading.Thread(target=self._run, name="console-upkeep")
        self.tasks = (
            Task("months", DAY, self._months),
            Task("totals", totals.EVERY, self._totals),
            Task("prune", DAY, self._prune),
        )

    def start(self) -> None:
        """Begins to look."""
        self._thread.start()

    def stop(self) -> None:
        """Ends after what it is at."""
        self._ending.set()
        self._thread.join()

    def turn(self) -> list[str]:
        """Does what is due, if nobody else does it. Returns the names of what was done."""
        return [task.name for task in self.tasks if not self._ending.is_set() and self._took(task)]

    def _took(self, task: Task) -> bool:
        now = self._clock()
        with self._database.write() as connection:
            connection.execute(statements.first_turn(connection.dialect.name), {"name": task.name, "done_at": 0})
            if connection.execute(statements.take_turn(task.name, now, task.every)).rowcount == 0:
                return False
        task.do(now)
        return True

    def _run(self) -> None:
        while not self._ending.is_set():
            try:
                self.turn()
            except Exception:
                # The database is away, or what was begun failed: it is tried again when it is due next.
                log.exception("upkeep could not be done")
            self._ending.wait(LOOK_EVERY)

    def _months(self, now: int) -> None:
        with self._database.write() as connection:
            partitions.make_ahead(connection, now)

    def _totals(self, now: int) -> None:
        with self._database.write() as connection:
            totals.write(connection, Silence(now, self._silent_after))

    def _prune(self, now: int) -> None:
        retention.prune(self._database, self._keep, now, WHO)
