"""Somebody fills their own home to hide what is in it, or in somebody else's."""

from __future__ import annotations

import mmap
import sys
from pathlib import Path

import pytest

from agent.file_content import FileContent
from agent.inbox import Inbox
from agent.inventory import SOURCES, executables, npm
from agent.inventory.interface import Look, Wanted
from agent.looker import _MOST_HINTS, Looker, Order
from policy_schema.rules.rulebook import Device
from tests.fakes.machine_folder import MachineFolder, seen, unknown
from tests.fakes.policies import rulebook
from tests.fakes.synthetic import NATIVE_PAYLOAD, native_payload, write_elf

CODE = "@anthropic-ai/claude-code"
MODULES = ".npm-global/lib/node_modules"


def test_a_home_full_of_packages_hides_nothing_in_another(
    machine: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(npm, "MAX_PACKAGES", 5)
    machine.home("wang")
    for number in range(20):
        machine.npm(f"/home/li/{MODULES}/p{number}", f"p{number}", "1.0.0")
    machine.npm(f"/home/wang/{MODULES}/{CODE}", CODE, "2.1.112")
    found = machine.look("npm")
    assert CODE in [one.name for one in seen(found)]
    assert [place.where for place in unknown(found)] == [f"/home/li/{MODULES}"], "and it says what was not looked at"


def test_a_home_full_of_programs_hides_nothing_in_another(
    machine: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(executables, "MAX_FILES", 5)
    machine.home("wang")
    for number in range(20):
        machine.file(f"/home/li/.local/bin/c{number}/claude", "x", 0o755)
        machine.file(f"/home/li/.local/share/claude/versions/1.0.{number}", "x", 0o755)
    machine.file("/home/wang/.local/share/claude/versions/2.1.112", "x", 0o755)
    found = machine.look("executables", wanted=Wanted(folders=("~/.local/share/claude/versions",)))
    assert "2.1.112" in [one.name for one in seen(found)]
    assert {place.reason for place in unknown(found)} == {"more than 5 programs"}


def test_files_are_read_in_turns(machine: MachineFolder) -> None:
    """A look that is ended by the clock has looked at something of everybody's."""
    machine.home("wang")
    for number in range(9):
        machine.file(f"/home/li/.local/share/claude/versions/1.0.{number}", "x", 0o755)
    machine.file("/home/wang/.local/share/claude/versions/2.1.112", "x", 0o755)
    found = machine.look("executables", wanted=Wanted(folders=("~/.local/share/claude/versions",)))
    assert [one.name for one in seen(found)][:3] == ["1.0.0", "2.1.112", "1.0.1"]


def test_two_hundred_odd_programs_do_not_use_up_the_places_for_later_ones() -> None:
    orders: list[Order] = []

    def run(order: Order) -> Look:
        orders.append(order)
        return Look((), {}, {}, False)

    looker = Looker(inbox=Inbox(), run=run, sources=list(SOURCES)[:1])
    for number in range(3 * _MOST_HINTS):
        assert looker.hint(f"/tmp/odd{number}")
    assert looker.hint("/home/wang/x")
    assert not looker.hint("/home/wang/x")
    looker._look(None)
    assert (orders[0].hints[-1], len(orders[0].hints)) == ("/home/wang/x", _MOST_HINTS)


@pytest.mark.skipif(sys.platform != "linux", reason="leases are Linux's")
def test_bytes_changed_through_an_old_mapping_are_read_again(tmp_path: Path) -> None:
    """A dirty page of a shared mapping takes further writes without the file's times moving."""
    program = write_elf(tmp_path / "notes", b"\x90", 62, ".bun", native_payload("2.1.197"), NATIVE_PAYLOAD)
    content = FileContent()
    content.want(rulebook().for_device(Device("d-1")))
    with program.open("r+b") as file, mmap.mmap(file.fileno(), 0) as mapping:
        start = mapping.find(b"(c) Anthropic", NATIVE_PAYLOAD - 4096)
        mapping[start : start + 13] = b"(c) Somebody!"
        assert content(str(program)) == ("", "")
        mapping[start : start + 13] = b"(c) Anthropic"
    assert content(str(program))[0]


def test_what_nobody_can_change_unnoticed_is_read_once(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    program = write_elf(tmp_path / "notes", b"\x90", 62, ".bun", native_payload("2.1.197"), NATIVE_PAYLOAD)
    content = FileContent()
    content.want(rulebook().for_device(Device("d-1")))
    assert content(str(program))[0]
    monkeypatch.setattr("agent.file_content.look", lambda *rest: pytest.fail("it was read a second time"))
    assert content(str(program))[0]
