"""Every step of a quarantine and of a restore fails once: the original is whole, or a restorable copy, never neither.

A step is a system call. `Steps` counts them through the `before` that is handed to the actors; a real child process is
killed with SIGKILL ahead of every call that changes something (between two such calls the disk does not change), and
every call, reading ones too, answers once with an error of the disk.
"""

from __future__ import annotations

import errno
import json
import os
import signal
from collections.abc import Callable, Iterator

import pytest

from agent.enforce.interface import OutcomeCode
from agent.host.folders import Before
from tests.fakes.quarantine import Steps, World, in_child, worlds

ONE = pytest.param(True, id="by one rename")
TWO = pytest.param(False, id="by a copy to another filesystem")
TWO_KILLED = pytest.param(False, id="by a copy to another filesystem", marks=pytest.mark.slow)
"""Killed ahead of each of its many steps."""


@pytest.fixture
def fresh() -> Iterator[Callable[[], World]]:
    with worlds() as make:
        yield make


def whole(world: World, before: dict[str, object]) -> str:
    """Checks the promise after recovery; answers where the installation is."""
    assert world.recover() == [], "a second recovery found something to do"
    leftovers = [path for path in world.home.rglob("*") if path.name.startswith(".interdict-")]
    assert not leftovers
    if os.path.lexists(world.tree):
        assert world.held() == [], "both in its place and in the vault"
        assert same(world.snapshot(), before)
        return "in its place"
    (cell,) = world.held()
    record = json.loads((cell / "record.json").read_text())
    assert record["state"] == "sealed"
    restored = world.give(cell.name)
    assert restored.result is OutcomeCode.RESTORED, restored.detail
    assert same(world.snapshot(), before)
    return "in the vault"


def same(after: dict[str, object], before: dict[str, object]) -> bool:
    """Equal in everything but the times of the folders around, which a crash in between may leave changed."""
    around = {".", "bin", "lib", "lib/node_modules", "lib/node_modules/@vendor"}
    one = {name: facts for name, facts in after.items() if name not in around}
    two = {name: facts for name, facts in before.items() if name not in around}
    assert one == two
    return True


def count(world: World, act: Callable[[World, Before], object], **options: bool) -> list[str]:
    steps = Steps(**options)  # type: ignore[arg-type]
    act(world, steps)
    return steps.seen


def taking(world: World, before: Before) -> object:
    return world.take(before)


def giving(world: World, before: Before) -> object:
    (cell,) = world.held()
    return world.give(cell.name, before)


def taken(fresh: Callable[[], World], one_filesystem: bool) -> World:
    world = fresh()
    outcome = world.take(Steps(one_filesystem=one_filesystem))
    assert outcome.result is OutcomeCode.QUARANTINED, outcome.detail
    return world


@pytest.mark.parametrize("one_filesystem", [ONE, TWO_KILLED])
def test_killed_ahead_of_every_step_of_a_quarantine(fresh: Callable[[], World], one_filesystem: bool) -> None:
    steps = count(fresh(), taking, one_filesystem=one_filesystem)
    places = []
    for number in range(len(steps)):
        world = fresh()
        before = world.snapshot()
        killed = in_child(lambda n=number, w=world: w.take(Steps(n, one_filesystem=one_filesystem)))
        assert killed == signal.SIGKILL, steps[number]
        world.recover()
        places.append(whole(world, before))
    assert places == sorted(places), "once it is in the vault it stays there"
    assert set(places) == {"in its place", "in the vault"}


@pytest.mark.parametrize("one_filesystem", [ONE, TWO_KILLED])
def test_killed_ahead_of_every_step_of_a_restore(fresh: Callable[[], World], one_filesystem: bool) -> None:
    steps = count(taken(fresh, one_filesystem), giving, one_filesystem=one_filesystem)
    places = []
    for number in range(len(steps)):
        world = fresh()
        before = world.snapshot()
        world.take(Steps(one_filesystem=one_filesystem))
        killed = in_child(lambda n=number, w=world: giving(w, Steps(n, one_filesystem=one_filesystem)))
        assert killed == signal.SIGKILL, steps[number]
        world.recover()
        places.append(whole(world, before))
    assert places == sorted(places, reverse=True), "once it is back it stays there"
    assert set(places) == {"in its place", "in the vault"}


WHAT_FAILS = {
    "the disk is full": errno.ENOSPC,
    "the disk is read-only": errno.EROFS,
    "the disk is broken": errno.EIO,
    "it is refused": errno.EACCES,
}
ERRORS = [
    *(
        pytest.param(error, slice(first, None, len(WHAT_FAILS)), id=f"{name}, at steps in turns")
        for first, (name, error) in enumerate(WHAT_FAILS.items())
    ),
    *(
        pytest.param(error, slice(None), id=f"{name}, at all steps", marks=pytest.mark.slow)
        for name, error in WHAT_FAILS.items()
    ),
]
"""In turns: together the four are at every step once."""
STAYS = [pytest.param(False, id="once"), pytest.param(True, id="from then on")]
EVERY = [pytest.param(7, id="every seventh"), pytest.param(1, id="every single one", marks=pytest.mark.slow)]


@pytest.mark.parametrize("stays", STAYS)
@pytest.mark.parametrize(("error", "which"), ERRORS)
@pytest.mark.parametrize("one_filesystem", [ONE, TWO])
def test_an_error_at_every_step_of_a_quarantine(
    fresh: Callable[[], World], one_filesystem: bool, error: int, which: slice, stays: bool
) -> None:
    steps = count(fresh(), taking, one_filesystem=one_filesystem)
    for number in range(len(steps))[which]:
        world = fresh()
        before = world.snapshot()
        outcome = world.take(Steps(number, error, on=stays, one_filesystem=one_filesystem))
        world.recover()
        place = whole(world, before)
        if outcome.result is OutcomeCode.FAILED:
            assert place == "in its place", steps[number]
        if outcome.result is OutcomeCode.QUARANTINED:
            assert place == "in the vault", steps[number]


@pytest.mark.parametrize("stays", STAYS)
@pytest.mark.parametrize(("error", "which"), ERRORS)
@pytest.mark.parametrize("one_filesystem", [ONE, TWO])
def test_an_error_at_every_step_of_a_restore(
    fresh: Callable[[], World], one_filesystem: bool, error: int, which: slice, stays: bool
) -> None:
    steps = count(taken(fresh, one_filesystem), giving, one_filesystem=one_filesystem)
    for number in range(len(steps))[which]:
        world = fresh()
        before = world.snapshot()
        world.take(Steps(one_filesystem=one_filesystem))
        outcome = giving(world, Steps(number, error, on=stays, one_filesystem=one_filesystem))
        world.recover()
        place = whole(world, before)
        if outcome.result is OutcomeCode.RESTORED:  # type: ignore[attr-defined]
            assert place == "in its place", steps[number]


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("one_filesystem", [ONE, TWO])
def test_a_reading_call_fails(fresh: Callable[[], World], one_filesystem: bool, every: int) -> None:
    steps = count(fresh(), taking, one_filesystem=one_filesystem, looks=True)
    for number in range(0, len(steps), every):
        world = fresh()
        before = world.snapshot()
        outcome = world.take(Steps(number, errno.EIO, looks=True, one_filesystem=one_filesystem))
        world.recover()
        assert (outcome.result is OutcomeCode.QUARANTINED) == (whole(world, before) == "in the vault"), steps[number]


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("one_filesystem", [ONE, TWO])
def test_a_reading_call_of_a_restore_fails(fresh: Callable[[], World], one_filesystem: bool, every: int) -> None:
    steps = count(taken(fresh, one_filesystem), giving, one_filesystem=one_filesystem, looks=True)
    for number in range(0, len(steps), every):
        world = fresh()
        before = world.snapshot()
        world.take(Steps(one_filesystem=one_filesystem))
        giving(world, Steps(number, errno.EIO, looks=True, one_filesystem=one_filesystem))
        world.recover()
        whole(world, before)


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("one_filesystem", [ONE, TWO])
def test_killed_again_in_the_middle_of_recovery(fresh: Callable[[], World], one_filesystem: bool, every: int) -> None:
    steps = count(fresh(), taking, one_filesystem=one_filesystem)
    for number in range(2, len(steps), every):
        for again in range(0, 400, every):
            world = fresh()
            before = world.snapshot()
            in_child(lambda n=number, w=world: w.take(Steps(n, one_filesystem=one_filesystem)))
            killed = in_child(lambda n=again, w=world: w.recover(Steps(n, one_filesystem=one_filesystem)))
            world.recover()
            whole(world, before)
            if killed == 0:
                break
        else:
            pytest.fail("recovery never ended")
