"""Gems: specifications, the scripts that start them, and where they lie."""

from __future__ import annotations

import contextlib
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.gem_formats import Gem, parse_file_name, parse_specification, started_gem
from policy_schema.rules.observation import Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and modes are those of POSIX")

TINY = (SAMPLES / "gem/tiny-gem-1.2.0.pre1.gemspec").read_bytes()
STARTS = (SAMPLES / "gem/tinygem").read_bytes()


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(TINY, Gem("tiny-gem", "1.2.0.pre1", ("tinygem",)), id="a gem with a program"),
        pytest.param(
            (SAMPLES / "gem/rake-13.0.6.gemspec").read_bytes(), Gem("rake", "13.0.6", ("rake",)), id="one of Ruby's own"
        ),
        pytest.param(
            b'Gem::Specification.new do |s|\n  s.name = "old"\n  s.version = Gem::Version.new("1.0")\n',
            Gem("old", "1.0"),
            id="one without a stub line",
        ),
        pytest.param(b"# stub: a 1.0;x ruby lib\n", Gem("a", ""), id="a version that is none"),
        pytest.param(
            b'# stub: a 1 ruby lib\n  s.executables = ["../../etc/x", "b"]\n',
            Gem("a", "1", ("b",)),
            id="a program that climbs",
        ),
    ],
)
def test_a_specification_says(data: bytes, expected: Gem) -> None:
    assert parse_specification(data) == expected


@pytest.mark.parametrize(
    "data", [b"", b"s.name = x", b"# stub: ../x 1 ruby lib", b'  s.name = "a\x1b[31m"', b"\xff" * 99]
)
def test_a_specification_without_a_name_is_refused(data: bytes) -> None:
    with pytest.raises(ValueError, match="no usable name"):
        parse_specification(data)


@pytest.mark.parametrize(
    ("stem", "expected"),
    [
        ("nokogiri-1.16.0-x86_64-linux", Gem("nokogiri", "1.16.0")),
        ("tiny-gem-1.2.0.pre1", Gem("tiny-gem", "1.2.0.pre1")),
        ("no-version", None),
        ("", None),
    ],
)
def test_a_file_s_name_says(stem: str, expected: Gem | None) -> None:
    assert parse_file_name(stem) == expected


@given(st.binary(max_size=400), st.text(max_size=60))
def test_any_bytes_are_read(data: bytes, stem: str) -> None:
    with contextlib.suppress(ValueError):
        assert parse_specification(data).name
    assert started_gem(data).isascii()
    parse_file_name(stem)


def put(machine: MachineFolder, home: str, starter: str = "", gem: str = "tiny-gem-1.2.0.pre1") -> None:
    machine.file(f"{home}/specifications/{gem}.gemspec", TINY)
    machine.file(f"{home}/gems/{gem}/bin/tinygem", "puts 1\n", 0o755)
    if starter:
        machine.file(starter, STARTS, 0o755)


HOMES = {
    "/home/li/.gem/ruby/3.1.0": "/home/li/.gem/ruby/3.1.0/bin/tinygem",
    "/home/li/.local/share/gem/ruby/3.1.0": "/home/li/.local/share/gem/ruby/3.1.0/bin/tinygem",
    "/home/li/.rbenv/versions/3.3.0/lib/ruby/gems/3.3.0": "/home/li/.rbenv/versions/3.3.0/bin/tinygem",
    "/home/li/.rvm/gems/ruby-3.3.0@set": "/home/li/.rvm/gems/ruby-3.3.0@set/bin/tinygem",
    "/home/li/.asdf/installs/ruby/3.3.0/lib/ruby/gems/3.3.0": "/home/li/.asdf/installs/ruby/3.3.0/bin/tinygem",
    "/home/li/.local/share/mise/installs/ruby/3/lib/ruby/gems/3": "/home/li/.local/share/mise/installs/ruby/3/bin/tinygem",  # noqa: E501
    "/var/lib/gems/3.1.0": "/usr/local/bin/tinygem",
    "/usr/local/bundle": "/usr/local/bundle/bin/tinygem",
    "/opt/homebrew/lib/ruby/gems/3.3.0": "/opt/homebrew/bin/tinygem",
    "/opt/rubies/3.3.0/lib/ruby/gems/3.3.0": "/opt/rubies/3.3.0/bin/tinygem",
    "/Library/Ruby/Gems/2.6.0": "",
}


@pytest.mark.parametrize("home", HOMES)
def test_a_gem_is_found_in(home: str, machine: MachineFolder) -> None:
    starter = HOMES[home]
    put(machine, home, starter)
    found = machine.look("gem")
    (gem,) = seen(found)
    assert (gem.name, gem.version, gem.purl) == ("tiny-gem", "1.2.0.pre1", "pkg:gem/tiny-gem@1.2.0.pre1")
    assert (gem.path, gem.manager, gem.prefix) == (f"{home}/gems/tiny-gem-1.2.0.pre1", "gem", home)
    assert gem.links == ((starter,) if starter else ())
    assert found.complete


@pytest.mark.parametrize(
    ("how", "home"),
    [
        ("a PATH folder", "/srv/ruby/lib/ruby/gems/3.3.0"),
        ("a process", "/data/gems-here"),
        ("~/.gemrc", "/srv/own gems"),
    ],
)
def test_a_home_is_revealed_by(how: str, home: str, machine: MachineFolder) -> None:
    put(machine, home)
    machine.at("/srv/ruby/bin").mkdir(parents=True)
    assert seen(machine.look("gem")) == []
    if how == "~/.gemrc":
        machine.file("/home/li/.gemrc", f":sources: []\ngemhome: {home}\n")
    found = machine.look(
        "gem",
        path_folders=["/srv/ruby/bin"] if how == "a PATH folder" else [],
        hints=[f"{home}/gems/tiny-gem-1.2.0.pre1/bin/tinygem"] if how == "a process" else [],
    )
    assert [one.prefix for one in seen(found)] == [home]


def test_a_starter_of_another_gem_is_not_its_link(machine: MachineFolder) -> None:
    put(machine, "/var/lib/gems/3.1.0")
    machine.file("/usr/local/bin/tinygem", STARTS.replace(b"tiny-gem", b"other"), 0o755)
    assert seen(machine.look("gem"))[0].links == ()


def test_a_bundle_of_a_project_is_the_project_s(machine: MachineFolder) -> None:
    put(machine, "/home/li/work/app/vendor/bundle/ruby/3.1.0")
    (gem,) = seen(machine.look("gem", project_roots=["/home/li/work"]))
    assert (gem.project, gem.manager) == (True, "")


def test_a_broken_specification_is_called_as_its_file_and_is_unknown(machine: MachineFolder) -> None:
    put(machine, "/var/lib/gems/3.1.0")
    about = machine.file("/var/lib/gems/3.1.0/specifications/tiny-gem-1.2.0.pre1.gemspec", b"\x00")
    found = machine.look("gem")
    assert [(one.name, one.version) for one in seen(found)] == [("tiny-gem", "1.2.0.pre1")]
    assert unknown(found) == [Unknown("/var/lib/gems/3.1.0/specifications/" + about.name, "no usable name in it")]


def test_a_gem_of_the_distribution_is_not_gem_s_to_take_out(machine: MachineFolder) -> None:
    put(machine, "/usr/share/rubygems-integration/all")
    assert [one.manager for one in seen(machine.look("gem"))] == [""]
