"""Packages of Windows that have a folder each: MSIX, winget, Scoop, Chocolatey."""

from __future__ import annotations

import json
import os
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.windows_formats import (
    Msix,
    Named,
    parse_appx_manifest,
    parse_msix_folder,
    parse_nuspec,
    parse_scoop_manifest,
    parse_winget_folder,
    publisher_id,
)
from policy_schema.rules.observation import Face
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

APPS = "/Program Files/WindowsApps"
FULL = "Example.Tool_1.2.3.0_x64__8wekyb3d8bbwe"
LIB = "/ProgramData/chocolatey/lib"


def sample(name: str) -> bytes:
    return (SAMPLES / name).read_bytes()


# ------------------------------------------------------------------------------------------ MSIX
@pytest.mark.parametrize(
    ("folder", "expected"),
    [
        ("Claude_1.1.673.0_x64__pzs8sxrjxfjjc", Msix("Claude", "1.1.673", "pzs8sxrjxfjjc")),
        (FULL, Msix("Example.Tool", "1.2.3", "8wekyb3d8bbwe")),
        ("Example.Tool_1.2.3.4_neutral_en-us_8wekyb3d8bbwe", Msix("Example.Tool", "1.2.3.4", "8wekyb3d8bbwe")),
        ("Example.Tool_1.2.3.0_neutral_~_8wekyb3d8bbwe", None),
        ("Example.Tool_1.2.3.0_neutral_split.language-fr_8wekyb3d8bbwe", None),
        ("Example.Tool_8wekyb3d8bbwe", None),
        ("Deleted", None),
        ("Example.Tool_1.2.3.0_x64__8WEKYB3D8BBWE", None),
    ],
)
def test_the_name_of_a_folder_is_the_package_s_own(folder: str, expected: Msix | None) -> None:
    assert parse_msix_folder(folder) == expected


def test_the_hash_of_a_publisher_is_windows_own() -> None:
    name = "CN=Microsoft Corporation, O=Microsoft Corporation, L=Redmond, S=Washington, C=US"
    assert publisher_id(name) == "8wekyb3d8bbwe"


def test_a_manifest_says() -> None:
    found = parse_appx_manifest(sample("msix/AppxManifest.xml"))
    assert (found.family, found.version) == ("Example.Tool_8wekyb3d8bbwe", "1.2.3")
    assert (found.key, found.purl) == (
        "windows:Example.Tool_8wekyb3d8bbwe",
        "pkg:msix/example.tool_8wekyb3d8bbwe@1.2.3",
    )


def test_a_package_is_found_whatever_its_manifest_says(machine: MachineFolder) -> None:
    machine.file(f"{APPS}/{FULL}/AppxManifest.xml", sample("msix/AppxManifest.xml"))
    machine.file(f"{APPS}/Other.Tool_1.0.0.0_x64__8wekyb3d8bbwe/AppxManifest.xml", sample("msix/AppxManifest.xml"))
    machine.at(f"{APPS}/Staged.Tool_1.0.0.0_x64__8wekyb3d8bbwe").mkdir()
    found = machine.look("msix")
    assert [(one.app, one.version, one.face, one.manager) for one in seen(found)] == [
        ("windows:Example.Tool_8wekyb3d8bbwe", "1.2.3", Face.APP, "msix"),
        ("windows:Other.Tool_8wekyb3d8bbwe", "1.0.0", Face.APP, "msix"),
    ]
    assert [place.reason for place in unknown(found)] == ["it is another package's than its folder says"]


# ------------------------------------------------------------------------------------------ winget
@pytest.mark.parametrize("line", (SAMPLES / "winget" / "folders.txt").read_text().splitlines())
def test_a_folder_of_winget_is_called_after_its_package(line: str) -> None:
    folder, name = line.split()
    assert parse_winget_folder(folder) == name


@pytest.mark.parametrize("name", ["", "tool", "..", "a b.c_x", ".Tool_x", "a..b_x", "x" * 40 + ".y_z"])
def test_other_folders_are_none_of_winget_s(name: str) -> None:
    assert parse_winget_folder(name) == ""


@pytest.mark.parametrize(
    ("place", "home"),
    [
        ("/home/li/AppData/Local/Microsoft/WinGet/Packages", "/home/li"),
        ("/Program Files/WinGet/Packages", ""),
        ("/Program Files (x86)/WinGet/Packages", ""),
    ],
)
def test_portable_packages_are_found(place: str, home: str, machine: MachineFolder) -> None:
    machine.file(f"{place}/Anthropic.ClaudeCode_Microsoft.Winget.Source_8wekyb3d8bbwe/claude.exe")
    machine.file(f"{place}/notes/x")
    found = machine.look("winget")
    (one,) = seen(found)
    assert (one.name, one.purl, one.manager, one.home) == (
        "Anthropic.ClaudeCode",
        "pkg:winget/anthropic.claudecode",
        "winget",
        home,
    )
    assert found.complete


# ------------------------------------------------------------------------------------------ Scoop
@pytest.mark.parametrize(("root", "home"), [("/home/li/scoop", "/home/li"), ("/ProgramData/scoop", "")])
def test_every_version_of_scoop_is_found_once(root: str, home: str, machine: MachineFolder) -> None:
    for version in ("1.2.2", "1.2.3"):
        manifest = sample("scoop/manifest.json").replace(b"1.2.3", version.encode())
        machine.file(f"{root}/apps/tool/{version}/manifest.json", manifest)
    machine.link(f"{root}/apps/tool/current", "1.2.3")
    found = machine.look("scoop")
    assert [(one.purl, one.path, one.home) for one in seen(found)] == [
        (f"pkg:scoop/tool@{version}", f"{root}/apps/tool/{version}", home) for version in ("1.2.2", "1.2.3")
    ]
    assert found.watch["scoop"] >= {f"{root}/apps", f"{root}/apps/tool"}


def test_scoop_without_links_keeps_current_alone(machine: MachineFolder) -> None:
    machine.file("/home/li/scoop/apps/tool/current/manifest.json", sample("scoop/manifest.json"))
    (one,) = seen(machine.look("scoop"))
    assert (one.version, one.path) == ("1.2.3", "/home/li/scoop/apps/tool/current")


def test_a_folder_that_scoop_s_settings_name_is_looked_at(machine: MachineFolder) -> None:
    settings = {"root_path": "C:\\Tools\\scoop", "global_path": "\\\\server\\scoop", "token": "secret"}
    machine.file("/home/li/.config/scoop/config.json", json.dumps(settings))
    machine.file("/Tools/scoop/apps/tool/1.2.3/manifest.json", sample("scoop/manifest.json"))
    found = machine.look("scoop")
    assert [one.path for one in seen(found)] == ["/Tools/scoop/apps/tool/1.2.3"]
    assert "secret" not in repr(found)


@pytest.mark.parametrize("name", ["broken", "hostile"])
def test_a_manifest_that_cannot_be_used_leaves_the_folder_s_name(name: str, machine: MachineFolder) -> None:
    machine.file("/home/li/scoop/apps/tool/1.2.2/manifest.json", sample(f"scoop/{name}.manifest.json"))
    found = machine.look("scoop")
    assert [(one.name, one.version) for one in seen(found)] == [("tool", "1.2.2")]
    assert found.complete is (name == "hostile")


# ------------------------------------------------------------------------------------------ Chocolatey
def test_a_nuspec_says() -> None:
    assert parse_nuspec(sample("chocolatey/tool.nuspec")) == Named("example-tool", "1.2.3")


def test_packages_of_chocolatey_are_found(machine: MachineFolder) -> None:
    machine.file(f"{LIB}/example-tool/example-tool.nuspec", sample("chocolatey/tool.nuspec"))
    machine.file(f"{LIB}/broken/broken.nuspec", sample("chocolatey/broken.nuspec"))
    machine.file(f"{LIB}/left/tools/x.ps1")
    found = machine.look("chocolatey")
    assert [(one.purl, one.manager) for one in seen(found)] == [
        ("pkg:choco/broken", "choco"),
        ("pkg:choco/example-tool@1.2.3", "choco"),
    ]
    assert [place.where for place in unknown(found)] == [f"{LIB}/broken/broken.nuspec"]


# ------------------------------------------------------------------------------------------ hostile
XML = {
    "AppxManifest": (parse_appx_manifest, "msix/{}.AppxManifest.xml"),
    "nuspec": (parse_nuspec, "chocolatey/{}.nuspec"),
}
BOMB = (
    '<!DOCTYPE a [<!ENTITY a "aaaaaaaaaa"><!ENTITY b "&a;&a;&a;&a;&a;&a;&a;&a;">]>'
    "<{0}><metadata><id>&b;</id></metadata></{0}>"
)


@pytest.mark.parametrize("kind", XML)
def test_xml_that_is_no_description_of_a_package_is_refused(kind: str) -> None:
    parse, place = XML[kind]
    root = {"AppxManifest": "Package", "nuspec": "package"}[kind]
    for data in (
        sample(place.format("broken")),
        sample(place.format("hostile")),
        BOMB.format(root).encode(),
        f"<{root}>".encode() + b"<a>" * 100_000,
        f"<{root}></{root}>".encode(),
        b"<html/>",
        b"",
    ):
        with pytest.raises(ValueError):
            parse(data)


PARSERS: list[tuple[Callable[[bytes], object], bytes]] = [
    (parse_appx_manifest, sample("msix/AppxManifest.xml")),
    (parse_nuspec, sample("chocolatey/tool.nuspec")),
    (parse_scoop_manifest, sample("scoop/manifest.json")),
]


@pytest.mark.parametrize("parse", [row[0] for row in PARSERS], ids=lambda parse: parse.__name__)
@given(data=st.binary(max_size=200))
def test_any_bytes_are_read_or_refused(parse: Callable[[bytes], object], data: bytes) -> None:
    _read(parse, data)


@pytest.mark.parametrize(("parse", "good"), PARSERS, ids=[row[0].__name__ for row in PARSERS])
@given(at=st.integers(0, 5000), new=st.binary(min_size=1, max_size=6))
def test_good_files_with_any_bytes_changed_are_read_or_refused(
    parse: Callable[[bytes], object], good: bytes, at: int, new: bytes
) -> None:
    at %= len(good)
    _read(parse, good[:at] + new + good[at + len(new) :])


def _read(parse: Callable[[bytes], object], data: bytes) -> None:
    try:
        parse(data)
    except ValueError:
        return


@given(st.text(max_size=60))
def test_any_name_of_a_folder_is_read(name: str) -> None:
    found = parse_msix_folder(name)
    assert found is None or found.key.isascii()
    assert len(parse_winget_folder(name)) <= len(name)


@pytest.mark.parametrize(
    ("source", "folder", "name"),
    [
        ("msix", f"{APPS}/{FULL}", "AppxManifest.xml"),
        ("scoop", "/home/li/scoop/apps/tool/1.2.3", "manifest.json"),
        ("chocolatey", f"{LIB}/tool", "tool.nuspec"),
    ],
)
@pytest.mark.parametrize("what", ["a pipe", "a folder", "a link to itself", "a sparse file of 5 GB"])
def test_what_stands_where_a_description_should_be_is_not_waited_for(
    what: str, source: str, folder: str, name: str, machine: MachineFolder
) -> None:
    at = machine.at(f"{folder}/{name}")
    at.parent.mkdir(parents=True)
    if what == "a pipe":
        os.mkfifo(at)
    elif what == "a folder":
        at.mkdir()
    elif what == "a link to itself":
        at.symlink_to(name)
    else:
        with at.open("wb") as file:
            file.truncate(5 << 30)
    found = machine.look(source)
    assert len(seen(found)) == 1
    assert [place.where for place in unknown(found)] == [f"{folder}/{name}"]


@pytest.mark.parametrize("source", ["msix", "winget", "scoop", "chocolatey"])
def test_a_machine_of_another_system_costs_nothing(source: str, machine: MachineFolder) -> None:
    found = machine.look(source)
    assert (seen(found), found.complete, found.coverage[0].roots) == ([], True, ())
