"""Snaps: what is current, by the metadata that lies in each revision."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.snap import Metadata, parse_metadata
from policy_schema.rules.observation import Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links are those of POSIX")

PLACE = "/snap/claude-desktop"
ABOUT = f"{PLACE}/42/meta/snap.yaml"


def put(machine: MachineFolder, sample: str = "snap.yaml") -> None:
    """A revision, an older one, and what else lies in /snap."""
    machine.file(ABOUT, (SAMPLES / "snap" / sample).read_bytes())
    machine.file(f"{PLACE}/41/meta/snap.yaml", "name: claude-desktop\nversion: 0.1\n")
    machine.link(f"{PLACE}/current", "42")
    machine.link("/snap/bin/claude-desktop", "/usr/bin/snap")
    machine.file("/snap/README", "text")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("name: a\nversion: 1.0\n", Metadata("a", "1.0")),
        ("version: '1.0'\r\nname: \"a_2\"  # x\r\n", Metadata("a_2", "1.0")),
        ("name: a\nversion: git clone\n", Metadata("a", "")),
        ("name: a\nd: |\n  version: 2\n", Metadata("a", "")),
    ],
    ids=["bare", "quoted, with a comment and Windows' ends of lines", "a version that is none", "a line in a text"],
)
def test_a_metadata_file_says(text: str, expected: Metadata) -> None:
    assert parse_metadata(text.encode()) == expected


@given(
    st.binary(max_size=300)
    | st.text(max_size=99).map(lambda t: f"name: {t}\nversion: {t}\n".encode("utf-8", "replace"))
)
def test_any_bytes_are_metadata_or_a_value_error(data: bytes) -> None:
    try:
        assert parse_metadata(data).name.isascii()
    except ValueError as error:
        assert str(error) == "no usable name in it"


def test_the_current_revision_is_what_is_installed(machine: MachineFolder) -> None:
    put(machine)
    machine.link("/var/lib/snapd/snap", "/snap")
    found = machine.look("snap")
    (one,) = seen(found)
    assert (one.path, one.name, one.version) == (f"{PLACE}/42", "claude-desktop", "0.14.10+git7")
    assert (one.purl, one.manager) == ("pkg:snap/claude-desktop@0.14.10%2Bgit7", "snap")
    assert one.links == (f"{PLACE}/current",)
    assert found.complete
    assert found.watch["snap"] >= {"/snap", PLACE}


@pytest.mark.parametrize("sample", ["broken", "hostile"])
def test_a_snap_is_called_as_snapd_calls_it_when_its_metadata_is(sample: str, machine: MachineFolder) -> None:
    put(machine, sample)
    found = machine.look("snap")
    assert [(one.name, one.version) for one in seen(found)] == [("claude-desktop", "")]
    assert unknown(found) == [Unknown(ABOUT, "no usable name in it")]


def test_a_snap_that_is_not_mounted_is_named_and_unknown(machine: MachineFolder) -> None:
    put(machine)
    machine.at(ABOUT).unlink()
    found = machine.look("snap")
    assert [one.name for one in seen(found)] == ["claude-desktop"]
    assert unknown(found) == [Unknown(ABOUT, "no such file or directory")]


def test_a_disabled_snap_and_a_machine_without_snapd_are_nothing(machine: MachineFolder) -> None:
    assert machine.look("snap").complete
    put(machine)
    machine.at(f"{PLACE}/current").unlink()
    found = machine.look("snap")
    assert (seen(found), found.complete) == ([], True)
