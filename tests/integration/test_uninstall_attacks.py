"""Uninstalling against the owner of the files: a second, unprivileged user who prepares, swaps and plants.

Whatever they do, nothing outside the tool's own files is touched, nothing is written where they point, nothing runs as
root that they can change, and nothing hangs.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.enforce.interface import Detail, Outcome, OutcomeCode
from agent.enforce.managers.interface import Command
from agent.host.command import Tool
from tests.fakes import made_up
from tests.fakes.other_person import UID, become, give_to, person, tried
from tests.fakes.quarantine import mount, snapshot, unmount
from tests.fakes.uninstalling import Uninstalling

pytestmark = [pytest.mark.root, pytest.mark.node]

SECONDS = 5.0
"""What a manager's program gets here; 120 on a real machine."""


class Scene(Uninstalling):
    """Their home with the tool in it, a folder of root's that they would like to have changed, and one of a third
    person's."""

    def __init__(self, base: Path) -> None:
        super().__init__(base)
        self.seconds = SECONDS
        self.victim = base / "victim"
        self.victim.mkdir(mode=0o755)
        (self.victim / "letter").write_text("dear friend")
        (self.victim / "bin").mkdir()
        self.marks = base / "marks"
        self.marks.mkdir(mode=0o777)
        self.marks.chmod(0o777)

    def npm(self, **fields: object) -> Path:
        package = made_up.npm_global(self.home, self.home / ".npm-global", **fields)
        give_to(self.home)
        return package

    def pip(self) -> Path:
        info = made_up.pip_environment(self.home, self.home / ".venv")
        give_to(self.home)
        return info

    def as_them(self, work: Callable[[], object]) -> None:
        """Does something with their rights."""
        pid = os.fork()
        if pid == 0:
            try:
                become()
                work()
            except OSError as error:
                print("the attacker failed:", error)
                os._exit(3)
            os._exit(0)
        os.waitpid(pid, 0)

    def at(self, number: int, work: Callable[[], object]) -> None:
        """They act ahead of the n-th program that the agent starts."""
        calls: list[Command] = []

        def between(command: Command) -> None:
            calls.append(command)
            if len(calls) == number:
                self.as_them(work)

        self.between = between

    def planted(self, path: Path, what: str = "") -> None:
        """A program of theirs that tells who ran it."""
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(f"#!/bin/sh\nid -u >> {self.marks}/ran\n{what}\n")
        path.chmod(0o755)
        os.chown(path, UID, UID)

    def ran_as(self) -> set[str]:
        """The user ids that ran something planted."""
        mark = self.marks / "ran"
        return set(mark.read_text().split()) if mark.exists() else set()


@pytest.fixture
def scene(monkeypatch: pytest.MonkeyPatch) -> Iterator[Scene]:
    """On a filesystem of its own, so that its vault is nobody else's."""
    monkeypatch.setattr("agent.enforce.managers.pip.PYTHON", Tool("python3", ("/usr/bin/python3", sys.executable)))
    base = Path(tempfile.mkdtemp(prefix="interdict-"))
    base.chmod(0o755)
    mounted = mount("tmpfs", base, "mode=0755")
    try:
        yield Scene(base / "scene")
    finally:
        if mounted:
            unmount(base)
        shutil.rmtree(base)


def state_of(scene: Scene) -> tuple[object, ...]:
    passwd = os.stat("/etc/passwd")
    return snapshot(scene.victim), (passwd.st_ino, passwd.st_mode, passwd.st_uid, Path("/etc/passwd").read_bytes())


# ------------------------------------------------------------------------------------------------- what they prepare
def _link_out(scene: Scene, package: Path) -> None:
    (package / "data").symlink_to(scene.victim)
    (package / "lib" / "letter").symlink_to(scene.victim / "letter")


def _hard_link(scene: Scene, package: Path) -> None:
    os.link(scene.victim / "letter", package / "letter")


def _pipes(scene: Scene, package: Path) -> None:
    os.mkfifo(package / "pipe", 0o666)
    os.mkfifo(package / "lib" / "package.json", 0o666)


def _names(scene: Scene, package: Path) -> None:
    for name in (b"line\nfeed", b"\x1b]0;title\x07", b"-rf", b"$(id)", b"\xff\xfe", b"..."):
        (Path(os.fsdecode(bytes(package) + b"/" + name))).write_text("x")


def _settings(scene: Scene, package: Path) -> None:
    script = scene.home / "evil.sh"
    scene.planted(script)
    lines = f"script-shell={script}\nnode-options=--require={script}\nprefix={scene.victim}\n"
    for place in (scene.home / ".npmrc", scene.home / ".npm-global" / "etc" / "npmrc", package / ".npmrc"):
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(lines)


def _scripts(scene: Scene, package: Path) -> None:
    scene.planted(package / "preuninstall")
    text = (package / "package.json").read_text()
    names = ("preuninstall", "uninstall", "postuninstall")
    hooks = '"scripts": {' + ", ".join(f'"{name}": "./preuninstall"' for name in names) + "}"
    (package / "package.json").write_text(text.replace("{", "{" + hooks + ",", 1))


def _own_npm(scene: Scene, package: Path) -> None:
    for place in (".local/bin/npm", ".npm-global/bin/npm", "bin/npm", ".npm-global/bin/node", ".local/bin/node"):
        scene.planted(scene.home / place)


def _cycle(scene: Scene, package: Path) -> None:
    (package / "lib" / "up").symlink_to("..")
    (package / "node_modules").mkdir()
    (package / "node_modules" / "self").symlink_to("../..")


@pytest.mark.parametrize(
    "prepare",
    [
        pytest.param(_link_out, id="links to somebody else's folder inside"),
        pytest.param(_hard_link, id="a hard link to a file of root's inside"),
        pytest.param(_pipes, id="pipes inside, one called package.json"),
        pytest.param(_names, id="names with line feeds, escape sequences, options, commands"),
        pytest.param(_settings, id="npm settings that name a shell, a module, another prefix"),
        pytest.param(_scripts, id="uninstall scripts in its package.json"),
        pytest.param(_own_npm, id="a npm and a node of their own on their PATH"),
        pytest.param(_cycle, id="links that lead round in a circle"),
    ],
)
def test_what_they_prepared_does_nothing(scene: Scene, prepare: Callable[[Scene, Path], None]) -> None:
    package = scene.npm()
    prepare(scene, package)
    give_to(scene.home)
    os.chown(scene.victim / "letter", 0, 0)
    before, mine = state_of(scene), snapshot(package)
    done = scene.uninstall(scene.find("npm", made_up.NPM_NAME))
    assert done.result in (OutcomeCode.UNINSTALLED, OutcomeCode.QUARANTINED), done
    assert not os.path.lexists(package)
    assert scene.ran_as() == set()
    letter = scene.victim / "letter"
    assert (letter.stat().st_uid, letter.read_text()) == (0, "dear friend")
    scene.restore(done.quarantine_id)
    if prepare is not _hard_link:  # a copy of root's file is theirs; the link itself stays what it was
        assert snapshot(package) == mine
    assert state_of(scene) == before


# ------------------------------------------------------------------------------------------- what they swap meanwhile
def _swap_package_for_link(scene: Scene, package: Path) -> None:
    package.rename(scene.home / "aside")
    package.symlink_to(scene.victim)


def _swap_scope_for_link(scene: Scene, package: Path) -> None:
    package.parent.rename(scene.home / "aside")
    package.parent.symlink_to(scene.victim)


def _swap_for_another(scene: Scene, package: Path) -> None:
    package.rename(scene.home / "aside")
    package.mkdir()
    (package / "thesis").write_text("five years")


def _move_away(scene: Scene, package: Path) -> None:
    package.rename(scene.home / "aside")


def _bin_to_link(scene: Scene, package: Path) -> None:
    folder = scene.home / ".npm-global" / "bin"
    folder.rename(scene.home / "bin-aside")
    folder.symlink_to(scene.victim / "bin")


def _pipe_for_manifest(scene: Scene, package: Path) -> None:
    (package / "package.json").unlink()
    os.mkfifo(package / "package.json")


@pytest.mark.parametrize(
    "moment", [pytest.param(1, id="ahead of the dry run", marks=pytest.mark.slow), pytest.param(2, id="after it")]
)
@pytest.mark.parametrize(
    "swap",
    [
        pytest.param(_swap_package_for_link, id="the package for a link"),
        pytest.param(_swap_scope_for_link, id="the folder around it for a link"),
        pytest.param(_swap_for_another, id="the package for work of theirs"),
        pytest.param(_move_away, id="the package moved away"),
        pytest.param(_bin_to_link, id="the folder of its command for a link to root's"),
        pytest.param(_pipe_for_manifest, id="its package.json for a pipe"),
    ],
)
def test_what_they_swap_meanwhile_leads_nowhere(scene: Scene, swap: Callable[[Scene, Path], None], moment: int) -> None:
    package = scene.npm()
    before = state_of(scene)
    seen = scene.find("npm", made_up.NPM_NAME)
    scene.at(moment, lambda: swap(scene, package))
    done = scene.uninstall(seen)
    assert done.detail is not Detail.SYSTEM_ERROR, done
    assert state_of(scene) == before
    thesis = package / "thesis"
    assert not (package.exists() and thesis.parent.is_dir() and thesis.exists()) or thesis.read_text() == "five years"


# ------------------------------------------------------------------------------------------------ whose rights are used
def test_the_managers_program_runs_as_the_owner(scene: Scene) -> None:
    scene.npm()
    scene.uninstall(scene.find("npm", made_up.NPM_NAME))
    assert [(name, account and account.uid) for name, account in scene.ran] == [("npm", UID), ("npm", UID)]


def _theirs(path: Path) -> None:
    os.chown(path, UID, UID)


def _open(path: Path) -> None:
    path.chmod(0o777)


@pytest.mark.parametrize(
    ("where", "how"),
    [
        pytest.param("", _theirs, id="the prefix is theirs"),
        pytest.param("lib", _open, id="a folder in it can be written by everybody"),
        pytest.param("..", _theirs, id="the folder around it is theirs"),
    ],
)
def test_nothing_runs_as_root_in_a_prefix_that_they_can_write(
    scene: Scene, where: str, how: Callable[[Path], None]
) -> None:
    prefix = scene.home / ".npm-global"
    made_up.npm_global(scene.home, prefix)
    scene.home.chmod(0o755)
    how(prefix / where)
    done = scene.uninstall(scene.find("npm", made_up.NPM_NAME))
    assert (done.result, done.detail) == (OutcomeCode.FAILED, Detail.UNSAFE_PREFIX)
    assert scene.ran == []


def test_a_python_of_theirs_is_run_as_them_or_not_at_all(scene: Scene) -> None:
    info = scene.pip()
    scene.planted(scene.home / ".venv" / "bin" / "evil")
    python = scene.home / ".venv" / "bin" / "python"
    python.unlink()
    python.symlink_to("evil")
    done = scene.uninstall(scene.find("pypi", "made-up"))
    assert (done.result, done.detail) == (OutcomeCode.QUARANTINED, Detail.MANAGER_FAILED)
    assert not info.exists()
    assert "0" not in scene.ran_as()


def test_one_that_leaves_and_keeps_its_pipes_open_is_not_waited_for(scene: Scene) -> None:
    scene.pip()
    scene.seconds = 2.0
    python = scene.home / ".venv" / "bin" / "python"
    python.unlink()
    scene.planted(python, f"setsid sh -c 'echo $$ > {scene.marks}/pid; exec sleep 1000' &\nexit 0")
    done = scene.uninstall(scene.find("pypi", "made-up"))
    left = scene.marks / "pid"
    if left.exists():
        subprocess.run(["kill", "-9", left.read_text().strip()], check=False)
    assert (done.result, done.detail) == (OutcomeCode.QUARANTINED, Detail.MANAGER_FAILED)
    assert "0" not in scene.ran_as()


# ----------------------------------------------------------------------------------------------------- what they claim
@pytest.mark.parametrize(
    "line",
    [
        pytest.param("../../../../../victim/letter,,", id="a file of root's"),
        pytest.param("../../../../thesis.txt,,", id="a file of theirs outside of the environment"),
        pytest.param("/etc/passwd,,", id="an absolute path"),
        pytest.param("other/__init__.py,,", id="a file of another distribution"),
    ],
)
def test_a_record_that_names_more_is_a_reason_to_refuse(scene: Scene, line: str) -> None:
    info = scene.pip()
    site = info.parent
    (scene.home / "thesis.txt").write_text("five years")
    (site / "other").mkdir()
    (site / "other" / "__init__.py").write_text("")
    (site / "other-1.dist-info").mkdir()
    (site / "other-1.dist-info" / "RECORD").write_text("other/__init__.py,,\n")
    with open(info / "RECORD", "a") as record:
        record.write(line + "\n")
    before, whole = state_of(scene), snapshot(scene.home)
    done = scene.uninstall(scene.find("pypi", "made-up"))
    assert (done.result, done.detail) == (OutcomeCode.FAILED, Detail.TAKES_OTHERS)
    assert scene.ran == []
    assert (state_of(scene), snapshot(scene.home)) == (before, whole)


# --------------------------------------------------------------------------------------------------- sitting inside it
def test_who_sits_inside_gets_nothing_out_of_the_copy(scene: Scene) -> None:
    package = scene.npm()
    kept: dict[str, int] = {}

    def prepare() -> None:
        os.chdir(package / "lib")
        kept["tree"] = os.open(package, os.O_RDONLY)

    def act() -> dict[str, str]:
        return {
            **tried("make a file", lambda: os.open("new", os.O_CREAT | os.O_WRONLY)),
            **tried("open by the folder", lambda: os.open("cli.js", os.O_RDONLY, dir_fd=kept["tree"])),
            **tried("list the vault", lambda: os.listdir(scene.state / "quarantine")),
        }

    with person(prepare, act) as owner:
        done = scene.uninstall(scene.find("npm", made_up.NPM_NAME))
        assert done.result is OutcomeCode.UNINSTALLED
        assert set(owner.act().values()) <= {"FileNotFoundError", "PermissionError"}


# ------------------------------------------------------------------------------------------------------- the signposts
def _put(scene: Scene, work: Callable[[Path], object]) -> Outcome:
    """Uninstalls while they put something in the command's place, in the moment when it is gone."""
    package = scene.npm()
    command = scene.home / ".npm-global" / "bin" / "made-up"

    def swap() -> None:
        command.unlink()
        work(command)

    scene.at(2, swap)
    done = scene.uninstall(scene.find("npm", made_up.NPM_NAME))
    assert not package.exists()
    return done


@pytest.mark.parametrize(
    "work",
    [
        pytest.param(lambda path: path.symlink_to("/etc/cron.d/interdict-test"), id="a link to where root may write"),
        pytest.param(lambda path: path.write_text("mine"), id="a file of theirs"),
        pytest.param(lambda path: os.mkfifo(path), id="a pipe"),
        pytest.param(lambda path: path.mkdir(), id="a folder"),
    ],
)
def test_a_signpost_is_never_written_over_or_through_anything(scene: Scene, work: Callable[[Path], object]) -> None:
    before = state_of(scene)
    _put(scene, work)
    command = scene.home / ".npm-global" / "bin" / "made-up"
    assert not os.path.lexists("/etc/cron.d/interdict-test")
    if os.path.lexists(command) and stat.S_ISREG(os.lstat(command).st_mode) and command.stat().st_uid == UID:
        assert "Interdict" in command.read_text() or command.read_text() == "mine"
    assert state_of(scene) == before


def test_a_signpost_belongs_to_the_owner_of_the_folder_and_one_that_was_changed_stays(scene: Scene) -> None:
    scene.npm()
    done = scene.uninstall(scene.find("npm", made_up.NPM_NAME))
    command = scene.home / ".npm-global" / "bin" / "made-up"
    assert (command.stat().st_uid, stat.S_IMODE(command.stat().st_mode)) == (UID, 0o755)
    with open(command, "a") as file:
        file.write("# mine\n")
    scene.restore(done.quarantine_id)
    assert command.read_text().endswith("# mine\n")
    assert os.path.lexists(f"{command}.restored-{done.quarantine_id}")
