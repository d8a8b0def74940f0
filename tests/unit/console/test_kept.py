"""Slow totals are kept for a while, quick ones never; who asks meanwhile waits for the one who counts."""

from __future__ import annotations

import threading

import pytest

from console.web.kept import LONGEST, MOST, STALE, Kept


class Clock:
    """Moves when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("took", "later", "counts"),
    [
        (0.4, 0.0, 2),
        (0.5, 59.0, 1),
        (0.5, 61.0 + STALE, 2),
        (2.0, 239.0, 1),
        (60.0, LONGEST - 1, 1),
        (60.0, LONGEST + STALE + 1, 2),
    ],
    ids=[
        "quick is counted again",
        "slow is kept",
        "kept for a hundred and twenty times as long as it took",
        "slower is kept longer",
        "even very slow ones",
        "but not for ever",
    ],
)
def test_how_long_a_result_is_kept(took: float, later: float, counts: int) -> None:
    clock, counted = Clock(), 0
    kept = Kept(clock)

    def count() -> int:
        nonlocal counted
        counted += 1
        clock.now += took
        return counted

    assert kept.get("k", count) == 1
    clock.now += later
    assert kept.get("k", count) == counts


def test_who_asks_says_what_is_slow_and_what_is_worth_keeping() -> None:
    clock, counted = Clock(), []
    kept = Kept(clock)

    def count(value: int) -> int:
        counted.append(value)
        clock.now += 0.1
        return value

    for _ in range(2):
        assert kept.get("slow enough", lambda: count(5), slow=0.05) == 5
        assert kept.get("not slow", lambda: count(6)) == 6
        assert kept.get("not worth it", lambda: count(7), slow=0.05, worth=lambda value: value > 7) == 7
    assert sorted(counted) == [5, 6, 6, 7, 7]


def test_what_is_stale_is_shown_once_more_and_counted_anew_beside() -> None:
    clock, begun, go, counted = Clock(), threading.Event(), threading.Event(), []
    kept = Kept(clock)

    def count(value: int, *, waits: bool = False) -> int:
        counted.append(value)
        if waits:
            begun.set()
            assert go.wait(10)
        clock.now += 1
        return value

    assert kept.get("k", lambda: count(1)) == 1
    clock.now += 121
    assert kept.get("k", lambda: count(2, waits=True)) == 1
    assert begun.wait(10)
    assert [kept.get("k", lambda: count(3)) for _ in range(3)] == [1, 1, 1], "nobody waits, and nobody counts too"
    go.set()
    _ended()
    assert kept.get("k", lambda: count(4)) == 2
    assert counted == [1, 2]


def test_a_failure_beside_leaves_what_was_there_and_is_tried_again(caplog: pytest.LogCaptureFixture) -> None:
    clock = Clock()
    kept = Kept(clock)

    def slow() -> int:
        clock.now += 1
        return 1

    def fail() -> int:
        raise OSError("the database is away")

    assert kept.get("k", slow) == 1
    clock.now += 121
    for _ in range(2):
        assert kept.get("k", fail) == 1
        _ended()
    assert [record.levelname for record in caplog.records] == ["ERROR"] * 2
    clock.now += STALE
    with pytest.raises(OSError, match="away"):
        kept.get("k", fail)


def _ended() -> None:
    for thread in threading.enumerate():
        if thread.name == "console-totals":
            thread.join(10)


def test_keys_do_not_mix_and_memory_is_bounded() -> None:
    clock = Clock()
    kept = Kept(clock)

    def slow(value: int) -> int:
        clock.now += 1
        return value

    for number in range(3 * MOST):
        assert kept.get(number, lambda number=number: slow(number)) == number
    assert len(kept._known) == MOST
    assert kept.get(3 * MOST - 1, lambda: -1) == 3 * MOST - 1


def test_of_many_who_ask_at_once_one_counts() -> None:
    clock = Clock()
    kept, begun, go, counted = Kept(clock), threading.Event(), threading.Event(), []

    def count() -> int:
        counted.append(1)
        begun.set()
        go.wait(10)
        clock.now += 2
        return 7

    answers: list[int] = []
    threads = [threading.Thread(target=lambda: answers.append(kept.get("k", count))) for _ in range(5)]
    for thread in threads:
        thread.start()
    assert begun.wait(10)
    go.set()
    for thread in threads:
        thread.join(10)
    assert (answers, len(counted)) == ([7] * 5, 1)


def test_a_failure_is_not_kept() -> None:
    kept = Kept(Clock())

    def fail() -> int:
        raise OSError("the database is away")

    with pytest.raises(OSError, match="away"):
        kept.get("k", fail)
    assert kept.get("k", lambda: 1) == 1
