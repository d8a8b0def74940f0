"""Uninstall entries of Windows: which count, what they say, from hives and through the door; hostile ones."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Denied, Gone
from agent.host.registry import RegistryKey
from agent.inventory.interface import Found
from agent.inventory.machine import open_machine
from agent.inventory.windows_formats import Program, parse_uninstall
from agent.inventory.windows_programs import MACHINE_HIVE, Registry, WindowsPrograms
from policy_schema.rules.observation import Face, Observation, Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown
from tests.fakes.registry_hive import HiveFile, below, hive_of, read_export

EXPORT = read_export((SAMPLES / "windows-programs" / "uninstall.reg").read_text())
MACHINE, PERSON = EXPORT["HKEY_LOCAL_MACHINE"], EXPORT["HKEY_CURRENT_USER"]
UNINSTALL = r"Software\Microsoft\Windows\CurrentVersion\Uninstall"
PORTABLE = "/AppData/Local/Microsoft/WinGet/Packages/Anthropic.ClaudeCode_Microsoft.Winget.Source_8wekyb3d8bbwe"
OF_MACHINE = {
    "Example IDE": ("0.2.21", ""),
    "Example Runtime 3.10.2 (64-bit)": ("3.10.2150", "msi"),
    "Old Tool": ("1.2", ""),
}
OF_LI = {"Claude": ("1.1.673", ""), "Claude Code": ("2.1.330", "winget")}


def values(path_end: str, hive: Mapping[str, Mapping[str, str | int]] = MACHINE) -> dict[str, str]:
    return next({k: str(v) for k, v in row.items()} for path, row in hive.items() if path.endswith(path_end))


@pytest.mark.parametrize("path", [*MACHINE, *PERSON], ids=lambda path: path.rpartition("\\")[2])
def test_what_people_see_in_the_list_of_programs_counts(path: str) -> None:
    row = {k: str(v) for k, v in (MACHINE | PERSON)[path].items()}
    found = parse_uninstall(path.rpartition("\\")[2], row)
    assert (found.name if found else None) == next(
        (
            name
            for name in {**OF_MACHINE, **OF_LI}
            if row.get("DisplayName", "").startswith(f"{name}")
            and row["DisplayName"].removeprefix(name) in ("", " version 1.2")
        ),
        None,
    )


def test_an_entry_of_winget_says_so() -> None:
    found = parse_uninstall("x", values("8wekyb3d8bbwe", PERSON))
    assert found is not None
    assert (found.purl, found.key) == ("pkg:winget/anthropic.claudecode@2.1.330", "windows:Claude Code")


@pytest.mark.parametrize(
    ("says", "name", "version"),
    [
        pytest.param({"DisplayName": "Tool 1.2.3", "DisplayVersion": "1.2.3"}, "Tool", "1.2.3", id="with its version"),
        pytest.param({"DisplayName": "1.2", "DisplayVersion": "1.2"}, "1.2", "1.2", id="a name that is a version"),
        pytest.param({"DISPLAYNAME": "Tool"}, "Tool", "", id="names of values in any case"),
        pytest.param({"DisplayName": "Tool", "DisplayVersion": "5.9.3 (3169)"}, "Tool", "5.9.3", id="with a build"),
        pytest.param({"DisplayName": "Tool", "DisplayVersion": "1\x1b[31m"}, "Tool", "", id="with an escape"),
        pytest.param({"DisplayName": " Tool \t"}, "Tool", "", id="blanks around"),
    ],
)
def test_names_and_versions(says: dict[str, str], name: str, version: str) -> None:
    found = parse_uninstall("key", says)
    assert found is not None
    assert (found.name, found.version) == (name, version)


@pytest.mark.parametrize("name", ["", "x" * 300, "Tool\x00", "\x1b]0;Claude\x07", "Claude\u202e"])
def test_names_that_cannot_be_shown_are_none(name: str) -> None:
    assert parse_uninstall("key", {"DisplayName": name}) is None


@given(st.dictionaries(st.sampled_from(["DisplayName", "DisplayVersion", "WinGetPackageIdentifier"]), st.text()))
def test_any_texts_are_read(says: dict[str, str]) -> None:
    found = parse_uninstall("key", says)
    assert found is None or (found.name.isprintable() and len(found.purl) < 800)


# ------------------------------------------------------------------------------------------ hives
def windows(machine: MachineFolder) -> None:
    """The fake machine becomes one of Windows: homes in /Users, hives where they are."""
    machine.at("/Users/li").mkdir(parents=True)
    machine.at("/etc/passwd").unlink()
    machine.at("/home/li").rmdir()
    machine.file(MACHINE_HIVE, hive_of(MACHINE, without="SOFTWARE"))
    machine.file("/Users/li/NTUSER.DAT", hive_of(PERSON))


def test_every_entry_of_the_machine_and_of_each_person_is_found(machine: MachineFolder) -> None:
    windows(machine)
    machine.at("/Users/li/AppData/Local/AnthropicClaude").mkdir(parents=True)
    found = machine.look("windows-programs")
    assert {one.name: (one.version, one.manager) for one in seen(found)} == OF_MACHINE | OF_LI
    rows = {one.name: one for one in seen(found)}
    claude = rows["Claude"]
    assert (claude.face, claude.app, claude.path) == (
        Face.APP,
        "windows:Claude",
        "/Users/li/NTUSER.DAT#AnthropicClaude",
    )
    assert (claude.home, claude.prefix) == ("/Users/li", "/Users/li/AppData/Local/AnthropicClaude")
    assert rows["Claude Code"].path == f"/Users/li{PORTABLE}"
    assert rows["Old Tool"].path == rf"{MACHINE_HIVE}#WOW6432Node\Old Tool"
    assert (rows["Old Tool"].owner, rows["Old Tool"].uid, rows["Old Tool"].home) == ("SYSTEM", 0, "")
    assert found.complete
    assert found.coverage[0].roots == (MACHINE_HIVE, "/Users/li/NTUSER.DAT")


def test_the_same_portable_package_is_seen_by_its_folder(machine: MachineFolder) -> None:
    windows(machine)
    machine.file(f"/Users/li{PORTABLE}/claude.exe")
    paths = {one.source: one.path for one in seen(machine.look("windows-programs", "winget")) if "winget" in one.purl}
    assert paths == {"windows-programs": f"/Users/li{PORTABLE}", "winget": f"/Users/li{PORTABLE}"}


@pytest.mark.parametrize(
    "location",
    [
        r"C:\Users\wang\AppData\Local\Microsoft\WinGet\Packages\Tool",
        r"C:\Users\li\AppData\Local\Microsoft\WinGet\Packages\..\..\..",
        r"C:\Users\li\AppData\Local\Microsoft\WinGet\Packages\Tool\bin",
        r"C:\Users\li\x\..\..\wang\AppData\Local\Microsoft\WinGet\Packages\Tool",
        r"C:\Users\li",
        "C:\\",
        r"\\server\share\Tool",
        "\0",
        "",
    ],
)
def test_a_person_s_entry_cannot_point_at_what_is_another_s(location: str, machine: MachineFolder) -> None:
    windows(machine)
    row = {"DisplayName": "Claude", "InstallLocation": location}
    machine.file("/Users/li/NTUSER.DAT", HiveFile(below(UNINSTALL, {"Claude": row})).data)
    one = next(one for one in seen(machine.look("windows-programs")) if one.name == "Claude")
    assert one.path == "/Users/li/NTUSER.DAT#Claude"


BROKEN = {
    "no hive": b"nothing",
    "cut off": hive_of(PERSON)[:5000],
    "written in part": hive_of(PERSON, clean=False),
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_hive_that_cannot_be_read_whole_is_unknown_and_hides_no_other(data: bytes, machine: MachineFolder) -> None:
    windows(machine)
    machine.file("/Users/li/NTUSER.DAT", data)
    found = machine.look("windows-programs")
    assert {one.name for one in seen(found)} >= set(OF_MACHINE)
    assert [place.where for place in unknown(found)] == ["/Users/li/NTUSER.DAT"]


def test_a_pipe_or_a_link_out_instead_of_a_hive_is_not_waited_for(machine: MachineFolder) -> None:
    windows(machine)
    machine.at("/Users/li/NTUSER.DAT").unlink()
    os.mkfifo(machine.at("/Users/li/NTUSER.DAT"))
    machine.at("/Users/wang").mkdir()
    machine.at("/Users/wang/NTUSER.DAT").symlink_to("/etc/shadow")
    found = machine.look("windows-programs")
    assert [place.where for place in unknown(found)] == ["/Users/li/NTUSER.DAT"]
    assert {one.name for one in seen(found)} == set(OF_MACHINE)


def test_a_machine_without_windows_says_nothing(machine: MachineFolder) -> None:
    found = machine.look("windows-programs")
    assert (seen(found), found.complete) == ([], True)


# ------------------------------------------------------------------------------------------ the door
def door(*, refuse: str = "") -> Registry:
    """The door with the sample behind it; `refuse` names what may not be read."""

    def rows(hive: Mapping[str, Mapping[str, str | int]], path: str) -> Iterator[RegistryKey]:
        if refuse and refuse in path:
            raise Denied(f"{path}: access is denied")
        below = {key: row for key, row in hive.items() if key.casefold().startswith(f"{path.casefold()}\\")}
        if not below:
            raise Gone(f"{path}: not found")
        for key, row in below.items():
            yield RegistryKey(key[len(path) + 1 :], {name: str(value) for name, value in row.items()})

    def machine_keys(path: str, wide: bool) -> Iterator[RegistryKey]:
        yield from rows(MACHINE, path if wide else path.replace("SOFTWARE", r"SOFTWARE\WOW6432Node"))

    def user_keys(sid: str, path: str) -> Iterator[RegistryKey]:
        yield from rows({rf"{sid}\{key}": row for key, row in PERSON.items()}, rf"{sid}\{path}")

    return Registry(machine_keys, user_keys, lambda: {r"C:\Users\li": "S-1-5-21-1"})


def through(machine: MachineFolder, registry: Registry) -> list[Found]:
    with open_machine(root=str(machine.root)) as opened:
        return list(WindowsPrograms(registry).collect(opened))


def test_through_the_door_the_same_is_seen_as_in_the_hives(machine: MachineFolder) -> None:
    windows(machine)
    by_hive = {one.path: one for one in seen(machine.look("windows-programs"))}
    machine.at("/Users/li/NTUSER.DAT").write_bytes(b"held by Windows while li is logged in")
    by_door = {one.path: one for one in through(machine, door()) if isinstance(one, Observation)}
    assert by_door == by_hive


def test_who_is_not_logged_in_is_read_from_the_file(machine: MachineFolder) -> None:
    windows(machine)
    machine.file("/Users/wang/NTUSER.DAT", HiveFile(below(UNINSTALL, {"T": {"DisplayName": "Tool of Wang"}})).data)
    names = {one.name for one in through(machine, door()) if isinstance(one, Observation)}
    assert names == {*OF_MACHINE, *OF_LI, "Tool of Wang"}


@pytest.mark.parametrize(("refuse", "where"), [("S-1-5", "/Users/li/NTUSER.DAT"), ("SOFTWARE", MACHINE_HIVE)])
def test_what_the_door_refuses_is_unknown(refuse: str, where: str, machine: MachineFolder) -> None:
    windows(machine)
    found = through(machine, door(refuse=refuse))
    assert {one.where for one in found if isinstance(one, Unknown)} == {where}
    assert any(isinstance(one, Observation) for one in found)


def test_the_program_that_an_entry_is() -> None:
    assert parse_uninstall("Old Tool", values("Old Tool")) == Program("Old Tool", "1.2", r"D:\Old", "", "")
