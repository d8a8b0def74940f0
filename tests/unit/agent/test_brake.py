"""When acting stops although the policy asks for it."""

from __future__ import annotations

import pytest

from agent.brake import (
    ACTS_A_MINUTE,
    ACTS_OF_ALL,
    ALIKE,
    CRASH_REST,
    NEW_MATCHES,
    Brake,
    Wanted,
    admit,
    held_bans,
    hold_of,
    judge_matches,
    released,
    resting_until,
    started,
)
from policy_schema.rules.instant import Instant

LI, WANG, CHEN = 1000, 1001, 1002
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
    brake = judge_matches(Brake(matched={f"b {LI}": count for count in before.values()}), {"b": {LI: after["b"]}})
    assert bool(hold_of(brake, "b", LI, T)) == holds


PEOPLE: dict[str, tuple[dict[int, int], set[int]]] = {
    "one person's decoys hold that person's acts": ({LI: 500, WANG: 1}, {LI}),
    "a few of everybody hold nothing": ({LI: 5, WANG: 5, CHEN: 2}, set()),
    "many of several people hold everybody's": ({LI: 500, WANG: 500, CHEN: 1}, {LI, WANG, CHEN}),
    "a little of each of many people holds everybody's": (dict.fromkeys(range(1000, 1020), 2), set(range(1000, 1020))),
}


@pytest.mark.parametrize(("matched", "held"), PEOPLE.values(), ids=PEOPLE.keys())
def test_one_person_holds_up_only_what_is_done_to_themselves(matched: dict[int, int], held: set[int]) -> None:
    brake = judge_matches(Brake(), {"b": matched})
    assert {uid for uid in matched if hold_of(brake, "b", uid, T)} == held


def test_a_held_ban_does_not_become_the_new_normal_and_can_be_released() -> None:
    brake = judge_matches(Brake(), {"b": {LI: 500}})
    assert "500 installations match where 0 did before" in hold_of(brake, "b", LI, T)
    assert hold_of(judge_matches(brake, {"b": {LI: 500}}), "b", LI, T)
    assert not hold_of(released(brake, ["b"]), "b", LI, T)


def test_who_is_held_is_not_told_to_everybody() -> None:
    assert list(held_bans(judge_matches(Brake(), {"b": {LI: 500}}))) == ["b"]


def test_other_bans_go_on_while_one_is_held() -> None:
    assert not hold_of(judge_matches(Brake(), {"b": {LI: 500}, "c": {LI: 1}}), "c", LI, T)


def _one(uid: int, count: int) -> list[Wanted]:
    return [Wanted(uid)] * count


def test_acts_beyond_the_measure_wait_for_the_next_minute() -> None:
    brake, answers = admit(Brake(), _one(LI, ACTS_A_MINUTE + 5), T)
    assert sum(answers) == ACTS_A_MINUTE
    assert sum(admit(brake, _one(LI, 5), Instant(T + 59))[1]) == 0
    assert sum(admit(brake, _one(LI, 5), Instant(T + 60))[1]) == 5


def test_one_persons_acts_do_not_use_up_anothers() -> None:
    brake, _ = admit(Brake(), _one(LI, 5000), T)
    assert admit(brake, _one(WANG, 3), T)[1] == (True, True, True)


def test_everybodys_acts_together_have_a_measure_too() -> None:
    wanted = [one for uid in range(1000, 1050) for one in _one(uid, ACTS_A_MINUTE)]
    assert sum(admit(Brake(), wanted, T)[1]) == ACTS_OF_ALL


def test_many_processes_of_one_installation_count_as_few_acts() -> None:
    answers = admit(Brake(), [Wanted(LI, "i-1")] * 5000, T)[1]
    assert sum(answers) == ACTS_A_MINUTE * ALIKE


def test_a_clock_that_was_set_back_holds_nothing() -> None:
    late = Instant(T + 10 * 365 * 86400)
    brake, _ = admit(Brake(), _one(LI, ACTS_A_MINUTE), late)
    for offset in (0, 1, 2):
        brake = started(brake, clean=False, now=Instant(late + offset))
    assert admit(brake, _one(LI, 1), T)[1] == (True,)
    assert not hold_of(brake, "b", LI, T)
    assert started(brake, clean=True, now=T).unclean_starts == ()


def test_three_bad_ends_within_ten_minutes_rest_for_an_hour() -> None:
    brake = Brake()
    for offset in (0, 100, 200):
        brake = started(brake, clean=False, now=Instant(T + offset))
    assert resting_until(brake, Instant(T + 201)) == T + 200 + CRASH_REST
    assert hold_of(brake, "b", LI, Instant(T + 201))
    assert not hold_of(brake, "b", LI, Instant(T + 200 + CRASH_REST))


def test_bad_ends_far_apart_are_no_loop() -> None:
    brake = Brake()
    for offset in (0, 400, 1000):
        brake = started(brake, clean=False, now=Instant(T + offset))
    assert resting_until(brake, Instant(T + 2000)) == 0


def test_clean_starts_do_not_count() -> None:
    brake = Brake()
    for offset in range(5):
        brake = started(brake, clean=True, now=Instant(T + offset))
    assert resting_until(brake, Instant(T + 2000)) == 0
