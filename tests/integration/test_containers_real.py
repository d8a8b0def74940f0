"""Containers made by buildah and podman themselves, looked into from outside; processes below roots of their own."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.other_roots import OtherRoot, other_roots
from agent.inventory.interface import Look
from agent.inventory.machine import open_machine
from agent.inventory.runner import look
from tests.fakes.system_roots import run

pytestmark = [pytest.mark.managers, pytest.mark.root]


class Engine:
    """buildah and podman with a store of their own, at its usual place in a throw-away machine."""

    def __init__(self, folder: Path, driver: str) -> None:
        self.root = folder / "machine"
        self.store = self.root / "var/lib/containers/storage"
        self.store.mkdir(parents=True)
        # podman takes no longer path than 50 letters for this.
        self.running = tempfile.mkdtemp(prefix="run-")
        self._place = ("--root", str(self.store), "--runroot", self.running, "--storage-driver", driver)

    def buildah(self, *arguments: str) -> str:
        """What buildah says."""
        return run("buildah", *self._place, *arguments).strip()

    def podman(self, *arguments: str) -> str:
        """What podman says."""
        return run("podman", *self._place, *arguments).strip()

    def look(self) -> Look:
        """One look from outside."""
        with open_machine(root=str(self.root)) as machine:
            return look(machine, ("containers",))


@pytest.fixture(params=["overlay", "vfs"])
def engine(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Engine]:
    """One with nothing in it; what it mounted is unmounted afterwards."""
    made = Engine(tmp_path, request.param)
    yield made
    made.buildah("umount", "--all")
    made.podman("rm", "--all", "--force")
    made.buildah("rm", "--all")
    shutil.rmtree(made.running)


def put(root: str, name: str, version: str) -> None:
    package = Path(root) / "usr/lib/node_modules" / name
    package.mkdir(parents=True)
    (package / "package.json").write_text(json.dumps({"name": name, "version": version}))


def test_what_is_in_a_container_is_found_and_what_it_deleted_is_not(engine: Engine) -> None:
    base = engine.buildah("from", "scratch")
    mounted = engine.buildah("mount", base)
    put(mounted, "kept", "1.0.0")
    put(mounted, "gone", "1.0.0")
    put(mounted, "changed", "1.0.0")
    engine.buildah("commit", "--quiet", base, "localhost/tiny")
    engine.buildah("umount", base)
    engine.buildah("rm", base)

    work = engine.buildah("from", "--name", "work", "localhost/tiny")
    mounted = engine.buildah("mount", work)
    shutil.rmtree(f"{mounted}/usr/lib/node_modules/gone")
    (Path(mounted) / "usr/lib/node_modules/changed/package.json").write_text('{"name":"changed","version":"2.0.0"}')
    put(mounted, "added", "3.0.0")
    found = engine.look()
    assert found.complete
    rows = found.observations["containers"]
    assert sorted((one.name, one.version) for one in rows) == [
        ("added", "3.0.0"),
        ("changed", "2.0.0"),
        ("kept", "1.0.0"),
    ]
    assert {(one.manager, one.prefix, one.project) for one in rows} == {("podman", "work", True)}
    assert all((engine.root / one.path.lstrip("/")).is_dir() for one in rows)

    engine.buildah("umount", work)
    engine.podman("create", "--name", "box", "localhost/tiny", "/bin/true")
    names = {(one.name, one.version) for one in engine.look().observations["containers"]}
    assert names == {
        ("added", "3.0.0"),
        ("changed", "1.0.0"),
        ("changed", "2.0.0"),
        ("gone", "1.0.0"),
        ("kept", "1.0.0"),
    }

    engine.buildah("rm", work)
    rows = engine.look().observations["containers"]
    assert {(one.name, one.version, one.prefix) for one in rows} == {
        ("changed", "1.0.0", "box"),
        ("gone", "1.0.0", "box"),
        ("kept", "1.0.0", "box"),
    }


# ---------------------------------------------------------------------------- processes
@pytest.fixture
def other(tmp_path: Path) -> Path:
    """A root of its own with one program in it and the libraries that it needs."""
    root = tmp_path / "other"
    (root / "proc").mkdir(parents=True)
    for path in ("/bin/sleep", *libraries("/bin/sleep")):
        target = root / path.lstrip("/")
        target.parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(path, target)
    return root


def libraries(program: str) -> list[str]:
    lines = run("ldd", program).split()
    return [word for word in lines if word.startswith("/")]


def mine(root: Path) -> list[OtherRoot]:
    return [one for one in other_roots() if one.place == str(root)]


IN_MOUNTS_OF_ITS_OWN = """
mount --bind "$0" "$0" && cd "$0" && mkdir -p old && pivot_root . old && exec /bin/sleep 1000
"""


@pytest.mark.parametrize(
    "command",
    [
        pytest.param(("chroot", "{root}", "/bin/sleep", "1000"), id="a chroot"),
        pytest.param(
            ("unshare", "--mount", "--propagation", "private", "sh", "-c", IN_MOUNTS_OF_ITS_OWN, "{root}"),
            id="mounts of its own, as a container has",
        ),
    ],
)
def test_a_process_below_a_root_that_is_known_nowhere_is_unknown(command: tuple[str, ...], other: Path) -> None:
    process = subprocess.Popen([word.replace("{root}", str(other)) for word in command])
    try:
        until_it_runs(process.pid, "/bin/sleep")
        (found,) = mine(other)
        assert (found.pid, found.processes) == (process.pid, 1)
        with open_machine() as machine:
            unknown = look(machine, ("containers",)).coverage[0].unknown
        reason = "a process runs below a root of their own (a container or chroot) whose files are not looked into"
        assert [one.reason for one in unknown if one.where == str(other)] == [reason]
    finally:
        process.kill()
        process.wait()
    assert mine(other) == []


def until_it_runs(pid: int, program: str) -> None:
    """Waits until it has become that program: it has called exec when its link says so."""
    while not os.readlink(f"/proc/{pid}/exe").endswith(program):
        threading.Event().wait(0.01)


def test_an_own_process_has_no_other_root() -> None:
    process = subprocess.Popen([sys.executable, "-c", "input()"], stdin=subprocess.PIPE)
    try:
        assert process.pid not in {one.pid for one in other_roots()}
    finally:
        process.communicate(b"\n")
