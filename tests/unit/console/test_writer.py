"""The one thread that writes: batches, failures, fullness, the end."""

from __future__ import annotations

from collections.abc import Iterator
from threading import Event
from typing import Any

import pytest
from sqlalchemy import Connection, func, insert, select
from sqlalchemy.exc import OperationalError

from console.ingest.writer import BATCH, Busy, Writer
from console.store.db import Database
from console.store.tables import audit

PATIENCE = 30


class Counting(Writer):
    """Remembers how big the batches were."""

    def __init__(self, database: Database, waiting: int = 1000) -> None:
        super().__init__(database, waiting)
        self.batches: list[int] = []

    def answer(self, jobs: list[Any], results: list[Any]) -> None:
        self.batches.append(len(jobs))
        super().answer(jobs, results)


class Held:
    """A job that keeps the writer busy until it is released."""

    def __init__(self, writer: Writer) -> None:
        self.inside, self.release = Event(), Event()
        self.future = writer.submit(self._wait)
        assert self.inside.wait(PATIENCE)

    def _wait(self, connection: Connection) -> None:
        self.inside.set()
        assert self.release.wait(PATIENCE)


@pytest.fixture
def writer(database: Database) -> Iterator[Counting]:
    writer = Counting(database)
    writer.start()
    yield writer
    writer.stop()


def line(connection: Connection) -> str:
    connection.execute(insert(audit).values(at=0, who="", what="x", detail=""))
    return "written"


def lines(database: Database) -> int:
    with database.read() as connection:
        return connection.execute(select(func.count()).select_from(audit)).scalar_one()


def test_the_result_comes_after_the_commit(writer: Counting, database: Database) -> None:
    assert writer.submit(line).result(PATIENCE) == "written"
    assert lines(database) == 1


def test_what_waits_together_is_committed_together(writer: Counting, database: Database) -> None:
    held = Held(writer)
    futures = [writer.submit(line) for _ in range(BATCH + 7)]
    held.release.set()
    assert {future.result(PATIENCE) for future in futures} == {"written"}
    assert writer.batches == [1, BATCH, 7]
    assert lines(database) == BATCH + 7


def test_a_job_that_fails_takes_nobody_with_it(writer: Counting, database: Database) -> None:
    def fails(connection: Connection) -> None:
        line(connection)
        raise ValueError("no")

    held = Held(writer)
    before, bad, after = writer.submit(line), writer.submit(fails), writer.submit(line)
    held.release.set()
    assert before.result(PATIENCE) == after.result(PATIENCE) == "written"
    with pytest.raises(ValueError, match="no"):
        bad.result(PATIENCE)
    assert lines(database) == 2


def test_when_the_commit_fails_nobody_hears_that_it_worked(writer: Counting, database: Database) -> None:
    """A job ends the transaction under the writer's feet: what the others wrote is gone with it."""

    def breaks(connection: Connection) -> str:
        connection.exec_driver_sql("ROLLBACK")
        return "believed"

    held = Held(writer)
    good, bad = writer.submit(line), writer.submit(breaks)
    held.release.set()
    for future in (good, bad):
        with pytest.raises(OperationalError):
            future.result(PATIENCE)
    assert lines(database) == 0
    assert writer.submit(line).result(PATIENCE) == "written"


def test_more_than_may_wait_is_turned_away(database: Database) -> None:
    writer = Counting(database, waiting=2)
    writer.start()
    held = Held(writer)
    waiting = [writer.submit(line) for _ in range(2)]
    with pytest.raises(Busy):
        writer.submit(line)
    held.release.set()
    assert [future.result(PATIENCE) for future in waiting] == ["written", "written"]
    writer.stop()


def test_a_job_whose_sender_has_gone_is_left_out_and_harms_nobody(writer: Counting, database: Database) -> None:
    held = Held(writer)
    gone, stays = writer.submit(line), writer.submit(line)
    assert gone.cancel()
    held.release.set()
    assert stays.result(PATIENCE) == "written"
    assert lines(database) == 1


def test_stopping_finishes_what_was_taken_and_takes_no_more(database: Database) -> None:
    writer = Counting(database)
    writer.start()
    futures = [writer.submit(line) for _ in range(20)]
    writer.stop()
    assert {future.result(0) for future in futures} == {"written"}
    with pytest.raises(Busy):
        writer.submit(line)
