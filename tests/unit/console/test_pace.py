"""When devices report next: each in its own second, further apart when the console is slow, never all at once."""

from __future__ import annotations

from collections import Counter
from math import sqrt

import pytest
from hypothesis import given
from hypothesis import strategies as st

from console.ingest.pace import CALM, LONGEST, RETRY_FIRST, RETRY_SPAN, SLOW, WINDOW, Pace

EVERY = 900
DEVICES = [f"d-{number:024x}" for number in range(20_000)]
NOW = 1_783_000_000


def judged(pace: Pace, seconds: float, windows: int = 1, start: float = 0.0) -> None:
    """Answers that took so long, for so many windows."""
    for window in range(windows):
        for part in (0.0, 0.5, 1.0):
            pace.answered(seconds, start + (window + part) * WINDOW)


@given(now=st.integers(0, 2**33), device=st.sampled_from(DEVICES))
def test_a_device_is_asked_back_in_its_own_second_half_an_interval_to_one_and_a_half_later(
    now: int, device: str
) -> None:
    pace = Pace(EVERY)
    at = pace.next_report(device, now)
    assert EVERY // 2 <= at - now < EVERY + EVERY // 2
    assert pace.next_report(device, at) == at + EVERY, "from then on it comes at its interval"


def test_a_fleet_that_came_in_one_second_is_spread_over_the_whole_interval() -> None:
    pace = Pace(EVERY)
    coming = Counter(pace.next_report(device, NOW) for device in DEVICES)
    average = len(DEVICES) / EVERY
    assert len(coming) == EVERY
    assert max(coming.values()) < average + 6 * sqrt(average), "no second is fuller than chance makes it"


def test_a_fleet_that_took_up_a_policy_within_a_minute_is_back_in_its_seconds_with_the_next_answer() -> None:
    pace = Pace(EVERY)
    steady = {device: pace.next_report(device, NOW) % EVERY for device in DEVICES}
    after = {device: pace.next_report(device, NOW + place % 60) for place, device in enumerate(DEVICES)}
    assert {device: at % EVERY for device, at in after.items()} == steady


@pytest.mark.parametrize(
    ("seconds", "windows", "level"),
    [
        (SLOW / 2, 5, 0),
        (SLOW * 2, 1, 1),
        (SLOW * 2, 2, 2),
        (SLOW * 2, 20, LONGEST),
    ],
    ids=["answers in time change nothing", "slow answers double it", "slower for longer: again", "but not for ever"],
)
def test_the_interval_grows_with_slow_answers(seconds: float, windows: int, level: int) -> None:
    pace = Pace(EVERY)
    judged(pace, seconds, windows)
    assert pace.level == level
    distances = [pace.next_report(device, NOW) - NOW for device in DEVICES[:500]]
    assert (EVERY << level) // 2 <= min(distances) and max(distances) < (EVERY << level) * 3 // 2


def test_it_shrinks_only_after_a_while_of_quick_answers() -> None:
    pace = Pace(EVERY)
    judged(pace, SLOW * 2, 2)
    judged(pace, 0.01, CALM - 1, start=2 * WINDOW)
    assert pace.level == 2
    judged(pace, 0.01, 1, start=(CALM + 1) * WINDOW)
    assert pace.level == 1


def test_who_is_turned_away_makes_it_grow_and_comes_back_spread() -> None:
    pace = Pace(EVERY)
    for at in (0.0, WINDOW):
        pace.turned_away(at)
    assert pace.level == 1
    waits = Counter(pace.retry_after(device.encode()) for device in DEVICES)
    assert set(waits) == set(range(RETRY_FIRST, RETRY_FIRST + 2 * RETRY_SPAN))
    assert max(waits.values()) < 2 * len(DEVICES) / (2 * RETRY_SPAN)
