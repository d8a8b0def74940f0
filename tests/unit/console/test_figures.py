"""Rows of totals as figures: the end of each day, versions, groups too small, whom the next stage hits."""

from __future__ import annotations

from typing import NamedTuple

import pytest

from console.web import figures
from console.web.figures import DAY, Days, Group
from console.web.pages.bans import Simulation, simulate

D = [DAY * day for day in range(30)]


@pytest.mark.parametrize(
    ("came", "went", "days", "line"),
    [
        ([], [], D[:3], (0, 0, 0)),
        ([(D[1], 4)], [], D[:3], (0, 4, 4)),
        ([(D[0], 4), (D[2], 1)], [(D[1], 3)], D[:4], (4, 1, 2, 2)),
        ([(D[0], 4)], [(D[0], 4)], D[:2], (0, 0)),
        ([(D[0], 4), (D[1], 2)], [(D[2], 5)], D[2:4], (1, 1)),
    ],
    ids=[
        "nothing ever",
        "what came stays",
        "some go, one comes",
        "what came and went on one day is not there at its end",
        "what was before the first day counts",
    ],
)
def test_how_many_there_are_at_the_end_of_each_day(
    came: list[tuple[int, int]], went: list[tuple[int, int]], days: list[int], line: tuple[int, ...]
) -> None:
    assert figures.standing(came, went, days) == line


@pytest.mark.parametrize(
    ("now", "first", "last", "begins", "ends"),
    [
        (D[20] + 5, None, None, D[7], D[20]),
        (D[20] + 5, D[2], None, D[2], D[20]),
        (D[20] + 5, D[2], D[24] + 9, D[2], D[26]),
        (D[20] + 5, D[2], D[1], D[2], D[20]),
        (D[20] + 5, D[20] - 400 * DAY, None, D[20] - 92 * DAY, D[20]),
        (D[20] + 5, None, D[20] + 400 * DAY, D[7], D[20] + 45 * DAY),
    ],
    ids=[
        "two weeks where nothing is known",
        "from the first day",
        "on to the deadline and two days more",
        "a deadline that is over adds nothing",
        "no more than three months back",
        "no more than six weeks ahead",
    ],
)
def test_the_days_of_a_chart(now: int, first: int | None, last: int | None, begins: int, ends: int) -> None:
    days = figures.window(now, first, last)
    assert (days[0], days[-1]) == (begins, ends)
    assert set(days) == set(range(begins, ends + DAY, DAY))


def test_nobody_knows_tomorrow() -> None:
    days = Days((D[1], D[2], D[3]), {"here": figures.known((5, 6, 6), (D[1], D[2], D[3]), D[2] + 100)})
    assert days.data == [[D[1], D[2], D[3]], [5, 6, None]]
    assert days.rows == [(D[2], 6), (D[1], 5)]


def test_versions_take_over_from_each_other_and_rare_ones_are_one_line() -> None:
    rows = [(D[1], 1, None, 10), (D[3], 2, 1, 6), (D[3], 0, None, 2), (D[5], 3, 2, 4), (D[5], 3, 1, 1)]
    made = figures.versions(rows, D[6], most=2)
    assert {name: line[-1] for name, line in made.lines.items()} == {"0": 5, "2": 2, "3": 5}
    assert list(made.lines) == ["0", "2", "3"]
    assert {sum(value or 0 for value in at) for at in list(zip(*made.lines.values(), strict=True))[-4:]} == {12}


def test_no_version_at_all_is_no_line() -> None:
    assert figures.versions([], D[20]).lines == {}


def test_of_a_group_of_four_no_figure_is_shown() -> None:
    assert figures.groups([("many", 5), ("few", 4)], {"many": 1, "few": 1}, {"few": 2}) == (
        Group("many", 5, 1, 0),
        Group("few", None, None, None),
    )


class Treated(NamedTuple):
    """A row of what a ban found."""

    state: str
    devices: int
    gone: int = 0
    action: str = "notify"
    next_action: str | None = "block"
    next_from: str | None = "2026-07-10T01:00:00Z"


@pytest.mark.parametrize(
    ("rows", "simulation"),
    [
        ([], None),
        ([Treated("active", 3, next_action=None)], None),
        ([Treated("active", 3), Treated("announced", 2)], Simulation("block", None, 5, 0, (), ())),
        (
            [
                Treated("active", 3),
                Treated("active", 7, gone=1),
                Treated("not-in-rollout", 2),
                Treated("awaiting-notice", 1),
                Treated("held", 4),
                Treated("excepted", 5, next_action=None),
                Treated("weak", 6),
                Treated("of-tomorrow", 1),
            ],
            Simulation("block", None, 4, 3, (("held", 4), ("excepted", 5)), (("weak", 6),)),
        ),
    ],
    ids=[
        "nothing found",
        "no stage to come",
        "all are hit",
        "what is gone, later, spared or not meant is not hit; a state that nobody knows is",
    ],
)
def test_whom_the_next_stage_hits(rows: list[Treated], simulation: Simulation | None) -> None:
    assert simulate(rows, None, 0) == simulation
