"""Flatpak: applications of the system and of each user."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.flatpak import parse_version
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links are those of POSIX")

APP = "com.example.Assistant"
SYSTEM, OWN = "/var/lib/flatpak/app", "/home/li/.local/share/flatpak/app"


def put(machine: MachineFolder, place: str, sample: str = f"{APP}.metainfo.xml") -> str:
    """An application as flatpak lays it out; returns the folder in use."""
    active = f"{place}/{APP}/x86_64/stable/0123456789abcdef"
    machine.file(f"{active}/files/share/metainfo/{APP}.metainfo.xml", (SAMPLES / "flatpak" / sample).read_bytes())
    machine.link(f"{place}/{APP}/current", "x86_64/stable")
    machine.link(f"{place}/{APP}/x86_64/stable/active", "0123456789abcdef")
    return active


@pytest.mark.parametrize(
    ("sample", "version"), [(f"{APP}.metainfo.xml", "2.4.1"), ("broken.metainfo.xml", ""), ("hostile.metainfo.xml", "")]
)
def test_a_metainfo_file_says_the_newest_version(sample: str, version: str) -> None:
    assert parse_version((SAMPLES / "flatpak" / sample).read_bytes()) == version


@given(
    st.binary(max_size=300) | st.text(max_size=99).map(lambda t: f'<release version="{t}"/>'.encode("utf-8", "replace"))
)
def test_any_bytes_are_a_version_or_none(data: bytes) -> None:
    assert parse_version(data).isascii()


@pytest.mark.parametrize(("place", "home"), [(SYSTEM, ""), (OWN, "/home/li")], ids=["of the system", "of a person"])
def test_an_application_is_found(place: str, home: str, machine: MachineFolder) -> None:
    active = put(machine, place)
    found = machine.look("flatpak")
    (one,) = seen(found)
    assert (one.path, one.name, one.version, one.home) == (active, APP, "2.4.1", home)
    assert (one.app, one.purl, one.manager) == (f"linux:{APP}", "pkg:flatpak/com.example.assistant@2.4.1", "flatpak")
    assert found.complete
    assert found.watch["flatpak"] >= {SYSTEM, OWN}


@pytest.mark.parametrize("sample", ["broken.metainfo.xml", "hostile.metainfo.xml"])
def test_an_application_without_a_version_is_one(sample: str, machine: MachineFolder) -> None:
    put(machine, OWN, sample)
    assert [(one.name, one.version) for one in seen(machine.look("flatpak"))] == [(APP, "")]


def test_links_out_of_the_tree_loops_and_left_overs_are_nothing(machine: MachineFolder) -> None:
    machine.at(f"{OWN}/org.example.Gone").mkdir(parents=True)
    machine.link(f"{OWN}/org.example.Loop/current", "current")
    machine.link(f"{OWN}/org.example.Out/current", "../../../../../../../../../etc")
    machine.file(f"{OWN}/no-id/current/active/x")
    found = machine.look("flatpak")
    assert seen(found) == []
    assert [place.where for place in unknown(found)] == [f"{OWN}/org.example.Loop"]
    assert "more than 40 links on the way" in unknown(found)[0].reason
