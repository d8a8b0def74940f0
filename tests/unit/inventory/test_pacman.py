"""Arch packages: what pacman's own folder says, whatever somebody put into it."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.pacman import parse_desc, parse_folder
from agent.inventory.system_packages import SystemPackage
from policy_schema.rules.observation import Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="pipes and modes are those of POSIX")

LOCAL = "/var/lib/pacman/local"
FOLDER = f"{LOCAL}/claude-desktop-1:1.2.3-4"


def put(machine: MachineFolder, sample: str = "claude-desktop.desc") -> None:
    machine.file(f"{FOLDER}/desc", (SAMPLES / "pacman" / sample).read_bytes())
    machine.file(f"{LOCAL}/ALPM_DB_VERSION", "9\n")
    machine.file("/etc/os-release", "ID=arch\nBUILD_ID=rolling\n")


def test_a_real_desc_says() -> None:
    data = (SAMPLES / "pacman" / "claude-desktop.desc").read_bytes()
    assert parse_desc(data) == SystemPackage("claude-desktop", "1:1.2.3-4", "any")


def test_a_folder_says_what_is_installed(machine: MachineFolder) -> None:
    put(machine)
    found = machine.look("pacman")
    (one,) = seen(found)
    assert (one.path, one.purl, one.manager) == (FOLDER, "pkg:alpm/arch/claude-desktop@1:1.2.3-4?arch=any", "pacman")
    assert (found.complete, found.coverage[0].roots) == (True, (LOCAL,))
    assert LOCAL in found.watch["pacman"]


SPOILT: dict[str, tuple[Callable[[MachineFolder], object], str]] = {
    "broken": (lambda m: put(m, "broken.desc"), "no usable name in it"),
    "hostile": (lambda m: put(m, "hostile.desc"), "no usable name in it: '../../etc'"),
    "a pipe": (lambda m: (m.at(f"{FOLDER}/desc").unlink(), os.mkfifo(m.at(f"{FOLDER}/desc"))), "not a regular file"),
    "too large": (lambda m: m.file(f"{FOLDER}/desc", b"\n" * (2 << 20)), "larger than 1048576 bytes"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_package_is_called_as_its_folder_is_when_its_desc_is(what: str, machine: MachineFolder) -> None:
    put(machine)
    make, reason = SPOILT[what]
    make(machine)
    found = machine.look("pacman")
    assert [(one.name, one.version) for one in seen(found)] == [("claude-desktop", "1:1.2.3-4")]
    assert unknown(found) == [Unknown(f"{FOLDER}/desc", reason)]


def test_an_empty_folder_is_nothing(machine: MachineFolder) -> None:
    machine.at(f"{LOCAL}/left-1.0-1").mkdir(parents=True)
    found = machine.look("pacman")
    assert (seen(found), found.complete) == ([], True)


@given(
    st.binary(max_size=300)
    | st.text(max_size=99).map(lambda text: f"%NAME%\n{text}\n\n%VERSION%\n{text}".encode("utf-8", "replace")),
    st.text(max_size=60),
)
def test_any_bytes_are_a_package_or_a_value_error(data: bytes, name: str) -> None:
    for parse in (lambda: parse_desc(data), lambda: parse_folder(name)):
        try:
            assert parse().name.isascii()
        except ValueError as error:
            assert "\n" not in str(error)
