"""Programs of crates, gems, kegs and Nix belong to their package: one installation, one name."""

from __future__ import annotations

import sys

import pytest

from agent.host.files import Tree
from agent.inventory.containers import Container, container_of
from agent.inventory.installations import group
from agent.inventory.interface import Wanted
from policy_schema.rules.decision import Identity
from policy_schema.rules.observation import Confidence, Match, Observation
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and modes are those of POSIX")

NIX = "/nix/store/000341h6pk4fmkdm8mk2r8il2zbsqdsb-claude-code-2.1.197"
GEMS = "/home/li/.rbenv/versions/3.3.0/lib/ruby/gems/3.3.0"
TINY = "tiny-gem-1.2.0.pre1"


@pytest.fixture
def full(machine: MachineFolder) -> MachineFolder:
    """A machine with one thing of each."""
    machine.file("/home/li/.cargo/.crates.toml", (SAMPLES / "cargo/crates.toml").read_bytes())
    for name in ("tiny", "tiny-helper", "rustup"):
        machine.file(f"/home/li/.cargo/bin/{name}", b"\x7fELF", 0o755)
    machine.file(f"{GEMS}/specifications/{TINY}.gemspec", (SAMPLES / f"gem/{TINY}.gemspec").read_bytes())
    machine.file(f"{GEMS}/gems/{TINY}/bin/tinygem", "puts 1\n", 0o755)
    machine.file(f"{GEMS}/gems/other-1.0/x", "")
    machine.file("/home/li/.rbenv/versions/3.3.0/bin/tinygem", (SAMPLES / "gem/tinygem").read_bytes(), 0o755)
    machine.file("/opt/homebrew/Cellar/tiny/1.0_1/bin/tiny", b"\x7fELF", 0o755)
    machine.file(f"{NIX}/bin/claude", b"\x7fELF", 0o755)
    return machine


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        pytest.param(
            "/home/li/.cargo/bin/tiny", Container("pkg:cargo/tiny-agent", "/home/li/.cargo/bin/tiny"), id="a crate"
        ),
        pytest.param(
            "/home/li/.cargo/bin/tiny-helper",
            Container("pkg:cargo/tiny-agent", "/home/li/.cargo/bin/tiny"),
            id="a further program of it",
        ),
        pytest.param("/home/li/.cargo/bin/rustup", None, id="what cargo did not install"),
        pytest.param(
            f"{GEMS}/gems/{TINY}/bin/tinygem",
            Container("pkg:gem/tiny-gem", f"{GEMS}/gems/{TINY}"),
            id="a file of a gem",
        ),
        pytest.param(
            "/home/li/.rbenv/versions/3.3.0/bin/tinygem",
            Container("pkg:gem/tiny-gem", f"{GEMS}/gems/{TINY}"),
            id="a script that starts a gem's program",
        ),
        pytest.param(f"{GEMS}/gems/other-1.0/x", None, id="a folder without a specification"),
        pytest.param(
            "/opt/homebrew/Cellar/tiny/1.0_1/bin/tiny",
            Container("pkg:brew/tiny", "/opt/homebrew/Cellar/tiny/1.0_1"),
            id="a keg",
        ),
        pytest.param(f"{NIX}/bin/claude", Container("pkg:nix/claude-code", NIX), id="a package of Nix"),
    ],
)
def test_a_file_belongs_to(path: str, expected: Container | None, full: MachineFolder) -> None:
    with Tree(str(full.root)) as tree:
        assert container_of(tree, path) == expected


def test_the_newest_gem_is_the_one_that_a_script_starts(full: MachineFolder) -> None:
    text = (SAMPLES / f"gem/{TINY}.gemspec").read_text().replace("1.2.0.pre1", "1.10.0")
    full.file(f"{GEMS}/specifications/tiny-gem-1.10.0.gemspec", text)
    full.file(f"{GEMS}/gems/tiny-gem-1.10.0/bin/tinygem", "puts 1\n", 0o755)
    with Tree(str(full.root)) as tree:
        found = container_of(tree, "/home/li/.rbenv/versions/3.3.0/bin/tinygem")
    assert found == Container("pkg:gem/tiny-gem", f"{GEMS}/gems/tiny-gem-1.10.0")


def identify(one: Observation) -> Identity | None:
    """Everything called tiny is the tool `tiny`."""
    known = "tiny" in one.purl or one.name.startswith("tiny")
    return Identity("tiny", one.version, (Match.NAME,), Confidence.WEAK) if known else None


def test_each_of_them_is_one_installation(full: MachineFolder) -> None:
    wanted = Wanted(frozenset({"tiny", "tiny-helper", "tinygem"}))
    folders = ["/home/li/.rbenv/versions/3.3.0/bin", "/opt/homebrew/Cellar/tiny/1.0_1/bin"]
    found = full.look("brew", "cargo", "gem", "executables", wanted=wanted, path_folders=folders)
    assert len(seen(found)) == 8
    assert {one.path: len(one.observations) for one in group(seen(found), identify, {})} == {
        "/home/li/.cargo/bin/tiny": 4,
        f"{GEMS}/gems/{TINY}": 2,
        "/opt/homebrew/Cellar/tiny/1.0_1": 2,
    }
