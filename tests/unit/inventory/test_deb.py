"""Debian packages: what dpkg's own files say, whatever somebody wrote into them."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.deb import parse_stanza
from agent.inventory.installations import group
from agent.inventory.interface import Wanted
from agent.inventory.system_packages import SystemPackage
from policy_schema.rules.decision import Identity
from policy_schema.rules.identity import parse_purl
from policy_schema.rules.observation import Confidence, Face, Match, Observation, Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and modes are those of POSIX")

STATUS = "/var/lib/dpkg/status"
INFO = "/var/lib/dpkg/info"
DESKTOP = "Package: claude-desktop\nStatus: install ok installed\nArchitecture: amd64\nVersion: 1.0-1\n\n"


def put(machine: MachineFolder, text: bytes | str, **lists: str) -> None:
    """A status file, the lists of files by package, and a Debian around it."""
    machine.file(STATUS, text)
    machine.file("/etc/os-release", 'NAME="Debian"\nID=debian\nVERSION_ID="12"\n')
    for name, paths in lists.items():
        machine.file(f"{INFO}/{name.replace('_', '-')}.list", paths)


# ---------------------------------------------------------------------------- one entry
STATES = {
    "install ok installed": True,
    "hold ok installed": True,
    "deinstall ok installed": True,
    "install ok unpacked": True,
    "install ok half-configured": True,
    "install ok triggers-pending": True,
    "install reinstreq half-installed": False,
    "deinstall ok config-files": False,
    "unknown ok not-installed": False,
    "purge ok not-installed": False,
}


@pytest.mark.parametrize("state", STATES)
def test_a_package_is_there_if_its_files_are(state: str) -> None:
    found = parse_stanza(f"Package: git\nStatus: {state}\nVersion: 1:2.39.5-0\nArchitecture: amd64\n".encode())
    assert found == (SystemPackage("git", "1:2.39.5-0", "amd64") if STATES[state] else None)


def test_the_text_of_a_description_is_no_field() -> None:
    found = parse_stanza(b"Package: a1\nVersion: 1\nDescription: x\n Package: b1\n Version: 2\n.\n Status: a b c\n")
    assert found == SystemPackage("a1", "1", "")


@given(
    st.binary(max_size=400)
    | st.text(max_size=200).map(
        lambda text: f"Package: {text}\nVersion: {text}\nArchitecture: {text}".encode("utf-8", "replace")
    )
)
def test_any_bytes_are_a_package_none_or_a_value_error(data: bytes) -> None:
    try:
        found = parse_stanza(data)
    except ValueError as error:
        assert "\n" not in str(error)
        return
    assert found is None or found.name.isascii()


# ---------------------------------------------------------------------------- a whole file
def test_a_real_status_file(machine: MachineFolder) -> None:
    put(machine, (SAMPLES / "deb" / "status").read_bytes(), claude_desktop="/.\n", git="/.\n")
    machine.file(f"{INFO}/libc6:amd64.list", "/.\n")
    found = machine.look("deb")
    assert found.complete
    assert {(one.name, one.version): one.path for one in seen(found)} == {
        ("base-files", "12.4+deb12u11"): f"{STATUS}#base-files",
        ("claude-desktop", "1:0.14.10-2~deb12u1"): f"{INFO}/claude-desktop.list",
        ("git", "1:2.39.5-0+deb12u3"): f"{INFO}/git.list",
        ("libc6", "2.36-9+deb12u14"): f"{INFO}/libc6:amd64.list",
    }
    one = next(one for one in seen(found) if one.name == "claude-desktop")
    assert one.purl == "pkg:deb/debian/claude-desktop@1:0.14.10-2~deb12u1?arch=amd64&distro=debian-12"
    assert (one.manager, one.face, one.project, one.home) == ("apt", Face.PACKAGE, False, "")
    assert found.watch["deb"] >= {"/var/lib/dpkg"}


def test_a_broken_entry_is_unknown_and_hides_no_other(machine: MachineFolder) -> None:
    put(machine, (SAMPLES / "deb" / "broken").read_bytes())
    found = machine.look("deb")
    assert [(one.name, one.version) for one in seen(found)] == [("good", "")]
    assert unknown(found) == [
        Unknown(STATUS, "no usable name in it"),
        Unknown(STATUS, "no usable name in it: '../../etc/passwd'"),
    ]


def test_a_hostile_file_gives_reasons_that_can_be_shown(machine: MachineFolder) -> None:
    put(machine, (SAMPLES / "deb" / "hostile").read_bytes())
    found = machine.look("deb")
    assert seen(found) == []
    assert len(unknown(found)) == 4
    assert all(place.reason.isprintable() and len(place.reason) < 120 for place in unknown(found))


def test_what_lies_across_the_pieces_in_which_a_file_is_read_is_whole(machine: MachineFolder) -> None:
    names = [f"p{number:05}" for number in range(4_000)]
    text = "".join(f"Package: {name}\nVersion: 1.0-1\nDescription: {'x' * 700}\n\n" for name in names)
    assert len(text) > 2 << 20
    put(machine, text)
    assert [one.name for one in seen(machine.look("deb"))] == names


def sparse(path: Path) -> None:
    """A terabyte of nothing."""
    path.touch()
    os.truncate(path, 1 << 40)


SPOILT: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe that nobody writes to": (lambda path: os.mkfifo(path), "not a regular file"),
    "a folder": (lambda path: path.mkdir(), "not a regular file"),
    "a file of a terabyte": (sparse, "larger than 536870912 bytes"),
    "an entry without an end": (lambda path: path.write_bytes(b"a" * (5 << 20)), "an entry larger than 4194304 bytes"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_status_file_that_is_none_is_unknown(what: str, machine: MachineFolder) -> None:
    make, reason = SPOILT[what]
    machine.at("/var/lib/dpkg").mkdir(parents=True)
    make(machine.at(STATUS))
    found = machine.look("deb")
    assert (seen(found), unknown(found)) == ([], [Unknown(STATUS, reason)])


def test_an_image_without_dpkg_has_one_file_a_package(machine: MachineFolder) -> None:
    machine.file("/var/lib/dpkg/status.d/base", "Package: base-files\nVersion: 12.4\nArchitecture: amd64\n")
    machine.file("/var/lib/dpkg/status.d/base.md5sums", "d41d8cd98f00b204e9800998ecf8427e  etc/x\n")
    machine.file("/var/lib/dpkg/status.d/odd", "nothing")
    found = machine.look("deb")
    assert [(one.name, one.path, one.purl) for one in seen(found)] == [
        ("base-files", "/var/lib/dpkg/status.d/base", "pkg:deb/base-files@12.4?arch=amd64")
    ]
    assert unknown(found) == [Unknown("/var/lib/dpkg/status.d/odd", "no usable name in it")]


def test_a_machine_without_dpkg_has_nothing_and_is_whole(machine: MachineFolder) -> None:
    found = machine.look("deb")
    assert (seen(found), found.complete, found.coverage[0].roots) == ([], True, ())
    assert "/var/lib/dpkg" in found.watch["deb"]


def test_a_trial_that_looks_at_homes_only_does_not_ask_the_system(machine: MachineFolder) -> None:
    put(machine, DESKTOP)
    assert seen(machine.look("deb", system=False)) == []


# ---------------------------------------------------------------------------- whose is a program
def _tools(one: Observation) -> Identity | None:
    """claude-desktop is known by its package, and `clod` by its content."""
    if one.purl and parse_purl(one.purl).key == "deb/claude-desktop":
        return Identity("claude-desktop", one.version, (Match.PACKAGE_IDENTITY,), Confidence.EXACT)
    if one.name in ("claude-desktop", "clod"):
        return Identity("claude-desktop", "", (Match.NAME,), Confidence.WEAK)
    return None


@pytest.mark.parametrize(
    ("program", "listed"),
    [
        ("/usr/bin/claude-desktop", "/usr/bin/claude-desktop"),
        ("/usr/bin/claude-desktop", "/bin/claude-desktop"),
        ("/opt/bin/clod", "/opt/bin/clod"),
    ],
    ids=["by its path", "by the path from before /bin became a link", "by another name"],
)
def test_a_program_of_a_package_is_one_installation_with_it(program: str, listed: str, machine: MachineFolder) -> None:
    put(machine, DESKTOP, claude_desktop=f"/.\n/usr\n{listed}\n", other="/.\n/usr/bin/claude-desktop-x\n")
    machine.file(program, "\x7fELF", 0o755)
    names = frozenset({"claude-desktop", "clod"})
    found = machine.look("deb", "executables", wanted=Wanted(names), path_folders=["/opt/bin"])
    (one,) = group(seen(found), _tools, {})
    assert (one.path, one.version) == (f"{INFO}/claude-desktop.list", "1.0-1")
    assert one.purl.startswith("pkg:deb/debian/claude-desktop@1.0-1")
    assert program in one.parts


def test_a_program_of_a_package_that_is_no_known_tool_still_has_its_manager(machine: MachineFolder) -> None:
    put(machine, DESKTOP.replace("claude-desktop", "bundle"), bundle="/usr/bin/clod\n")
    machine.file("/usr/bin/clod", "\x7fELF", 0o755)
    found = machine.look("deb", "executables", wanted=Wanted(frozenset({"clod"})))
    (one,) = group(seen(found), _tools, {})
    assert (one.path, one.purl) == ("/usr/bin/clod", "pkg:deb/bundle")


@pytest.mark.parametrize(
    "path", ["/usr/local/bin/clod", "/usr/bin/clod"], ids=["beside the distribution", "in no list"]
)
def test_a_program_that_no_package_brought_stands_for_itself(path: str, machine: MachineFolder) -> None:
    put(machine, DESKTOP, claude_desktop="/usr/bin/clo\n/usr/local/bin/clod\n/usr/bin/clod2\n")
    machine.file(path, "\x7fELF", 0o755)
    found = machine.look("deb", "executables", wanted=Wanted(frozenset({"clod"})))
    one = next(one for one in group(seen(found), _tools, {}) if one.path == path)
    assert (one.purl, one.parts) == ("", (path,))
