"""Alpine packages: what apk's own file says, whatever somebody wrote into it."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.apk import brings, parse_entry
from agent.inventory.interface import Wanted
from policy_schema.rules.observation import Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and modes are those of POSIX")

INSTALLED = "/usr/lib/apk/db/installed"


def put(machine: MachineFolder, sample: str) -> None:
    """The file, and /lib as a link to /usr/lib."""
    machine.file(INSTALLED, (SAMPLES / "apk" / sample).read_bytes())
    machine.link("/lib", "usr/lib")
    machine.file("/etc/os-release", "ID=alpine\nVERSION_ID=3.20.3\n")


def test_a_file_as_documented_says_what_is_installed(machine: MachineFolder) -> None:
    put(machine, "installed")
    found = machine.look("apk")
    assert found.complete
    assert [(one.name, one.version, one.path, one.manager) for one in seen(found)] == [
        ("alpine-baselayout", "3.6.5-r0", f"{INSTALLED}#alpine-baselayout", "apk"),
        ("aider-cli", "0.86.2_rc1-r3", f"{INSTALLED}#aider-cli", "apk"),
    ]
    assert seen(found)[1].purl == "pkg:apk/alpine/aider-cli@0.86.2_rc1-r3?arch=noarch&distro=alpine-3.20.3"
    assert found.watch["apk"] >= {"/lib/apk/db", "/usr/lib/apk/db"}


def test_a_broken_entry_is_unknown_and_hides_no_other(machine: MachineFolder) -> None:
    put(machine, "broken")
    found = machine.look("apk")
    assert [(one.name, one.version) for one in seen(found)] == [("good", "")]
    assert unknown(found) == [Unknown(INSTALLED, "no usable name in it")]


def test_a_hostile_file_gives_reasons_that_can_be_shown(machine: MachineFolder) -> None:
    put(machine, "hostile")
    found = machine.look("apk")
    assert seen(found) == []
    assert unknown(found)
    assert all(place.reason.isprintable() for place in unknown(found))


@pytest.mark.parametrize(("program", "package"), [("/usr/bin/aider", "pkg:apk/aider-cli"), ("/usr/bin/motd", "")])
def test_a_program_is_its_package_s_by_its_whole_path(program: str, package: str, machine: MachineFolder) -> None:
    put(machine, "installed")
    machine.file(program, "#!/bin/sh\n", 0o755)
    (one,) = seen(machine.look("executables", wanted=Wanted(frozenset({"aider", "motd"}))))
    assert one.container == package


@given(
    st.binary(max_size=300)
    | st.text(max_size=99).map(lambda text: f"P:{text}\nV:{text}\nA:{text}".encode("utf-8", "replace"))
)
def test_any_bytes_are_a_package_or_a_value_error(data: bytes) -> None:
    brings(data, [b"/a"])
    try:
        assert parse_entry(data).name.isascii()
    except ValueError as error:
        assert "\n" not in str(error)


def test_a_machine_without_apk_has_nothing_and_is_whole(machine: MachineFolder) -> None:
    found = machine.look("apk")
    assert (seen(found), found.complete) == ([], True)
