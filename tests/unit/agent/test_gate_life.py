"""The gate's life on a virtual clock: when it is killed, taken over and started again."""

from __future__ import annotations

import itertools

import pytest

from agent.ipc import gate_life as lives
from agent.ipc.gate_life import Act, Life, Stage


class World:
    """Asks `due` every tenth of a second and remembers what was to be done."""

    def __init__(self, starts: bool = True) -> None:
        self.now, self.life, self.starts = 1000.0, Life(), starts
        self.acts: list[tuple[float, Act]] = []

    def live(self, seconds: float, *, beats: bool = False) -> None:
        for _ in range(round(seconds * 10)):
            self.now = round(self.now + 0.1, 3)
            if beats:
                self.life = lives.heard(self.life, self.now)
            self.life, act = lives.due(self.life, self.now, starts=self.starts)
            if act is not None:
                self.acts.append((round(self.now - 1000.0, 1), act))
            if act is Act.START:
                self.life = lives.started(self.life, self.now)

    def dies(self) -> None:
        self.life = lives.ended(self.life, self.now)


def test_a_gate_that_beats_is_left_alone() -> None:
    world = World()
    world.live(0.1)
    world.live(300, beats=True)
    assert world.acts == [(0.1, Act.START)]


def test_silence_is_answered_after_two_seconds_and_two_tenths() -> None:
    world = World(starts=False)
    world.live(5, beats=True)
    world.live(3.6)
    assert world.acts == [(7.0, Act.KILL), (7.2, Act.TAKE_OVER), (8.2, Act.TAKE_OVER)]


def test_a_beat_does_not_save_one_that_is_being_killed() -> None:
    world = World(starts=False)
    world.live(1, beats=True)
    world.live(2.1)
    world.live(1, beats=True)
    assert [act for _, act in world.acts] == [Act.KILL, Act.TAKE_OVER]


def test_a_daemon_that_stood_still_itself_does_not_call_the_gate_silent() -> None:
    world = World(starts=False)
    world.live(5, beats=True)
    world.now += 3600  # suspended, stopped, starved
    world.live(1)
    assert world.acts == []
    world.live(1)
    assert [act for _, act in world.acts] == [Act.KILL]


def test_one_that_ends_is_started_at_once_and_then_with_growing_pauses() -> None:
    world = World()
    began = []
    for _ in range(9):
        before = len(world.acts)
        while len(world.acts) == before:
            world.live(0.1)
        began.append(world.acts[-1][0])
        world.dies()
    pauses = [round(later - earlier) for earlier, later in itertools.pairwise(began)]
    assert pauses == [0, 1, 2, 4, 8, 16, 32, 60]


def test_after_a_minute_of_life_it_is_started_at_once_again() -> None:
    world = World()
    for _ in range(4):
        world.live(20)
        world.dies()
    world.live(60)
    world.live(lives.STEADY + 1, beats=True)
    world.dies()
    world.acts.clear()
    world.live(0.2)
    assert [act for _, act in world.acts] == [Act.START]


def test_one_that_never_says_a_word_is_killed_after_ten_seconds() -> None:
    world = World()
    world.live(10.2)
    assert [act for _, act in world.acts] == [Act.START, Act.KILL]


def test_where_a_service_manager_starts_it_the_daemon_never_does() -> None:
    world = World(starts=False)
    world.live(200)
    assert world.acts == []


def test_one_of_an_earlier_daemon_has_its_time_to_come() -> None:
    world = World()
    world.life = lives.expected(world.life, world.now, 5.0)
    world.live(6)
    assert world.acts[0] == (5.0, Act.START)


@pytest.mark.parametrize("stage", list(Stage))
def test_the_next_question_is_never_far_off_while_something_can_be_due(stage: Stage) -> None:
    life = Life(stage=stage, heard=10.0, act_at=10.05)
    assert 0 <= lives.wait(life, 10.0, starts=True) <= 0.25
