"""A prefix that nobody configured and no table lists is looked at once a PATH, a shell or a process reveals it."""

from __future__ import annotations

import gzip
import sys
from collections.abc import Callable
from typing import NamedTuple

import pytest

from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and modes are those of POSIX")

PREFIX = "/data/odd"
BIN = f"{PREFIX}/bin"


class Case(NamedTuple):
    """How a tool lands below an unlisted prefix, and what a process of it runs."""

    put: Callable[[MachineFolder], object]
    runs: str
    name: str


def npm(machine: MachineFolder) -> None:
    machine.npm(f"{PREFIX}/lib/node_modules/tool", "tool", "1.0.0", {"tool": "cli.js"})
    machine.link(f"{BIN}/tool", "../lib/node_modules/tool/cli.js")


def pypi(machine: MachineFolder) -> None:
    machine.dist(f"{PREFIX}/lib/python3.11/site-packages", "tool", "1.0.0")
    machine.file(f"{BIN}/python3", "", 0o755)
    machine.file(f"{PREFIX}/lib/python3.11/site-packages/tool/__main__.py")


def target(machine: MachineFolder) -> None:
    machine.dist(f"{PREFIX}/libs", "tool", "1.0.0")
    machine.file(f"{PREFIX}/libs/tool/sub/__main__.py")


def cargo(machine: MachineFolder) -> None:
    machine.file(f"{PREFIX}/.crates.toml", '[v1]\n"tool 1.0.0 (registry+https://example.com)" = ["tool"]\n')
    machine.file(f"{BIN}/tool", b"\x7fELF", 0o755)


def gem(machine: MachineFolder) -> None:
    machine.file(f"{PREFIX}/lib/ruby/gems/3.3.0/specifications/tool-1.0.0.gemspec", "# stub: tool 1.0.0 ruby lib\n")
    machine.file(f"{PREFIX}/lib/ruby/gems/3.3.0/gems/tool-1.0.0/exe/tool")
    machine.at(BIN).mkdir(parents=True)


def go(machine: MachineFolder) -> None:
    machine.file(f"{BIN}/tool", gzip.decompress((SAMPLES / "go/go1.19-linux-amd64.gz").read_bytes()), 0o755)


def deno(machine: MachineFolder) -> None:
    machine.file(f"{BIN}/cowsay", (SAMPLES / "deno/cowsay").read_bytes(), 0o755)


CASES = {
    "npm": Case(npm, f"{PREFIX}/lib/node_modules/tool/cli.js", "tool"),
    "pypi": Case(pypi, f"{PREFIX}/lib/python3.11/site-packages/tool/__main__.py", "tool"),
    "cargo": Case(cargo, f"{BIN}/tool", "tool"),
    "gem": Case(gem, f"{PREFIX}/lib/ruby/gems/3.3.0/gems/tool-1.0.0/exe/tool", "tool"),
    "go": Case(go, f"{BIN}/tool", "example.com/tools/crush/v2"),
    "deno": Case(deno, f"{BIN}/cowsay", "cowsay"),
}
EVERY_SOURCE = pytest.mark.parametrize("source", CASES)


def names(machine: MachineFolder, source: str, **how: list[str]) -> list[str]:
    found = machine.look(source, **how)  # type: ignore[arg-type]
    assert found.complete
    return [one.name for one in seen(found)]


@EVERY_SOURCE
def test_an_unlisted_prefix_is_not_looked_at(source: str, machine: MachineFolder) -> None:
    CASES[source].put(machine)
    assert names(machine, source) == []


@EVERY_SOURCE
def test_a_path_of_the_settings_reveals_it(source: str, machine: MachineFolder) -> None:
    CASES[source].put(machine)
    assert names(machine, source, path_folders=[BIN]) == [CASES[source].name]


@EVERY_SOURCE
@pytest.mark.parametrize("shell", [".bashrc", ".zshrc", ".config/fish/config.fish"])
def test_a_shell_s_path_reveals_it(source: str, shell: str, machine: MachineFolder) -> None:
    CASES[source].put(machine)
    line = f"fish_add_path {BIN}\n" if "fish" in shell else f'export PATH="{BIN}:$PATH"\n'
    machine.file(f"/home/li/{shell}", line)
    assert names(machine, source) == [CASES[source].name]


@EVERY_SOURCE
def test_a_running_process_reveals_it(source: str, machine: MachineFolder) -> None:
    CASES[source].put(machine)
    assert names(machine, source, hints=[CASES[source].runs]) == [CASES[source].name]


def test_a_running_interpreter_reveals_its_environment(machine: MachineFolder) -> None:
    pypi(machine)
    assert names(machine, "pypi", hints=[f"{BIN}/python3"]) == ["tool"]


def test_a_running_module_reveals_a_folder_of_packages_of_any_name(machine: MachineFolder) -> None:
    target(machine)
    assert names(machine, "pypi") == []
    assert names(machine, "pypi", hints=[f"{PREFIX}/libs/tool/sub/__main__.py"]) == ["tool"]
