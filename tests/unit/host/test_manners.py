"""A thread that gives way: its share of a processor by a clock of the test's own, its priorities as the system says."""

from __future__ import annotations

import ctypes
import os
import platform
import sys
import threading
from collections.abc import Callable

import pytest

from agent.host.manners import NICE, PIECE, Budget, idle_disk, lower_priority

_IOPRIO_GET = {"x86_64": 252, "aarch64": 31}


class Clocks:
    """The wall's clock and the thread's, moved by hand."""

    def __init__(self) -> None:
        self.now = 0.0
        self.used = 0.0
        self.waits: list[float] = []

    def work(self, seconds: float) -> None:
        """The thread computes."""
        self.now += seconds
        self.used += seconds

    def wait(self, seconds: float) -> bool:
        """The thread waits, and nobody ends it."""
        self.waits.append(seconds)
        self.now += seconds
        return False


@pytest.fixture
def clocks() -> Clocks:
    """Both at zero."""
    return Clocks()


def budget(clocks: Clocks, share: float = 0.5, burst: float = 1.0) -> Budget:
    """A budget that is asked at each call."""
    made = Budget(share, burst, used=lambda: clocks.used, monotonic=lambda: clocks.now, every=1)
    made.pause(clocks.wait)
    return made


def test_what_is_short_is_not_slowed_down(clocks: Clocks) -> None:
    one = budget(clocks)
    for _ in range(9):
        clocks.work(0.1)
        one.pause(clocks.wait)
    assert clocks.waits == []


@pytest.mark.parametrize(("share", "burst"), [(0.5, 1.0), (0.25, 0.0), (0.9, 1.0)])
def test_over_time_no_more_than_the_share_is_used(clocks: Clocks, share: float, burst: float) -> None:
    one = budget(clocks, share, burst)
    for _ in range(2_000):
        clocks.work(0.01)
        one.pause(clocks.wait)
    assert clocks.used <= share * clocks.now + burst + 0.02
    assert clocks.used >= 0.95 * share * clocks.now, "and it gets what it is due"
    assert max(clocks.waits) <= PIECE
    assert one.paused == pytest.approx(sum(clocks.waits))


def test_rest_is_saved_up_to_the_burst_and_no_further(clocks: Clocks) -> None:
    one = budget(clocks)
    clocks.now += 1_000.0
    one.pause(clocks.wait)
    clocks.work(1.9)
    one.pause(clocks.wait)
    assert clocks.waits == []
    clocks.work(1.9)
    one.pause(clocks.wait)
    assert sum(clocks.waits) == pytest.approx(1.8, abs=0.1)


def test_waiting_ends_at_once_when_asked_to(clocks: Clocks) -> None:
    one = budget(clocks)
    clocks.work(100.0)
    asked: list[float] = []

    def stopped(seconds: float) -> bool:
        asked.append(seconds)
        return True

    one.pause(stopped)
    assert asked == [PIECE]


def test_clocks_are_looked_at_now_and_then_only() -> None:
    looked: list[float] = []

    def used() -> float:
        looked.append(0.0)
        return 0.0

    one = Budget(0.5, 1.0, used=used, monotonic=lambda: 0.0, every=10)
    for _ in range(100):
        one.pause(lambda seconds: False)
    assert len(looked) == 10


def in_a_thread(act: Callable[[], object]) -> object:
    """What a thread of its own answers; the thread that runs the tests stays as it was."""
    answers: list[object] = []
    thread = threading.Thread(target=lambda: answers.append(act()))
    thread.start()
    thread.join()
    return answers[0]


@pytest.mark.skipif(sys.platform != "linux", reason="threads of Linux have a nice value each")
def test_the_thread_alone_gives_way() -> None:
    if sys.platform == "linux":
        before = os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

        def act() -> tuple[bool, int]:
            return lower_priority(), os.getpriority(os.PRIO_PROCESS, threading.get_native_id())

        assert in_a_thread(act) == (True, NICE)
        assert os.getpriority(os.PRIO_PROCESS, threading.get_native_id()) == before


@pytest.mark.skipif(platform.machine() not in _IOPRIO_GET or sys.platform != "linux", reason="no number for the call")
def test_the_disk_is_left_to_others_as_long_as_it_lasts() -> None:
    def kind() -> int:
        return int(ctypes.CDLL(None).syscall(_IOPRIO_GET[platform.machine()], 1, 0)) >> 13

    def act() -> tuple[bool, int, int]:
        with idle_disk() as idle:
            inside = kind()
        return idle, inside, kind()

    assert in_a_thread(act) == (True, 3, 2)
