"""Which tool a file is by its bytes: a quick look at the usual places, and all of it for what runs and is unknown."""

from __future__ import annotations

import os
import struct
from pathlib import Path

import pytest

from agent.file_content import FileContent
from policy_schema.rules.rulebook import Device
from tests.fakes.policies import rulebook
from tests.fakes.synthetic import NATIVE_PAYLOAD, synthetic_native, write_elf

VERSION = "2.1.197"
FOUND = ("claude-code/0", VERSION)


@pytest.fixture
def content() -> FileContent:
    made = FileContent()
    made.want(rulebook().for_device(Device("d-1")))
    return made


@pytest.fixture
def moved(tmp_path: Path) -> Path:
    """A program whose headers name no section any more, with 40 MB of nothing behind its end."""
    path = synthetic_native(tmp_path / "tool", VERSION)
    with path.open("r+b") as file:
        file.seek(0x28)
        file.write(struct.pack("<Q", 0))  # e_shoff: no table of sections
        file.seek(0x3C)
        file.write(struct.pack("<HH", 0, 0))  # none in it
    os.truncate(path, path.stat().st_size + (40 << 20))
    return path


def never() -> bool:
    return False


def test_a_quick_look_knows_the_program_as_it_comes(content: FileContent, tmp_path: Path) -> None:
    assert content(str(synthetic_native(tmp_path / "tool", VERSION))) == FOUND


def test_what_is_moved_away_from_a_quick_look_is_found_by_all_bytes(content: FileContent, moved: Path) -> None:
    assert content(str(moved)) == ("", "")
    assert content.through(str(moved), never) == FOUND


def test_a_look_that_is_stopped_is_no_answer_and_is_made_again(content: FileContent, moved: Path) -> None:
    assert content.through(str(moved), lambda: True) == ("", "")
    assert content.through(str(moved), never) == FOUND


def test_a_program_without_anything_is_looked_through_once(content: FileContent, tmp_path: Path) -> None:
    path = write_elf(tmp_path / "tool", b"", 62, ".bun", b"nothing that anybody knows", NATIVE_PAYLOAD)
    asked: list[int] = []

    def stop() -> bool:
        asked.append(1)
        return False

    assert content.through(str(path), stop) == ("", "")
    first = len(asked)
    assert content.through(str(path), stop) == ("", "")
    assert first > 0 and len(asked) == first


def test_a_file_that_is_gone_is_nothing(content: FileContent, tmp_path: Path) -> None:
    assert content.through(str(tmp_path / "gone"), never) == ("", "")
