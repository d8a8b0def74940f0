"""`restore.py`, as it lies in the vault, run by a plain Python that does not know the agent."""

from __future__ import annotations

import json
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.enforce.ledger import Ledger
from tests.fakes.quarantine import Steps, World, in_child, mount, now, unmount, worlds


def pythons() -> list[str]:
    """The oldest and the usual Python of this machine, beside the one that runs the tests."""
    found = [sys.executable, *(path for name in ("python3.8", "python3") if (path := shutil.which(name)))]
    found += [str(path) for path in Path.home().glob(".pyenv/versions/3.8*/bin/python3.8")]
    return list(dict.fromkeys(p for p in found if _works(p)))


def _works(python: str) -> bool:
    check = "import sys; sys.exit(sys.version_info < (3, 8))"
    return subprocess.run([python, "-c", check], capture_output=True, check=False).returncode == 0


@pytest.fixture
def world() -> Iterator[World]:
    with worlds() as fresh:
        yield fresh()


def script(world: World, *arguments: str, python: str = sys.executable) -> subprocess.CompletedProcess[str]:
    """In an empty environment, isolated, and from a folder in which nothing can be imported."""
    (cell,) = world.cells()
    command = [python, "-I", "-S", cell.parent / "restore.py", *arguments]
    return subprocess.run(command, capture_output=True, text=True, env={}, cwd="/", check=False)


def test_it_imports_nothing_of_the_agent(world: World) -> None:
    world.take()
    (cell,) = world.cells()
    text = (cell.parent / "restore.py").read_text()
    lines = [line for line in text.splitlines() if line.startswith(("import ", "from "))]
    names = {line.split()[1].split(".")[0] for line in lines}
    assert names <= set(sys.stdlib_module_names)


@pytest.mark.parametrize("python", pythons())
@pytest.mark.parametrize(
    "one_filesystem", [pytest.param(True, id="taken by one rename"), pytest.param(False, id="taken by a copy")]
)
def test_gives_back_exactly_what_was_taken(world: World, python: str, one_filesystem: bool) -> None:
    before = world.snapshot()
    taken = world.take(Steps(one_filesystem=one_filesystem)).quarantine_id
    listed = script(world, "list", python=python)
    assert (taken in listed.stdout, str(world.tree) in listed.stdout, listed.returncode) == (True, True, 0)
    done = script(world, taken, python=python)
    assert (done.returncode, done.stderr) == (0, "")
    assert str(world.tree) in done.stdout
    assert world.snapshot() == before


@pytest.mark.root
@pytest.mark.parametrize("python", pythons())
def test_gives_back_to_another_filesystem(world: World, python: str) -> None:
    before = {n: f for n, f in world.snapshot().items() if n.startswith("lib/node_modules/@vendor/tool/")}
    taken = world.take().quarantine_id
    other = world.base / "other"
    other.mkdir()
    assert mount("tmpfs", other)
    try:
        done = script(world, taken, "--to", str(other), python=python)
        assert (done.returncode, done.stderr) == (0, "")
        moved = World(other)
        moved.home = other
        after = {f"lib/node_modules/@vendor/{name}": facts for name, facts in moved.snapshot().items()}
        assert before == {name: facts for name, facts in after.items() if name in before}
        assert [path.name for path in other.iterdir()] == ["tool"]
        assert world.held() == []
    finally:
        unmount(other)


def test_a_taken_place_is_never_overwritten(world: World) -> None:
    taken = world.take().quarantine_id
    world.tree.mkdir()
    (world.tree / "newer").write_text("keep me")
    done = script(world, taken)
    assert done.returncode == 0
    assert "lies beside" in done.stdout
    assert (world.tree / "newer").read_text() == "keep me"
    assert (world.tree.with_name(f"tool.restored-{taken}") / "cli.js").exists()


def test_removed_folders_are_made_again(world: World) -> None:
    taken = world.take().quarantine_id
    shutil.rmtree(world.home / "lib")
    assert script(world, taken).returncode == 0
    assert (world.tree / "cli.js").exists()


def test_changed_content_is_said(world: World) -> None:
    with open(world.tree / "cli.js", "ab", buffering=0) as file:
        taken = world.take().quarantine_id
        file.write(b"more")
    done = script(world, taken)
    assert done.returncode == 0
    assert "not what was recorded: cli.js" in done.stdout


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        pytest.param(("q-unknown1",), "No such file", id="an unknown id"),
        pytest.param(("../../etc",), "not an id", id="a path"),
        pytest.param((), "usage", id="nothing"),
        pytest.param(("--help",), "usage", id="a question"),
    ],
)
def test_a_mistake_is_one_line_and_exit_code_2(world: World, arguments: tuple[str, ...], says: str) -> None:
    world.take()
    done = script(world, *arguments)
    assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)
    assert says in done.stderr


def test_what_is_back_is_not_given_back_twice(world: World) -> None:
    taken = world.take().quarantine_id
    script(world, taken)
    done = script(world, taken)
    assert (done.returncode, len(done.stderr.splitlines())) == (2, 1)
    assert (world.tree / "cli.js").exists()


def test_the_agent_sees_what_the_script_did(world: World) -> None:
    taken = world.take().quarantine_id
    script(world, taken)
    (cell,) = world.cells()
    record = json.loads((cell / "record.json").read_text())
    assert (record["state"], record["by"], record["restored_under"]) == ("restored", "restore.py", None)
    assert world.recover() == []
    ledger = Ledger(state_dir=str(world.state), now=now)
    ledger.refresh(7)
    assert ledger.restored_paths() == {str(world.tree)}


def test_an_unfinished_copy_is_never_taken_for_the_whole(world: World) -> None:
    """Killed while it copied: the original is still there, and the script says so."""
    steps = Steps(one_filesystem=False)
    world.take(steps)
    number = next(i for i, what in enumerate(steps.seen) if what.startswith("write cli.js"))
    (cell,) = world.held()
    world.give(cell.name)
    shutil.rmtree(cell)
    assert in_child(lambda: world.take(Steps(number, one_filesystem=False))) == signal.SIGKILL
    (cell,) = world.held()
    done = script(world, cell.name)
    assert done.returncode == 2
    assert f"the original is still at {world.tree}" in done.stderr
    assert (world.tree / "cli.js").exists()
