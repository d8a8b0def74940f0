"""Real folders change, and the right roots are told, once, soon, also when folders come and go."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.host import folder_events
from agent.host.folder_events import Tap
from agent.watch.files import CHECK_EVERY, COMPARE_EVERY, FilesWatcher
from agent.watch.interface import Changed, FileEvent, Overflowed
from agent.watch.places import YOUNG_FOR
from tests.fakes.sleepers import Inbox, until

if sys.platform != "linux":
    pytest.skip("the folders of Linux; the other systems have watchdog's own tests", allow_module_level=True)


class Counting:
    """The real tap, and how many folders it was asked to watch."""

    def __init__(self, tap: Tap) -> None:
        self._tap = tap
        self.numbers: set[int] = set()
        self.add_real, self.remove_real = tap.add, tap.remove
        self.read, self.interrupt, self.close = tap.read, tap.interrupt, tap.close

    def add(self, path: str, watch: folder_events.Watch) -> int:
        number = self.add_real(path, watch)
        self.numbers.add(number)
        return number

    def remove(self, number: int) -> None:
        self.numbers.discard(number)
        self.remove_real(number)


class Watched:
    """A watcher of some roots, its inbox, and a clock that runs only when the test wants it to."""

    def __init__(self, *roots: Path, most_folders: int = 4096, clock: Callable[[], float] | None = None) -> None:
        self.tap = Counting(folder_events.open_tap())
        self.watcher = FilesWatcher(lambda: self.tap, most_folders=most_folders, monotonic=clock or time.monotonic)
        self.inbox: Inbox[FileEvent] = Inbox()
        self.watch(*roots)
        self.watcher.start(self.inbox)
        until(lambda: self.watcher._roots.keys() >= {os.path.realpath(root) for root in roots}, "the first placing")
        until(lambda: bool(self.tap.numbers) or not roots, "the first watch")

    def watch(self, *roots: Path) -> None:
        self.watcher.watch(frozenset(os.fspath(root) for root in roots))

    def changed(self, root: Path) -> None:
        self.inbox.wait(lambda event: event == Changed(os.fspath(root)), f"a change of {root}")


@pytest.fixture
def watch() -> Iterator[Callable[..., Watched]]:
    made: list[Watched] = []

    def make(*roots: Path, **more: object) -> Watched:
        made.append(Watched(*roots, **more))  # type: ignore[arg-type]
        return made[-1]

    yield make
    for watched in made:
        watched.watcher.stop()
        watched.watcher.stop()


def touch(path: Path) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text("x")


def package(folder: Path) -> None:
    """As npm does it: filled under a name of its own, then renamed."""
    draft = folder.parent / f".{folder.name}-x1y2"
    touch(draft / "package.json")
    touch(draft / "bin" / "tool")
    draft.rename(folder)


CHANGES: dict[str, Callable[[Path], object]] = {
    "a file appears": lambda root: touch(root / "new"),
    "a file is written": lambda root: touch(root / "old"),
    "a file becomes executable": lambda root: (root / "old").chmod(0o755),
    "a file vanishes": lambda root: (root / "old").unlink(),
    "a file is renamed": lambda root: (root / "old").rename(root / "other"),
    "a link appears": lambda root: (root / "link").symlink_to("/nowhere"),
    "a folder appears": lambda root: (root / "folder").mkdir(),
    "a folder vanishes": lambda root: (root / "there").rmdir(),
    "a package is installed": lambda root: package(root / "tool"),
    "a package is installed in a scope that was there": lambda root: package(root / "@scope" / "tool"),
    "a package is installed in a new scope": lambda root: package(root / "@new" / "tool"),
    "a name that is no text": lambda root: touch(Path(os.fsdecode(os.fsencode(root) + b"/\xff\xfe\n"))),
    "the root vanishes": lambda root: shutil.rmtree(root),
    "the root is renamed": lambda root: root.rename(root.parent / "elsewhere"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_a_change_of_a_root_is_told(watch: Callable[..., Watched], tmp_path: Path, name: str) -> None:
    root = tmp_path / "node_modules"
    touch(root / "old")
    (root / "there").mkdir()
    (root / "@scope").mkdir()
    watched = watch(root, tmp_path / "another")
    CHANGES[name](root)
    watched.changed(root)
    assert Changed(str(tmp_path / "another")) not in watched.inbox.rest()


def test_what_is_filled_after_it_was_made_is_told_again(watch: Callable[..., Watched], tmp_path: Path) -> None:
    watched = watch(tmp_path)
    inner = tmp_path / "0123abcd" / "node_modules" / "@scope"
    inner.mkdir(parents=True)
    watched.changed(tmp_path)
    (inner / "tool").mkdir()
    watched.changed(tmp_path)


def test_what_has_long_been_there_is_not_watched_below(watch: Callable[..., Watched], tmp_path: Path) -> None:
    for number in range(200):
        (tmp_path / f"package-{number}" / "lib" / "deep").mkdir(parents=True)
    (tmp_path / "@scope" / "tool" / "lib").mkdir(parents=True)
    watched = watch(tmp_path)
    touch(tmp_path / "told after everything is placed")
    watched.changed(tmp_path)
    assert len(watched.tap.numbers) == 2


def test_a_root_that_is_not_there_yet_is_waited_for(watch: Callable[..., Watched], tmp_path: Path) -> None:
    root = tmp_path / "a" / "b" / "node_modules"
    watched = watch(root)
    (tmp_path / "unrelated").mkdir()
    (tmp_path / "a").mkdir()
    watched.changed(root)
    (tmp_path / "a" / "b").mkdir()
    watched.changed(root)
    touch(root / "tool" / "package.json")
    watched.changed(root)
    touch(root / "another")
    watched.changed(root)


def test_a_root_that_came_back_is_watched_again(watch: Callable[..., Watched], tmp_path: Path) -> None:
    root = tmp_path / "home" / "node_modules"
    root.mkdir(parents=True)
    watched = watch(root)
    for _ in range(3):
        shutil.rmtree(tmp_path / "home")
        watched.changed(root)
        root.mkdir(parents=True)
        watched.changed(root)
        touch(root / "tool")
        watched.changed(root)


def test_a_link_in_a_root_is_not_followed(watch: Callable[..., Watched], tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    (outside / "tool").mkdir(parents=True)
    root = tmp_path / "root"
    root.mkdir()
    (root / "@scope").symlink_to(outside)
    watched = watch(root)
    (root / "@new").symlink_to(outside)
    watched.changed(root)
    assert len(watched.tap.numbers) == 1


def test_a_root_given_through_a_link_is_told_by_the_name_it_was_given(
    watch: Callable[..., Watched], tmp_path: Path
) -> None:
    (tmp_path / "usr" / "bin").mkdir(parents=True)
    (tmp_path / "bin").symlink_to("usr/bin")
    watched = watch(tmp_path / "bin", tmp_path / "usr" / "bin")
    touch(tmp_path / "usr" / "bin" / "tool")
    watched.changed(tmp_path / "bin")
    watched.changed(tmp_path / "usr" / "bin")


def test_roots_can_be_exchanged_while_it_runs(watch: Callable[..., Watched], tmp_path: Path) -> None:
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    two.mkdir()
    watched = watch(one)
    watched.watch(two)
    until(lambda: watched.watcher._roots.keys() == {str(two)}, "the exchange")
    until(lambda: len(watched.tap.numbers) == 1, "one watch")
    touch(one / "x")
    touch(two / "x")
    watched.changed(two)
    assert Changed(str(one)) not in watched.inbox.rest()


def test_a_folder_that_serves_two_roots_is_kept_for_the_other(watch: Callable[..., Watched], tmp_path: Path) -> None:
    scope = tmp_path / "@scope"
    scope.mkdir()
    watched = watch(tmp_path, scope)
    watched.watch(tmp_path)
    until(lambda: watched.watcher._roots.keys() == {str(tmp_path)}, "the exchange")
    touch(scope / "tool")
    watched.changed(tmp_path)


def test_thousands_of_changes_are_few_events(watch: Callable[..., Watched], tmp_path: Path) -> None:
    watched = watch(tmp_path)
    for number in range(5000):
        touch(tmp_path / f"file-{number}")
    watched.changed(tmp_path)
    touch(tmp_path / "last")
    watched.changed(tmp_path)
    assert len(watched.inbox.rest()) < 20


@pytest.mark.parametrize("files", [pytest.param(20_000, id="more than the kernel's queue holds")])
def test_events_that_were_lost_are_said_to_be_lost(watch: Callable[..., Watched], tmp_path: Path, files: int) -> None:
    root, later = tmp_path / "root", tmp_path / "later"
    root.mkdir()
    watched = watch(root, later)
    held, let_go = threading.Event(), threading.Event()
    told = watched.inbox._events.put

    def hold_up(event: FileEvent) -> None:
        held.set()
        let_go.wait(60)
        told(event)

    watched.inbox._events.put = hold_up  # type: ignore[assignment,method-assign]
    touch(root / "first")
    assert held.wait(20)
    for number in range(files):
        os.close(os.open(root / f"f{number}", os.O_CREAT | os.O_WRONLY))
    later.mkdir()
    let_go.set()
    watched.inbox.wait(lambda event: isinstance(event, Overflowed), "the loss")
    touch(later / "tool")
    watched.changed(later)


class Clock:
    """Seconds that pass only when the test says so."""

    def __init__(self) -> None:
        self.now = 1000.0

    def __call__(self) -> float:
        return self.now

    def pass_by(self, watched: Watched, seconds: float) -> None:
        self.now += seconds
        watched.tap.interrupt()

    def until_changed(self, watched: Watched, root: Path) -> None:
        """Lets seconds pass until the root was told."""

        def told() -> bool:
            self.pass_by(watched, 1)
            return Changed(str(root)) in watched.inbox.rest()

        until(told, f"a change of {root}")


def test_beyond_the_limit_folders_are_compared_and_it_is_said(watch: Callable[..., Watched], tmp_path: Path) -> None:
    clock = Clock()
    one, two = tmp_path / "one", tmp_path / "two"
    one.mkdir()
    (two / "@scope").mkdir(parents=True)
    watched = watch(one, two, most_folders=1, clock=clock)
    until(lambda: [unknown.where for unknown in watched.watcher.health()] == [str(two)], "the health")
    assert "compared every 10 s" in watched.watcher.health()[0].reason
    touch(two / "@scope" / "tool")
    for _ in range(2):
        clock.pass_by(watched, COMPARE_EVERY)
    clock.until_changed(watched, two)


LIMITED = """
import sys, threading
from agent.watch.files import FilesWatcher
open('/proc/sys/user/' + sys.argv.pop(1), 'w').write(sys.argv.pop(1))
watcher = FilesWatcher()
watcher.watch(frozenset(sys.argv[1:]))
watcher.start(print)
while not watcher.health():
    threading.Event().wait(0.01)
print(len(watcher.health()), watcher.health()[0].reason)
watcher.stop()
"""


@pytest.mark.root
@pytest.mark.parametrize(
    ("limit", "said"),
    [
        pytest.param(("max_inotify_watches", "1"), "1", id="one folder and no more"),
        pytest.param(("max_inotify_instances", "0"), "2", id="no way to watch any folder"),
    ],
)
def test_the_systems_own_limit_is_said(tmp_path: Path, limit: tuple[str, str], said: str) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
    told = subprocess.run(
        ["unshare", "--user", "--map-root-user", sys.executable, "-c", LIMITED, *limit, *tmp_path.iterdir()],
        capture_output=True, text=True, check=True, timeout=30,
    )  # fmt: skip
    assert told.stdout == f"{said} the system's limit of watched folders is reached; compared every 10 s instead\n"


@pytest.mark.root
def test_a_folder_that_may_not_be_read_is_said(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    tmp_path.chmod(0o755)
    code = (
        "import os, sys, threading\nfrom agent.host import _linux_inotify\nfrom agent.watch.files import FilesWatcher\n"
        "os.setgroups([]); os.setgid(65534); os.setuid(65534)\n"
        "watcher = FilesWatcher()\nwatcher.watch(frozenset([sys.argv[1]]))\nwatcher.start(print)\n"
        "while not watcher.health():\n    threading.Event().wait(0.01)\n"
        "print(watcher.health()[0].where)\nwatcher.stop()\n"
    )
    for folder in closed.parents:
        if folder.stat().st_mode & 0o005 != 0o005 and folder.is_relative_to("/tmp") and folder != Path("/tmp"):
            folder.chmod(0o755)
    told = subprocess.run([sys.executable, "-c", code, closed], capture_output=True, text=True, check=True, timeout=30)
    assert told.stdout == f"{closed}\n"


def test_new_folders_are_let_go_of_after_a_while(watch: Callable[..., Watched], tmp_path: Path) -> None:
    clock = Clock()
    watched = watch(tmp_path, clock=clock)
    (tmp_path / "tool").mkdir()
    until(lambda: len(watched.tap.numbers) == 2, "the watch of a new folder")
    clock.pass_by(watched, YOUNG_FOR + 1)
    until(lambda: len(watched.tap.numbers) == 1, "its end")


def test_a_root_below_a_folder_that_moved_is_found_out(watch: Callable[..., Watched], tmp_path: Path) -> None:
    clock = Clock()
    root = tmp_path / "nvm" / "lib" / "node_modules"
    root.mkdir(parents=True)
    watched = watch(root, clock=clock)
    (tmp_path / "nvm").rename(tmp_path / "old")
    clock.pass_by(watched, CHECK_EVERY)
    clock.until_changed(watched, root)


def test_a_watcher_that_breaks_says_so(
    watch: Callable[..., Watched], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    watched = watch(tmp_path)

    def broken(wait: float | None) -> folder_events.Batch:
        raise OSError(5, "broken")

    watched.tap.read = broken
    watched.tap.interrupt()
    watched.inbox.wait(lambda event: isinstance(event, Overflowed), "the loss")
    assert "broken" in watched.watcher.health()[0].reason
