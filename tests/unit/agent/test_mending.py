"""A journal that is damaged in any way: set aside, and what cannot be found again by looking is in the next one."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.brake import Brake, Pause
from agent.errors import StateBroken
from agent.memory import Memory
from agent.persons import Person
from agent.report.journal import Journal
from agent.report.mending import KEPT, SET_ASIDE, TIMES, SecondCopy, open_journal
from policy_schema.rules.instant import Instant

TOLD = Person(told={"block": Instant(1_000)})
BRAKE = Brake(pause=Pause("r-1", "root", Instant(1), Instant(2)), held={"b": "why"})


def _overwrite(path: Path, begin: int, end: int) -> None:
    data = path.read_bytes()
    path.write_bytes(data[:begin] + random.Random(7).randbytes(end - begin) + data[end:])


DAMAGES: dict[str, Callable[[Path], object]] = {
    "it is all garbage": lambda path: _overwrite(path, 0, path.stat().st_size),
    "its first page is garbage": lambda path: _overwrite(path, 0, 4096),
    "only its first page is left": lambda path: os.truncate(path, 4096),
    "everything but its first page is garbage": lambda path: _overwrite(path, 4096, path.stat().st_size),
    "each of its pages has a hole": lambda path: [
        _overwrite(path, at, at + 64) for at in range(4096, path.stat().st_size, 4096)
    ],
    "it is cut in half": lambda path: os.truncate(path, path.stat().st_size // 2),
    "it is empty": lambda path: os.truncate(path, 0),
    "it is gone": Path.unlink,
    "it is text": lambda path: path.write_text("journal\n" * 1000),
}


def _filled(folder: Path, copy: bool = True) -> Path:
    path = folder / "journal.db"
    journal = Journal(str(path))
    memory = Memory(journal)
    memory.keep_person("b", "claude-code", 1000, TOLD)
    memory.keep_brake(BRAKE)
    journal.raise_highest({"root": 3, "targets": 9})
    journal.set_meta("clock-floor", "1795000000")
    for number in range(300):
        journal.put_case(f"f-{number}", {"t": ["x" * 200]}, None)
    if copy:
        SecondCopy(journal, str(folder)).keep(1.0)
    journal.close()
    return path


@pytest.mark.parametrize("damage", DAMAGES.values(), ids=DAMAGES.keys())
def test_what_people_were_told_and_the_highest_versions_survive(
    tmp_path: Path, damage: Callable[[Path], object]
) -> None:
    path = _filled(tmp_path)
    damage(path)
    why: list[str] = []
    journal = open_journal(str(path), why.append)
    memory = Memory(journal)
    assert memory.person("b", "claude-code", 1000) == TOLD
    assert memory.brake == BRAKE
    assert journal.highest() == {"root": 3, "targets": 9}
    assert journal.meta("clock-floor") == "1795000000"
    assert (len(why), journal.meta(TIMES), memory.cases) == (1, "1", {})
    assert journal.meta(SET_ASIDE) in why[0]
    journal.close()


def test_a_sound_one_is_left_as_it_is(tmp_path: Path) -> None:
    path = _filled(tmp_path)
    why: list[str] = []
    journal = open_journal(str(path), why.append)
    assert (why, len(list(journal.bodies("cases"))), journal.meta(TIMES)) == ([], 300, "")
    journal.close()


def test_without_a_second_copy_what_can_still_be_read_is_taken(tmp_path: Path) -> None:
    path = _filled(tmp_path, copy=False)
    data = bytearray(path.read_bytes())
    at = data.rindex(b"xxxxxxxx") // 4096 * 4096
    data[at : at + 4096] = b"\xff" * 4096
    path.write_bytes(data)
    journal = open_journal(str(path), lambda why: None)
    assert journal.highest() == {"root": 3, "targets": 9}
    assert Memory(journal).person("b", "claude-code", 1000) == TOLD
    journal.close()


@pytest.mark.parametrize("copy", ["", "[]", '{"persons": [[1, 2], "x", {"a": 1}], "highest": 7, "meta": [["brake"]]}'])
def test_whatever_stands_in_the_copy_a_journal_begins(tmp_path: Path, copy: str) -> None:
    path = _filled(tmp_path)
    path.write_bytes(b"garbage" * 1000)
    (tmp_path / "remembered.json").write_text(copy)
    journal = open_journal(str(path), lambda why: None)
    assert (journal.highest(), Memory(journal).brake) == ({}, Brake())
    journal.close()


def test_only_the_last_few_damaged_ones_are_kept(tmp_path: Path) -> None:
    path = _filled(tmp_path)
    for _ in range(KEPT + 2):
        path.write_bytes(b"garbage" * 1000)
        journal = open_journal(str(path), lambda why: None)
        SecondCopy(journal, str(tmp_path)).keep(1.0)
        journal.close()
    assert len(list(tmp_path.glob("journal.db.damaged-?"))) == KEPT
    journal = open_journal(str(path), lambda why: None)
    assert Memory(journal).person("b", "claude-code", 1000) == TOLD
    assert journal.meta(TIMES) == str(KEPT + 2)
    journal.close()


def test_one_of_a_newer_agent_is_not_damaged(tmp_path: Path) -> None:
    path = _filled(tmp_path)
    journal = Journal(str(path))
    journal._db.execute("PRAGMA user_version = 99")
    journal.close()
    with pytest.raises(StateBroken, match="newer agent"):
        open_journal(str(path), lambda why: None)
    assert not list(tmp_path.glob("*.damaged*"))
