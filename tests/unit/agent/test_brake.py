"""When acting stops although the policy asks for it."""

from __future__ import annotations

import pytest

from agent.brake import (
    ACTS_A_MINUTE,
    ACTS_OF_ALL,
    ALIKE,
    CRASH_REST,
    EVERYTHING,
    MOST_PAUSED,
    NEW_MATCHES,
    Brake,
    Wanted,
    admit,
    held_bans,
    hold_of,
    judge_matches,
    next_change,
    paused,
    paused_until,
    refused_widely,
    released,
    resting_until,
    started,
    under,
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


def test_what_was_let_go_is_not_held_again_at_the_next_start() -> None:
    brake = released(judge_matches(Brake(), {"b": {LI: 500}, "c": {LI: 500}}), ["b"])
    again = judge_matches(brake, {"b": {LI: 500}, "c": {LI: 500}})
    assert not hold_of(again, "b", LI, T) and hold_of(again, "c", LI, T)
    assert hold_of(judge_matches(again, {"b": {LI: 2001}}), "b", LI, T), "what grows far beyond that is held again"


def test_what_is_known_already_is_held_before_everything_was_looked_at() -> None:
    brake = judge_matches(Brake(matched={f"b {LI}": 5}), {"b": {LI: 500}}, whole=False)
    assert hold_of(brake, "b", LI, T)
    assert hold_of(judge_matches(brake, {}, whole=False), "b", LI, T), "what was not looked at yet lets nothing go"
    assert not hold_of(judge_matches(brake, {"b": {LI: 5}}), "b", LI, T)


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
    assert started(brake, clean=True, now=T).bad_ends == ()


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


def _crashed(brake: Brake, times: int, since: int = 0) -> Brake:
    for offset in range(times):
        brake = started(brake, clean=False, now=Instant(T + since + offset))
    return brake


def test_another_policy_or_agent_gets_a_try_of_its_own() -> None:
    brake = _crashed(under(Brake(), "0.1.0", "P1"), 3)
    assert hold_of(brake, "b", LI, Instant(T + 3))
    for agent, policy in (("0.1.0", "P2"), ("0.2.0", "P1")):
        assert not hold_of(under(brake, agent, policy), "b", LI, Instant(T + 3))


def test_a_policy_that_kills_the_agent_before_it_is_remembered_is_not_new_at_each_start() -> None:
    """It starts with the former policy, gets the bad one, dies; again and again."""
    brake = under(Brake(), "0.1.0", "good")
    for offset in range(3):
        brake = under(brake, "0.1.0", "bad")
        brake = started(brake, clean=False, now=Instant(T + offset))
        brake = under(brake, "0.1.0", "good")
        assert not hold_of(brake, "b", LI, Instant(T + offset)), "the former one did nothing wrong"
    assert hold_of(under(brake, "0.1.0", "bad"), "b", LI, Instant(T + 3))


def test_a_pause_holds_everything_until_its_end() -> None:
    brake = paused(Brake(), "r-1", "root", T, 3600)
    assert "root has paused Interdict" in hold_of(brake, "b", LI, Instant(T + 3599))
    assert next_change(brake, T) == T + 3600
    assert not hold_of(brake, "b", LI, Instant(T + 3600))
    assert next_change(brake, Instant(T + 3600)) is None


def test_a_pause_has_an_end_however_long_was_asked_for_and_however_the_clock_moves() -> None:
    brake = paused(Brake(), "r-1", "root", T, 10**9)
    assert paused_until(brake, T) == T + MOST_PAUSED
    assert paused_until(brake, Instant(T - 1)) == 0, "a clock that is set back ends it"


def test_the_end_of_a_pause_lets_go_of_nothing_that_the_brake_holds() -> None:
    brake = paused(judge_matches(Brake(), {"b": {LI: 500}}), "r-1", "root", T, 3600)
    brake = paused(brake, "r-2", "root", T, 0)
    assert paused_until(brake, T) == 0
    assert "500 installations" in hold_of(brake, "b", LI, T)


def test_letting_everything_go_ends_the_rest_after_a_crash_loop_too() -> None:
    brake = released(_crashed(judge_matches(Brake(), {"b": {LI: 500}}), 3), [EVERYTHING], "r-9")
    assert (hold_of(brake, "b", LI, Instant(T + 3)), brake.release) == ("", "r-9")


def test_a_ban_that_refused_many_programs_is_held_until_another_policy_or_a_release() -> None:
    brake = refused_widely(under(Brake(), "0.1.0", "P1"), "b", 7)
    assert "7 different programs" in hold_of(judge_matches(brake, {}), "b", LI, T)
    assert not hold_of(released(brake, ["b"]), "b", LI, T)
    assert not hold_of(under(brake, "0.1.0", "P2"), "b", LI, T)
    assert hold_of(under(brake, "0.1.0", "P1"), "b", LI, T)
