"""When a changed folder is looked at, on a clock that the test moves."""

from __future__ import annotations

from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.watch.debounce import LONGEST, PROMPT, QUIET, REFILL, STREAM_LIMIT, Debounce


def looks(changes: list[float], until: float) -> list[float]:
    """Replays changes; every look happens exactly when it is due."""
    debounce, made = Debounce(), []
    for moment in [*sorted(changes), until]:
        while (due := debounce.due()) is not None and due <= moment:
            debounce.looked(due)
            made.append(round(due, 6))
        if moment < until:
            debounce.changed(moment)
    return made


def every(step: float, start: float, end: float) -> list[float]:
    return [start + step * number for number in range(int((end - start) / step) + 1)]


@pytest.mark.parametrize(
    ("changes", "made"),
    [
        pytest.param([], [], id="nothing changed, no look"),
        pytest.param([1.0], [1.15], id="one change, one look after a moment"),
        pytest.param([1.0, 1.1, 1.2, 1.3], [1.45], id="one install, one look"),
        pytest.param([1.0, 5.0], [1.15, 5.15], id="two installs, two looks"),
    ],
)
def test_a_look_comes_when_it_is_quiet(changes: list[float], made: list[float]) -> None:
    assert looks(changes, until=60) == made


def test_a_stream_of_changes_is_looked_at_from_time_to_time_and_promptly_at_its_end() -> None:
    made = looks(every(0.05, 100, 160), until=200)
    assert made[0] == pytest.approx(100 + LONGEST)
    assert made[-1] <= 160 + QUIET + 0.05
    assert len(made) < 12
    assert max(later - earlier for earlier, later in pairwise(made)) <= STREAM_LIMIT + QUIET


def test_a_change_every_second_all_day_is_looked_at_seldom() -> None:
    made = looks(every(1, 0, 3600), until=3700)
    assert len(made) <= PROMPT + 3700 / REFILL + 1


def test_after_a_quiet_hour_looks_are_prompt_again() -> None:
    made = looks([*every(1, 0, 600), 4200.0], until=5000)
    assert made[-1] == pytest.approx(4200 + QUIET)


@given(st.lists(st.floats(0, 500, allow_nan=False), max_size=200))
def test_no_change_is_ever_forgotten(changes: list[float]) -> None:
    made = looks(changes, until=2000)
    assert all(any(look >= change for look in made) for change in changes)
