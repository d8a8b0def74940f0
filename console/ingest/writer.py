"""One thread that writes. What arrives at the same time is committed together, and answered only after the commit."""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from typing import Any, NamedTuple, TypeVar

from sqlalchemy import Connection

from console.ingest.arrivals import Arrivals
from console.store.db import Database

WAITING = 1_000
"""Jobs that may wait; more are turned away."""
BATCH = 100
T = TypeVar("T")
Together = Callable[[Connection, Sequence[Any]], Sequence[Any]]
"""Does many things of one kind at once; a result or an exception for each."""
Answered = tuple[Any, BaseException | None]


class Busy(Exception):
    """The queue is full, or the writer is about to end."""


class _Job(NamedTuple):
    future: Future[Any]
    work: Callable[[Connection], Any] | None
    together: Together | None = None
    item: Any = None


class Writer:
    """Start it, hand it work, stop it. Stopping finishes what was taken."""

    def __init__(self, database: Database, waiting: int = WAITING) -> None:
        self._database = database
        self._jobs: queue.Queue[_Job | None] = queue.Queue(waiting)
        self._thread = threading.Thread(target=self._run, name="console-writer")
        self._arrivals = Arrivals()
        self._open = False

    def start(self) -> None:
        """Begins to take work."""
        self._open = True
        self._thread.start()

    def stop(self) -> None:
        """Ends after what was taken is done."""
        self._open = False
        self._jobs.put(None)
        self._thread.join()
        while not self._jobs.empty():
            late = self._jobs.get_nowait()
            if late is not None:
                late.future.set_exception(Busy())

    def submit(self, work: Callable[[Connection], T]) -> Future[T]:
        """Runs `work` in a transaction soon. Its result or error arrives after the commit.

        Raises:
            Busy: too much is waiting.
        """
        future: Future[T] = Future()
        self._take(_Job(future, work))
        return future

    def submit_item(self, together: Together, item: object) -> Future[Any]:
        """The same for one of many things of a kind: what waits together is handed to `together` together.

        Raises:
            Busy: too much is waiting.
        """
        future: Future[Any] = Future()
        self._take(_Job(future, None, together, item))
        return future

    @property
    def full(self) -> bool:
        """Whether more would be turned away."""
        return self._jobs.full() or not self._open

    def _take(self, job: _Job) -> None:
        if not self._open:
            raise Busy
        try:
            self._jobs.put_nowait(job)
        except queue.Full:
            raise Busy from None

    def _run(self) -> None:
        ending = False
        while not ending:
            jobs, ending = self._next()
            if jobs:
                self._commit(jobs)

    def _next(self) -> tuple[list[_Job], bool]:
        """Waits for one job and takes what else is there. A slow commit makes the next batch bigger by itself."""
        jobs: list[_Job] = []
        job = self._jobs.get()
        if job is not None:
            self._wait_for_more()
        while job is not None:
            jobs.append(job)
            if len(jobs) == BATCH:
                break
            try:
                job = self._jobs.get_nowait()
            except queue.Empty:
                break
        self._arrivals.taken(len(jobs), time.monotonic())
        return jobs, job is None

    def _wait_for_more(self) -> None:
        """Asleep, since to be woken by each that comes would cost what waiting saves."""
        moment = self._arrivals.moment(self._jobs.qsize(), time.monotonic())
        if moment:
            time.sleep(moment)

    def _commit(self, jobs: list[_Job]) -> None:
        """One transaction, a savepoint a job: what fails takes nobody else with it."""
        jobs = [job for job in jobs if job.future.set_running_or_notify_cancel()]
        try:
            with self._database.write() as connection:
                results = _done(connection, jobs)
        except Exception as error:
            # Nothing was committed: nobody may hear that it was. The agents send again.
            results = [(None, error) for _ in jobs]
        self.answer(jobs, results)

    def answer(self, jobs: list[_Job], results: list[Answered]) -> None:
        """Tells who waits. After the commit, never before."""
        for job, (result, error) in zip(jobs, results, strict=True):
            if error is None:
                job.future.set_result(result)
            else:
                job.future.set_exception(error)


def _done(connection: Connection, jobs: list[_Job]) -> list[Answered]:
    """What is alone in its kind first, then each kind together."""
    results: dict[int, Answered] = {}
    kinds: dict[Together, list[int]] = {}
    for place, job in enumerate(jobs):
        if job.work is not None:
            results[place] = _tried(connection, job.work)
        elif job.together is not None:
            kinds.setdefault(job.together, []).append(place)
    for together, places in kinds.items():
        outcomes = together(connection, [jobs[place].item for place in places])
        for place, outcome in zip(places, outcomes, strict=True):
            results[place] = (None, outcome) if isinstance(outcome, BaseException) else (outcome, None)
    return [results[place] for place in range(len(jobs))]


def _tried(connection: Connection, work: Callable[[Connection], Any]) -> Answered:
    savepoint = connection.begin_nested()
    try:
        result = work(connection)
    except Exception as error:
        savepoint.rollback()
        return None, error
    savepoint.commit()
    return result, None
