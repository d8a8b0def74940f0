"""When acting stops although the policy asks for it."""

from __future__ import annotations

import pytest

from agent.brake import (
    ACTS_A_MINUTE,
    CRASH_REST,
    NEW_MATCHES,
    Brake,
    admit,
    hold_of,
    judge_matches,
    released,
    resting_until,
    started,
)
from policy_schema.rules.instant import Instant

T = Instant(1_000_000)

GROWTH = {
    "a few new installations pass": ({}, {"b": NEW_MATCHES}, False),
    "one more than that is held": ({}, {"b": NEW_MATCHES + 1}, True),
    "what was already there may stay many": ({"b": 10}, {"b": 40}, False),
    "four times as many and more is held": ({"b": 10}, {"b": 41}, True),
    "fewer than before pass": ({"b": 100}, {"b": 50}, False),
}


@pytest.mark.parametrize(("before", "after", "holds"), GROWTH.values(), ids=GROWTH.keys())
def test_growth(before: dict[str, int], after: dict[str, int], holds: bool) -> None:
    brake = judge_matches(Brake(matched=before), after)
    assert bool(hold_of(brake, "b", T)) == holds


def test_a_held_ban_does_not_become_the_new_normal_and_can_be_released() -> None:
    brake = judge_matches(Brake(), {"b": 500})
    assert "500 installations match where 0 did before" in hold_of(brake, "b", T)
    assert hold_of(judge_matches(brake, {"b": 500}), "b", T)
    assert not hold_of(released(brake, ["b"]), "b", T)


def test_other_bans_go_on_while_one_is_held() -> None:
    assert not hold_of(judge_matches(Brake(), {"b": 500, "c": 1}), "c", T)


def test_acts_beyond_the_measure_wait_for_the_next_minute() -> None:
    brake, allowed = admit(Brake(), ACTS_A_MINUTE + 5, T)
    assert allowed == ACTS_A_MINUTE
    assert admit(brake, 5, Instant(T + 59))[1] == 0
    assert admit(brake, 5, Instant(T + 60))[1] == 5


def test_three_bad_ends_within_ten_minutes_rest_for_an_hour() -> None:
    brake = Brake()
    for offset in (0, 100, 200):
        brake = started(brake, clean=False, now=Instant(T + offset))
    assert resting_until(brake) == T + 200 + CRASH_REST
    assert hold_of(brake, "b", Instant(T + 201))
    assert not hold_of(brake, "b", Instant(T + 200 + CRASH_REST))


def test_bad_ends_far_apart_are_no_loop() -> None:
    brake = Brake()
    for offset in (0, 400, 1000):
        brake = started(brake, clean=False, now=Instant(T + offset))
    assert resting_until(brake) == 0


def test_clean_starts_do_not_count() -> None:
    brake = Brake()
    for offset in range(5):
        brake = started(brake, clean=True, now=Instant(T + offset))
    assert resting_until(brake) == 0
