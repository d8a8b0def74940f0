"""Uninstalling a made-up tool by the real package managers, and giving it back byte for byte."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from agent.enforce.interface import Detail, OutcomeCode
from agent.host.command import Tool
from tests.fakes import made_up
from tests.fakes.quarantine import snapshot
from tests.fakes.uninstalling import Uninstalling

UV = Path(sys.executable).parent / "uv"
Install = Callable[[Path], Path]


class Case:
    """How one manager installs it, and what is known of it afterwards."""

    def __init__(self, install: Install, source: str, name: str, program: str, ran: str) -> None:
        self.install, self.source, self.name, self.program, self.ran = install, source, name, program, ran


def _npm(home: Path) -> Path:
    return made_up.npm_global(home, home / ".npm-global")


def _pip(home: Path) -> Path:
    return made_up.pip_environment(home, home / ".venv")


CASES = {
    "npm": Case(_npm, "npm", made_up.NPM_NAME, ".npm-global/bin/made-up", "npm"),
    "pip": Case(_pip, "pypi", "made-up", ".venv/bin/made-up", "python3"),
    "uv": Case(lambda home: made_up.uv_tool(home, UV), "pypi", "made-up", ".local/bin/made-up", "uv"),
    "pipx": Case(made_up.pipx_tool, "pypi", "made-up", ".local/bin/made-up", "pipx"),
    "gem": Case(
        lambda home: made_up.gem(home, home / ".gem/ruby/3.1.0"), "gem", "made-up", ".gem/ruby/3.1.0/bin/made-up", "gem"
    ),
    "cargo": Case(lambda home: made_up.crate(home, home / ".cargo"), "cargo", "made-up", ".cargo/bin/made-up", "cargo"),
}
OWN_LOGS = ("pipx/logs", ".cargo/.crates")
"""What a manager keeps beside: its own log, its own list (which it has to be told again)."""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uninstalling:
    monkeypatch.setattr("agent.enforce.managers.uv.UV", Tool("uv", (str(UV),)))
    monkeypatch.setattr("agent.enforce.managers.pip.PYTHON", Tool("python3", (sys.executable,)))
    return Uninstalling(tmp_path)


@pytest.mark.parametrize(
    "manager",
    [
        pytest.param("npm", marks=pytest.mark.node),
        "pip",
        "uv",
        pytest.param("pipx", marks=pytest.mark.slow),
        pytest.param("gem", marks=pytest.mark.slow),
        pytest.param("cargo", marks=pytest.mark.slow),
    ],
)
def test_what_its_manager_uninstalled_comes_back_byte_for_byte_and_runs(
    machine: Uninstalling, manager: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, home = CASES[manager], machine.home
    if manager == "cargo":
        _real_cargo(monkeypatch)
    case.install(home)
    program = home / case.program
    runs = {"GEM_HOME": str(home / ".gem/ruby/3.1.0")}
    assert made_up.run(program, home=home, **runs).strip() == made_up.SAYS
    before = _state(home)
    done = machine.uninstall(machine.find(case.source, case.name))
    assert (done.result, done.detail) == (OutcomeCode.UNINSTALLED, Detail.NONE)
    assert {name for name, _ in machine.ran} == {case.ran}
    told = subprocess.run([program], capture_output=True, text=True, env={"LANG": "zh_CN.UTF-8"}, check=False)
    assert (told.returncode, told.stdout) == (126, "")
    assert "Made Up" in told.stderr and "https://qoder.com" in told.stderr
    assert [one for one in _state(home) if "made_up/" in one or "made-up/" in one] == []
    machine.restore(done.quarantine_id)
    assert _state(home) == before
    assert made_up.run(program, home=home, **runs).strip() == made_up.SAYS


def test_without_the_agent_a_script_gives_back_all_that_one_act_took(machine: Uninstalling) -> None:
    """A distribution lies in three places; asked for by any of them, all are back, and the signpost is gone."""
    made_up.pip_environment(machine.home, machine.home / ".venv")
    before = snapshot(machine.home)
    machine.uninstall(machine.find("pypi", "made-up"))
    vault = machine.state / "quarantine"
    cells = sorted(path.name for path in vault.glob("q-*"))
    assert len(cells) == 3
    said = subprocess.run(
        [sys.executable, vault / "restore.py", cells[-1]], capture_output=True, text=True, check=False
    )
    assert (said.returncode, said.stderr) == (0, "")
    assert snapshot(machine.home) == before


@pytest.mark.parametrize("which", [0, 1, 2])
def test_any_of_what_one_act_took_gives_back_all(machine: Uninstalling, which: int) -> None:
    made_up.pip_environment(machine.home, machine.home / ".venv")
    before = snapshot(machine.home)
    machine.uninstall(machine.find("pypi", "made-up"))
    cells = sorted(path.name for path in (machine.state / "quarantine").glob("q-*"))
    assert machine.restore(cells[which]).result is OutcomeCode.RESTORED
    assert snapshot(machine.home) == before


def test_a_manager_that_is_not_there_is_done_without(machine: Uninstalling, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.enforce.managers.pip.PYTHON", Tool("python3", ("/no/such/python",)))
    made_up.pip_environment(machine.home, machine.home / ".venv")
    before = snapshot(machine.home)
    done = machine.uninstall(machine.find("pypi", "made-up"))
    assert (done.result, done.detail, machine.ran) == (OutcomeCode.QUARANTINED, Detail.NO_MANAGER, [])
    assert not [*machine.home.glob(".venv/lib/python*/site-packages/made_up*")]
    machine.restore(done.quarantine_id)
    assert snapshot(machine.home) == before


def test_what_another_distribution_lies_in_too_is_left_to_it(machine: Uninstalling) -> None:
    """A folder that two share: only this one's files go."""
    info = made_up.pip_environment(machine.home, machine.home / ".venv")
    theirs = info.parent / "made_up" / "plugin.py"
    theirs.write_text("theirs = 1\n")
    done = machine.uninstall(machine.find("pypi", "made-up"))
    assert done.result is OutcomeCode.UNINSTALLED
    assert theirs.read_text() == "theirs = 1\n"
    assert not (info.parent / "made_up" / "__init__.py").exists()


def _state(home: Path) -> dict[str, object]:
    rows = snapshot(home)
    return {path: row for path, row in rows.items() if not any(log in path for log in OWN_LOGS)}


def _real_cargo(monkeypatch: pytest.MonkeyPatch) -> None:
    """rustup's `cargo` chooses by the home; the one behind it does not ask."""
    which = subprocess.run(["rustup", "which", "cargo"], capture_output=True, text=True, check=False)
    path = which.stdout.strip() or "/usr/bin/cargo"
    monkeypatch.setattr("agent.enforce.managers.cargo.CARGO", Tool("cargo", (path,)))
