"""Programs in a tree that are known by who signed them: found wherever they are, read once, bounded."""

from __future__ import annotations

import os
import sys

import pytest

from agent.inventory import signed_files
from agent.inventory.interface import Wanted
from policy_schema.rules.observation import Unknown
from tests.fakes.machine_folder import MachineFolder, seen, unknown
from tests.fakes.signed_programs import APPLE, AUTHENTICODE, sample, signed_macho

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="modes and links are those of POSIX")

WANTED = Wanted(frozenset({"tool"}), ("~/.tool",), signers=frozenset({APPLE, AUTHENTICODE}))
MACHO, PE = signed_macho(), sample("signed-sha256.exe")
MAC, WINDOWS = "/System/Library/CoreServices", "/Windows/System32"


def system(machine: MachineFolder, folder: str) -> None:
    machine.at(folder).mkdir(parents=True)


@pytest.mark.parametrize(
    ("path", "data", "mode", "signer", "version"),
    [
        pytest.param("/usr/local/bin/tool", MACHO, 0o755, APPLE, "", id="by its name in a folder of programs"),
        pytest.param("/home/li/.tool/versions/1.2.2", MACHO, 0o755, APPLE, "1.2.2", id="in the tool's own folder"),
        pytest.param("/home/li/.tool/tool.exe", PE, 0o755, AUTHENTICODE, "1.2.3", id="a program of Windows"),
    ],
)
def test_a_program_says_who_signed_it_on_every_system(
    path: str, data: bytes, mode: int, signer: str, version: str, machine: MachineFolder
) -> None:
    machine.file(path, data, mode)
    (one,) = seen(machine.look("executables", wanted=WANTED))
    assert (one.path, one.signer, one.version) == (path, signer, version)


@pytest.mark.parametrize("path", ["/usr/local/bin/notes", "/home/li/notes", "/home/li/Downloads/notes"])
@pytest.mark.parametrize("folder", [MAC, WINDOWS])
def test_on_their_systems_a_renamed_program_is_found_by_its_signer(
    folder: str, path: str, machine: MachineFolder
) -> None:
    system(machine, folder)
    machine.file(path, MACHO if folder == MAC else PE)
    machine.file(f"{path}-of-others", sample("adhoc-arm64") if folder == MAC else sample("unsigned.exe"))
    (one,) = seen(machine.look("executables", wanted=WANTED))
    assert (one.path, one.signer) == (path, APPLE if folder == MAC else AUTHENTICODE)


def test_on_linux_nothing_is_opened_for_its_signer_alone(
    machine: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.file("/home/li/.local/bin/notes", MACHO, 0o755)
    monkeypatch.setattr(signed_files, "is_signable", lambda *_: pytest.fail("opened"))
    assert seen(machine.look("executables", wanted=WANTED)) == []


def test_a_program_is_compared_once_while_it_does_not_change(
    machine: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = machine.file("/home/li/.tool/tool", MACHO, 0o755)
    assert seen(machine.look("executables", wanted=WANTED))[0].signer == APPLE
    with monkeypatch.context() as patched:
        patched.setattr(signed_files, "signer_of", lambda *_: pytest.fail("compared again"))
        assert seen(machine.look("executables", wanted=WANTED))[0].signer == APPLE
    path.write_bytes(MACHO[:1000] + b"!" + MACHO[1001:])
    assert seen(machine.look("executables", wanted=WANTED))[0].signer == ""


def test_who_signs_a_great_deal_is_not_waited_for_and_it_is_said(
    machine: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(signed_files, "MAX_BYTES", 2 * len(MACHO))
    machine.home("wang")
    for name in "abc":
        machine.file(f"/home/li/.tool/{name}", MACHO, 0o755)
    machine.file("/home/wang/.tool/tool", MACHO, 0o755)
    found = machine.look("executables", wanted=WANTED)
    assert {one.path: one.signer for one in seen(found)} == {
        "/home/li/.tool/a": APPLE,
        "/home/li/.tool/b": "",
        "/home/li/.tool/c": "",
        "/home/wang/.tool/tool": APPLE,
    }
    assert {place.where for place in unknown(found)} == {"/home/li/.tool/b", "/home/li/.tool/c"}
    again = seen(machine.look("executables", wanted=WANTED))
    assert [one.signer for one in again if one.path.endswith("/b")] == [APPLE], "the next look goes on from there"


def test_what_cannot_be_read_is_unknown_and_still_known_by_its_name(
    machine: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    machine.file("/home/li/.tool/tool", MACHO, 0o755)
    monkeypatch.setattr(signed_files.DescriptorReader, "read_at", _fails)
    found = machine.look("executables", wanted=WANTED)
    assert [one.path for one in seen(found)] == ["/home/li/.tool/tool"]
    assert [type(place) for place in unknown(found)] == [Unknown]


def _fails(*_: object) -> bytes:
    raise OSError(5, os.strerror(5))
