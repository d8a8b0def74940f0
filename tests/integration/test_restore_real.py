"""Real installs of real tools are taken and given back: each works again, and every file is what it was.

Compared is the whole home: bytes, modes, owners, times, links, attributes. Packages come from the cache of the zoo.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.cases import Kind
from agent.enforce.interface import Detail, Outcome, OutcomeCode
from agent.enforce.quarantine import Quarantiner
from agent.host.command import Tool
from policy_schema.rules.observation import Face, Observation
from tests.fakes import zoo
from tests.fakes.made_up import run
from tests.fakes.quarantine import snapshot
from tests.fakes.uninstalling import NOW, Uninstalling, intent_for

pytestmark = [pytest.mark.online, pytest.mark.node]

CODE = "@anthropic-ai/claude-code"
SCRIPT_ERA, NATIVE_ERA = "2.1.112", "2.1.197"
NOWHERE = ("/no/such/program",)


class Case(NamedTuple):
    """A tool as its manager installed it."""

    install: Callable[[Path], object]
    source: str
    name: str
    program: str
    says: str


def _npm(version: str) -> Case:
    def install(home: Path) -> object:
        return zoo.npm_global(home / ".npm-global", f"{CODE}@{version}")

    return Case(install, "npm", CODE, ".npm-global/bin/claude", version)


def _pip() -> Case:
    def install(home: Path) -> object:
        return zoo.pip_venv(home / ".venv", "llm==0.27.1", "httpx")

    return Case(install, "pypi", "llm", ".venv/bin/llm", "0.27.1")


CASES = {
    "npm, the script era": _npm(SCRIPT_ERA),
    "npm, the native era": _npm(NATIVE_ERA),
    "pip, a command in an environment": _pip(),
}
WAYS = {True: "uninstalled by its manager", False: "moved away without a manager"}
SLOW = {("npm, the native era", True), ("pip, a command in an environment", False)}
"""Of these the other way is tried each time."""


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Uninstalling:
    monkeypatch.setattr("agent.enforce.managers.pip.PYTHON", Tool("python3", (sys.executable,)))
    return Uninstalling(tmp_path)


def removed(machine: Uninstalling, seen: Observation) -> Outcome:
    """What becomes of a finding that is removed: what no manager can do is done by moving it away."""
    done = machine.uninstall(seen)
    if (done.result, done.detail) != (OutcomeCode.FAILED, Detail.NO_MANAGER):
        return done
    actor = Quarantiner(state_dir=str(machine.state), now=lambda: NOW, homes=(str(machine.home),))
    return actor.act(intent_for(seen, kind=Kind.QUARANTINE))


@pytest.mark.parametrize(
    ("what", "by_manager"),
    [
        pytest.param(what, way, id=f"{what}-{name}", marks=[pytest.mark.slow] if (what, way) in SLOW else [])
        for what in CASES
        for way, name in WAYS.items()
    ],
)
def test_a_real_install_works_again_with_every_file_as_it_was(
    machine: Uninstalling, what: str, by_manager: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    case, home = CASES[what], machine.home
    if not by_manager:
        monkeypatch.setattr("agent.enforce.managers.npm.NPM", Tool("npm", NOWHERE))
        monkeypatch.setattr("agent.enforce.managers.pip.PYTHON", Tool("python3", NOWHERE))
    case.install(home)
    program = home / case.program
    # What it writes at its first start (compiled files, settings) is there before and after.
    assert case.says in run(program, "--version", home=home)
    before = snapshot(home)
    done = removed(machine, machine.find(case.source, case.name))
    assert done.result is (OutcomeCode.UNINSTALLED if by_manager else OutcomeCode.QUARANTINED), done
    told = subprocess.run([program], capture_output=True, text=True, check=False) if program.exists() else None
    assert told is None or (told.returncode == 126 and "Made Up" in told.stderr)
    assert machine.restore(done.quarantine_id).result is OutcomeCode.RESTORED
    assert snapshot(home) == before
    assert case.says in run(program, "--version", home=home)


def test_the_native_installer_s_program_works_again_with_every_file_as_it_was(machine: Uninstalling) -> None:
    home = machine.home
    versions = home / ".local" / "share" / "claude" / "versions"
    versions.mkdir(parents=True)
    program, link = versions / NATIVE_ERA, home / ".local" / "bin" / "claude"
    shutil.copy2(zoo.package(f"{CODE}-linux-x64@{NATIVE_ERA}") / "claude", program)
    program.chmod(0o755)
    link.parent.mkdir(parents=True)
    link.symlink_to(program)
    before = snapshot(home)
    status = program.stat()
    seen = Observation(
        "executables",
        Face.EXECUTABLE,
        str(program),
        name="claude",
        links=(str(link),),
        home=str(home),
        inode=(status.st_dev, status.st_ino),
    )
    wish = intent_for(seen, kind=Kind.QUARANTINE, package=False)
    done = Quarantiner(state_dir=str(machine.state), now=lambda: NOW, homes=(str(home),)).act(wish)
    assert done.result is OutcomeCode.QUARANTINED, done
    assert not program.exists()
    assert machine.restore(done.quarantine_id).result is OutcomeCode.RESTORED
    assert snapshot(home) == before
    assert NATIVE_ERA in run(link, "--version", home=home)
