"""Homebrew and Linuxbrew: folders of formulae and casks."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.brew import Keg, parse_keg
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links are those of POSIX")

KEGS = [line.split() for line in (SAMPLES / "brew" / "kegs.txt").read_text().splitlines()]
READ = {
    "claude-code": "2.1.197",
    "codex": "HEAD-abc1234",
    "gcc": "14.2.0",
    "node@22": "22.9.0",
    "python@3.12": "3.12.7",
    "some-cask": "1.2.3,456",
}


@pytest.mark.parametrize(("name", "folder"), KEGS)
def test_two_folders_say(name: str, folder: str) -> None:
    assert parse_keg(name, folder) == Keg(name, READ[name])


@pytest.mark.parametrize(
    ("name", "folder"), [("..", "1.0"), ("a", ".metadata"), ("A b", "1"), ("a", ""), ("a", "1\x1b")]
)
def test_other_folders_are_none_of_brew_s(name: str, folder: str) -> None:
    assert parse_keg(name, folder) is None


@given(st.text(max_size=40), st.text(max_size=40))
def test_any_names_are_read(name: str, folder: str) -> None:
    found = parse_keg(name, folder)
    assert found is None or (found.name.isascii() and found.version)


@pytest.mark.parametrize(
    ("store", "home"),
    [
        ("/home/linuxbrew/.linuxbrew/Cellar", "/home/linuxbrew"),
        ("/opt/homebrew/Caskroom", ""),
        ("/usr/local/Cellar", ""),
        ("/home/li/.linuxbrew/Cellar", "/home/li"),
    ],
)
def test_what_is_installed_is_found_in(store: str, home: str, machine: MachineFolder) -> None:
    for name, version in KEGS:
        machine.file(f"{store}/{name}/{version}/bin/x")
    machine.at(f"{store}/claude-code/.metadata").mkdir()
    found = machine.look("brew")
    assert {one.name: one.version for one in seen(found)} == READ
    one = seen(found)[0]
    assert (one.path, one.purl) == (f"{store}/claude-code/2.1.197", "pkg:brew/claude-code@2.1.197")
    assert (one.manager, one.home, one.prefix) == ("brew", home, store.rpartition("/")[0])
    assert found.complete
    assert found.watch["brew"] >= {store, f"{store}/claude-code"}


def test_the_links_that_start_it_are_its_own_and_no_other_s(machine: MachineFolder) -> None:
    prefix = "/home/linuxbrew/.linuxbrew"
    for version in ("1.0", "2.0"):
        machine.file(f"{prefix}/Cellar/claude/{version}/bin/claude", "#!/bin/sh\n", 0o755)
    machine.link(f"{prefix}/bin/claude", "../Cellar/claude/2.0/bin/claude")
    machine.link(f"{prefix}/opt/claude", "../Cellar/claude/2.0")
    links = {one.version: one.links for one in seen(machine.look("brew"))}
    assert links == {"1.0": (), "2.0": (f"{prefix}/bin/claude", f"{prefix}/opt/claude")}


def test_a_cellar_that_leads_elsewhere_is_followed_inside_the_tree_only(machine: MachineFolder) -> None:
    machine.link("/home/li/.linuxbrew/Cellar", "../../../../../../../../etc")
    found = machine.look("brew")
    assert (seen(found), found.complete) == ([], True)
