"""Parts that fail are started again, counted, logged and shown; those that end are not."""

from __future__ import annotations

import io
import json
import threading
import time

from agent.events import EventLog
from agent.supervise import Part, Supervisor

PATIENCE = 10.0


def test_a_part_that_fails_is_started_again_and_shown() -> None:
    log, tries, up = io.StringIO(), [0], threading.Event()

    def run(stop: threading.Event) -> None:
        tries[0] += 1
        if tries[0] == 1:
            raise OSError("the first time")
        up.set()
        stop.wait()

    supervisor = Supervisor(EventLog(log))
    supervisor.start(Part("looker", run))
    assert up.wait(PATIENCE)
    assert supervisor.troubles(time.monotonic()) == [("looker", "OSError")]
    assert supervisor.troubles(time.monotonic() + 3600) == []
    assert (supervisor.restarts, supervisor.stop()) == (1, [])
    assert [json.loads(line)["event"] for line in log.getvalue().splitlines()] == ["part-failed"]


def test_a_part_that_waits_for_something_else_is_woken_to_stop() -> None:
    wish, up = threading.Event(), threading.Event()

    def run(stop: threading.Event) -> None:
        up.set()
        assert wish.wait(PATIENCE)
        assert stop.is_set(), "it is told to stop before it is woken"

    log = io.StringIO()
    supervisor = Supervisor(EventLog(log))
    supervisor.start(Part("examiner", run, wish.set))
    assert up.wait(PATIENCE)
    assert (supervisor.stop(PATIENCE), log.getvalue()) == ([], "")


def test_a_part_that_ends_is_not_started_again() -> None:
    tries, ended = [0], threading.Event()

    def run(stop: threading.Event) -> None:
        tries[0] += 1
        ended.set()

    supervisor = Supervisor(EventLog(io.StringIO()))
    supervisor.start(Part("once", run))
    assert ended.wait(PATIENCE)
    assert (supervisor.stop(), tries, supervisor.troubles(time.monotonic())) == ([], [1], [])
