"""Slow totals are kept for a while, quick ones never; who asks meanwhile waits for the one who counts."""

from __future__ import annotations

import threading

import pytest

from console.web.kept import LONGEST, MOST, Kept


class Clock:
    """Moves when told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


@pytest.mark.parametrize(
    ("took", "later", "counts"),
    [(0.4, 0.0, 2), (0.5, 59.0, 1), (0.5, 61.0, 2), (2.0, 239.0, 1), (60.0, LONGEST - 1, 1), (60.0, LONGEST + 1, 2)],
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
