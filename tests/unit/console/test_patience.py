"""What leaves together, and what a request may have beside its body."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, cast

import pytest

from console.patience import MOST_HELD, Gathered


class Pipe:
    """A connection that remembers what was written at once, and that it was closed."""

    def __init__(self) -> None:
        self.said: list[bytes | str] = []

    def write(self, data: bytes) -> None:
        self.said.append(bytes(data))

    def close(self) -> None:
        self.said.append("closed")

    def is_closing(self) -> bool:
        return "closed" in self.said


def head_and_body(gathered: Gathered) -> None:
    gathered.write(b"head ")
    gathered.write(b"body")


def head_and_end(gathered: Gathered) -> None:
    head_and_body(gathered)
    gathered.close()


def two_answers(gathered: Gathered) -> None:
    head_and_body(gathered)
    gathered.write(b" and another")


def nothing_but_an_end(gathered: Gathered) -> None:
    gathered.close()


def much(gathered: Gathered) -> None:
    gathered.write(b"a" * MOST_HELD)
    gathered.write(b"b")
    gathered.write(b"c")


CASES: dict[str, tuple[Callable[[Gathered], None], list[bytes | str]]] = {
    "a head and a body": (head_and_body, [b"head body"]),
    "the last answer": (head_and_end, [b"head body", "closed"]),
    "two answers in one turn": (two_answers, [b"head body and another"]),
    "nothing": (nothing_but_an_end, ["closed"]),
    "much": (much, [b"a" * MOST_HELD + b"b", b"c"]),
}


@pytest.mark.parametrize("name", CASES)
def test_leaves(name: str) -> None:
    write, left = CASES[name]

    async def turn() -> Pipe:
        pipe = Pipe()
        gathered = Gathered(cast("Any", pipe), asyncio.get_running_loop())
        write(gathered)
        await asyncio.sleep(0)
        assert gathered.is_closing() == pipe.is_closing()
        return pipe

    assert asyncio.run(turn()).said == left


def test_what_is_written_in_another_turn_leaves_by_itself() -> None:
    async def turns() -> Pipe:
        pipe = Pipe()
        gathered = Gathered(cast("Any", pipe), asyncio.get_running_loop())
        for part in (b"one", b"two"):
            gathered.write(part)
            await asyncio.sleep(0)
        return pipe

    assert asyncio.run(turns()).said == [b"one", b"two"]
