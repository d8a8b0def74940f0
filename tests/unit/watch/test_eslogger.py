"""macOS: what `eslogger` prints, on every system; and which way each system is watched."""

from __future__ import annotations

import json
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.host.command import Stream, Tool
from agent.watch.choose import CHOICES, best_way, choose_watcher
from agent.watch.eslogger import EsloggerWatcher, Exec, parse_exec
from agent.watch.interface import Lost, ProcessEvent, Started, Swept

SAMPLE = (Path(__file__).parents[2] / "samples" / "eslogger" / "exec.jsonl").read_bytes().splitlines()


def test_the_sample_is_read() -> None:
    assert [parse_exec(line) for line in SAMPLE] == [Exec(812, 0), Exec(813, 1), Exec(812, 2), Exec(901, 7)]


def _with_pid(pid: object) -> bytes:
    return json.dumps({"event": {"exec": {"target": {"audit_token": {"pid": pid}}}}}).encode()


@pytest.mark.parametrize(
    "line",
    [
        pytest.param(b"", id="a line that was too long"),
        pytest.param(b"Not enough privileges\n", id="a complaint"),
        pytest.param(b"[]", id="no object"),
        pytest.param(b'{"event": {"fork": {}}}', id="another event"),
        pytest.param(_with_pid("812"), id="a pid that is text"),
        pytest.param(_with_pid(True), id="a pid that is a truth"),
        pytest.param(_with_pid(-1), id="a pid below zero"),
        pytest.param(_with_pid(2**40), id="a pid that is none"),
        pytest.param(b"[" * 100_000, id="brackets without end"),
    ],
)
def test_what_is_no_start_is_a_value_error(line: bytes) -> None:
    with pytest.raises(ValueError, match=r".*"):
        parse_exec(line)


@given(st.binary(max_size=200))
def test_no_bytes_raise_anything_else(line: bytes) -> None:
    try:
        parse_exec(line)
    except ValueError:
        return


class Printed:
    """A program that printed these lines, and ends or goes on waiting."""

    def __init__(self, lines: list[bytes], ends: bool = False) -> None:
        self._lines, self._closed = lines, threading.Event()
        if ends:
            self._closed.set()

    def lines(self) -> Iterator[bytes]:
        yield from self._lines
        self._closed.wait()

    def close(self) -> None:
        self._closed.set()


class Heard:
    """Events until the one that is waited for."""

    def __init__(self) -> None:
        self.events: list[ProcessEvent] = []
        self._new = threading.Condition()

    def __call__(self, event: ProcessEvent) -> None:
        with self._new:
            self.events.append(event)
            self._new.notify_all()

    def wait(self, number: int) -> list[str]:
        with self._new:
            assert self._new.wait_for(lambda: len(self.events) >= number, timeout=20)
            return [type(event).__name__ for event in self.events[:number]]


def test_starts_are_told_and_a_gap_is_a_loss_with_a_sweep() -> None:
    seen: list[int] = []
    heard = Heard()
    watcher = EsloggerWatcher(seen.append, lambda: Printed(SAMPLE))
    watcher.start(heard)
    assert heard.wait(7) == ["Swept", "Started", "Started", "Started", "Started", "Lost", "Swept"]
    watcher.stop()
    assert seen == [812, 813, 812, 901]
    assert Started(813) in heard.events and Lost(4) in heard.events
    assert watcher.health() is None


@pytest.mark.parametrize(
    "lines",
    [pytest.param([], id="it may not run"), pytest.param([b"of another format\n"] * 50, id="it speaks another format")],
)
def test_polling_takes_over_when(lines: list[bytes]) -> None:
    heard = Heard()
    watcher = EsloggerWatcher(lambda pid: None, lambda: Printed(lines, ends=True))
    watcher.start(heard)
    while watcher.health() is None or not isinstance(heard.events[-1], Swept):
        heard.wait(len(heard.events) + 1)
    watcher.stop()
    problem = watcher.health()
    assert problem is not None and "polling instead" in problem.reason


@pytest.mark.skipif(sys.platform == "win32", reason="a program of POSIX systems")
def test_a_program_that_goes_on_printing_is_read_line_by_line_and_ended() -> None:
    stream = Stream(Tool("yes", ("/usr/bin/yes",)), ["word"])
    lines = stream.lines()
    assert [next(lines) for _ in range(3)] == [b"word\n"] * 3
    stream.close()
    assert all(line == b"word\n" for line in lines if line.endswith(b"\n"))


@pytest.mark.skipif(sys.platform == "win32", reason="a program of POSIX systems")
def test_a_line_that_is_too_long_comes_as_an_empty_one() -> None:
    stream = Stream(Tool("printf", ("/usr/bin/printf",)), ["short\\n%05000d\\nshort\\n", "0"], longest=100)
    assert list(stream.lines()) == [b"short\n", b"", b"short\n"]
    stream.close()


WAYS = {
    ("linux", "auto"): "connector",
    ("linux", "polling"): "polling",
    ("linux", "eslogger"): "polling",
    ("darwin", "auto"): "eslogger",
    ("darwin", "connector"): "polling",
    ("win32", "auto"): "polling",
    ("freebsd14", "auto"): "polling",
}


@pytest.mark.parametrize(("asked", "way"), WAYS.items(), ids=[" ".join(key) for key in WAYS])
def test_each_system_has_its_way(asked: tuple[str, str], way: str) -> None:
    assert best_way(*asked) == way
    assert way in CHOICES


def test_a_way_that_there_is_not_is_refused() -> None:
    with pytest.raises(ValueError, match="there are auto, connector"):
        choose_watcher(lambda pid: None, "telepathy")
