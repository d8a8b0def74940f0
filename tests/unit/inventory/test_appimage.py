"""AppImages: files of that name whose first bytes say so too."""

from __future__ import annotations

import os
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.appimage import Named, is_appimage, parse_name
from policy_schema.rules.observation import Face, Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and pipes are those of POSIX")

HEAD = (SAMPLES / "appimage" / "head-of-type-2").read_bytes()
OTHER = (SAMPLES / "appimage" / "head-of-a-program").read_bytes()


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("Cursor-1.4.5-x86_64.AppImage", Named("Cursor", "1.4.5")),
        ("LM-Studio-0.3.5-2-x64.AppImage", Named("LM-Studio", "0.3.5-2")),
        ("Jan_v0.5.7_amd64.appimage", Named("Jan", "0.5.7")),
        ("my tool.AppImage", Named("my tool", "")),
        ("Cursor.AppImage.home", Named("Cursor", "")),
        ("Cursor", None),
        (".AppImage", None),
    ],
)
def test_a_file_name_says(name: str, expected: Named | None) -> None:
    assert parse_name(name) == expected


@given(st.text(max_size=300) | st.text(max_size=200).map(lambda text: f"{text}.AppImage"))
def test_any_name_is_read(name: str) -> None:
    found = parse_name(name)
    assert found is None or found.name


@given(st.binary(max_size=20))
def test_any_bytes_are_one_or_not(data: bytes) -> None:
    assert is_appimage(data) is (data.startswith(b"\x7fELF") and data[8:11] in (b"AI\x01", b"AI\x02"))


@pytest.mark.parametrize(
    "folder", ["/home/li", "/home/li/Applications", "/home/li/Downloads", "/home/li/.local/bin", "/opt"]
)
def test_one_is_found_in(folder: str, machine: MachineFolder) -> None:
    machine.file(f"{folder}/Cursor-1.4.5-x86_64.AppImage", HEAD, 0o755)
    machine.file(f"{folder}/text.AppImage", "no program")
    machine.file(f"{folder}/other.AppImage", OTHER, 0o755)
    machine.file(f"{folder}/deeper/Cursor.AppImage", HEAD)
    found = machine.look("appimage")
    (one,) = seen(found)
    assert (one.path, one.name, one.version) == (f"{folder}/Cursor-1.4.5-x86_64.AppImage", "Cursor", "1.4.5")
    assert (one.face, one.manager, one.purl) == (Face.EXECUTABLE, "", "")
    assert found.complete
    assert folder in found.watch["appimage"]


def test_what_only_is_called_so_is_not_waited_for(machine: MachineFolder) -> None:
    os.mkfifo(machine.at("/home/li/pipe.AppImage"))
    machine.at("/home/li/folder.AppImage").mkdir()
    machine.link("/home/li/shadow.AppImage", "/etc/shadow")
    machine.file("/home/li/\udcff\x1b.AppImage", HEAD)
    found = machine.look("appimage")
    assert [one.name.isprintable() for one in seen(found)] == [True]
    assert unknown(found) == []


def test_one_that_may_not_be_read_is_unknown(machine: MachineFolder) -> None:
    machine.file("/home/li/Cursor.AppImage", HEAD, 0o000)
    expected = [] if os.geteuid() == 0 else [Unknown("/home/li/Cursor.AppImage", "permission denied")]
    assert unknown(machine.look("appimage")) == expected
