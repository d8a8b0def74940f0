"""What the owner of the files does in the middle of a quarantine or a restore, each at many of its steps.

They are a second, unprivileged user who acts between two system calls of root's. Whatever they do: nothing of anybody
else's is touched, nothing is written where they point, nothing hangs, and the tool is in one place, whole or theirs.
Uninstalling and signposts have the same table in `test_uninstall_attacks.py`; sitting inside is in
`test_quarantine_root.py`.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.enforce.interface import OutcomeCode
from tests.fakes.other_person import UID, become, give_to
from tests.fakes.quarantine import Steps, World, snapshot, worlds

pytestmark = pytest.mark.root
Attack = Callable[["Scene"], None]


class Scene:
    """Their world, with a folder and a file of root's beside that they would like to have changed."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.tree, self.link, self.home = world.tree, world.link, world.home
        self.victim = world.base / "victim"
        (self.victim / "bin").mkdir(parents=True)
        (self.victim / "node_modules" / "@vendor").mkdir(parents=True)
        (self.victim / "letter").write_text("dear friend")
        (self.victim / "letter").chmod(0o640)
        give_to(self.home)
        # As they could have made it where hard links are not restricted: a name of theirs for root's file.
        os.link(self.victim / "letter", self.home / "letter")
        world.base.chmod(0o755)
        world.base.parent.chmod(0o755)

    def others(self) -> tuple[object, ...]:
        """Everything that is none of theirs."""
        passwd = os.stat("/etc/passwd")
        found = snapshot(self.victim)
        return found, (passwd.st_ino, passwd.st_mode, passwd.st_uid, passwd.st_nlink, passwd.st_ctime_ns)


@pytest.fixture
def fresh() -> Iterator[Callable[[], Scene]]:
    with worlds() as make:
        yield lambda: Scene(make())


def _package_for_a_link(scene: Scene) -> None:
    _aside(scene.tree)
    scene.tree.symlink_to(scene.victim)


def _scope_for_a_link(scene: Scene) -> None:
    _aside(scene.tree.parent)
    scene.tree.parent.symlink_to(scene.victim / "node_modules" / "@vendor")


def _parent_for_a_link(scene: Scene) -> None:
    _aside(scene.home / "lib")
    (scene.home / "lib").symlink_to(scene.victim)


def _commands_for_a_link(scene: Scene) -> None:
    _aside(scene.link.parent)
    scene.link.parent.symlink_to(scene.victim / "bin")


def _command_for_a_link(scene: Scene) -> None:
    _aside(scene.link)
    scene.link.symlink_to(scene.victim / "letter")


def _hard_link_inside(scene: Scene) -> None:
    scene.tree.mkdir(exist_ok=True)
    (scene.home / "letter").rename(scene.tree / "letter")


def _hard_link_for_the_package(scene: Scene) -> None:
    _aside(scene.tree)
    (scene.home / "letter").rename(scene.tree)


def _folder_moved(scene: Scene) -> None:
    scene.tree.rename(scene.home / "elsewhere")


def _folders_around_moved(scene: Scene) -> None:
    (scene.home / "lib").rename(scene.home / "elsewhere")


def _folder_inside_moved_out(scene: Scene) -> None:
    (scene.tree / "empty").rename(scene.home / "elsewhere")


def _pipe_for_the_package(scene: Scene) -> None:
    _aside(scene.tree)
    os.mkfifo(scene.tree, 0o666)


def _pipes_inside(scene: Scene) -> None:
    scene.tree.mkdir(exist_ok=True)
    _aside(scene.tree / "package.json")
    os.mkfifo(scene.tree / "package.json", 0o666)
    os.mkfifo(scene.tree / "manifest.json", 0o666)


def _names(scene: Scene) -> None:
    scene.tree.mkdir(exist_ok=True)
    for name in (b"line\nfeed", b"\x1b]0;title\x07\x1b[2J", b"-rf", b"$(id)", b"\xff\xfe", b"..."):
        (Path(os.fsdecode(bytes(scene.tree) + b"/" + name))).write_text("x")


def _rights_taken(scene: Scene) -> None:
    scene.tree.chmod(0o000)
    scene.tree.parent.chmod(0o500)


def _aside(path: Path) -> None:
    if os.path.lexists(path):
        path.rename(path.with_name(path.name + ".aside"))


ATTACKS = [
    pytest.param(_package_for_a_link, id="the package becomes a link to root's folder"),
    pytest.param(_scope_for_a_link, id="the folder around it becomes a link to root's"),
    pytest.param(_parent_for_a_link, id="a folder further up becomes a link to root's"),
    pytest.param(_commands_for_a_link, id="the folder of its command becomes a link to root's"),
    pytest.param(_command_for_a_link, id="its command becomes a link to root's file"),
    pytest.param(_hard_link_inside, id="a hard link to root's file is put inside"),
    pytest.param(_hard_link_for_the_package, id="a hard link to root's file stands in its place"),
    pytest.param(_folder_moved, id="its folder is moved away"),
    pytest.param(_folders_around_moved, id="the folders around it are moved away"),
    pytest.param(_folder_inside_moved_out, id="a folder inside is moved out"),
    pytest.param(_pipe_for_the_package, id="a pipe stands in its place"),
    pytest.param(_pipes_inside, id="pipes are put inside, one called package.json"),
    pytest.param(_names, id="names with line feeds and escape sequences are put inside"),
    pytest.param(_rights_taken, id="nobody may read it any more"),
]
ATTACKS_IN_ORDER = [param.values[0] for param in ATTACKS]
"""Each begins at another step, so that together they are at all of them."""
EVERY = [pytest.param(25, id="every 25th step"), pytest.param(1, id="every step", marks=pytest.mark.slow)]
WAYS = [pytest.param(True, id="by one rename"), pytest.param(False, id="by a copy")]


class Between(Steps):
    """At one step of root's the attacker acts, in a process of their own."""

    def __init__(self, number: int, scene: Scene, attack: Attack, one_filesystem: bool) -> None:
        super().__init__(one_filesystem=one_filesystem)
        self._number, self._scene, self._attack = number, scene, attack
        self.worked = False

    def __call__(self, changes: bool, what: str) -> None:
        if changes and len(self.seen) == self._number:
            self.worked = as_them(lambda: self._attack(self._scene))
        super().__call__(changes, what)


def as_them(work: Callable[[], object]) -> bool:
    """Does something with their rights; whether these went so far."""
    pid = os.fork()
    if pid == 0:
        try:
            become()
            work()
        except OSError:
            os._exit(1)
        os._exit(0)
    return os.waitpid(pid, 0)[1] == 0


def copies_of_the_tool(scene: Scene) -> int:
    """How many whole trees of the tool there are, in their home and in the vault."""
    places = [path for path, _, files in os.walk(scene.home) if "cli.js" in files]
    return len(places) + len(scene.world.held())


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("one_filesystem", WAYS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_in_the_middle_of_a_quarantine(
    fresh: Callable[[], Scene], attack: Attack, one_filesystem: bool, every: int
) -> None:
    counted = Steps(one_filesystem=one_filesystem)
    fresh().world.take(counted)
    worked = 0
    for number in range(ATTACKS_IN_ORDER.index(attack) % every, len(counted.seen), every):
        scene = fresh()
        before = scene.others()
        between = Between(number, scene, attack, one_filesystem)
        outcome = scene.world.take(between)
        worked += between.worked
        scene.world.recover()
        assert scene.others() == before, counted.seen[number]
        assert copies_of_the_tool(scene) >= 1, counted.seen[number]
        for cell in scene.world.held():
            assert outcome.result is not OutcomeCode.GONE
            given = scene.world.give(cell.name)
            assert scene.others() == before, (counted.seen[number], given)
    assert worked > 0, "the attack was never carried out"


@pytest.mark.parametrize("every", EVERY)
@pytest.mark.parametrize("one_filesystem", WAYS)
@pytest.mark.parametrize("attack", ATTACKS)
def test_in_the_middle_of_a_restore(
    fresh: Callable[[], Scene], attack: Attack, one_filesystem: bool, every: int
) -> None:
    counted = Steps(one_filesystem=one_filesystem)
    scene = fresh()
    taken = scene.world.take(Steps(one_filesystem=one_filesystem))
    scene.world.give(taken.quarantine_id, counted)
    for number in range(ATTACKS_IN_ORDER.index(attack) % every, len(counted.seen), every):
        scene = fresh()
        before = scene.others()
        taken = scene.world.take(Steps(one_filesystem=one_filesystem))
        assert taken.result is OutcomeCode.QUARANTINED, taken
        scene.world.give(taken.quarantine_id, Between(number, scene, attack, one_filesystem))
        scene.world.recover()
        assert scene.others() == before, counted.seen[number]
        assert copies_of_the_tool(scene) >= 1, counted.seen[number]


def test_the_other_person_is_not_root(fresh: Callable[[], Scene]) -> None:
    """The table would show nothing if they could do everything."""
    scene = fresh()
    before = scene.others()
    assert not as_them(lambda: (scene.victim / "letter").write_text("hated friend"))
    assert not as_them(lambda: os.unlink(scene.victim / "letter"))
    assert scene.others() == before
    assert scene.tree.stat().st_uid == UID
