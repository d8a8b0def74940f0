"""The hostile home while it is looked at: folders and files that become something else at the worst moment, a chain of
folders without an end, a filesystem that never answers. For each source by its own steps.
"""

from __future__ import annotations

import os
import select
import signal
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest

from agent.inventory import SOURCES
from agent.inventory.interface import Look
from tests.fakes.caged_look import caged
from tests.fakes.full_machine import full_machine, look_at
from tests.fakes.hostile_home import Before, assert_well, hostile_machine, key_of, quick_folder
from tests.fakes.machine_folder import MachineFolder, seen
from tests.fakes.silent_filesystem import silent_at
from tests.fakes.swapped import Moment, Swaps, touched

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="doors of the system as Linux has them")

DEEP = 100_000
LI = "/home/li"
SAID = "a network or FUSE filesystem (fuse.silent) is not read"


@pytest.fixture(scope="module")
def before() -> Iterator[Before]:
    with quick_folder() as root:
        yield Before(full_machine(root))


@pytest.fixture(scope="module")
def machine() -> Iterator[MachineFolder]:
    """One for all: each test puts back what it took away."""
    with hostile_machine() as made:
        secret = made.file("/secret/file", made.at("/etc/shadow").read_bytes()).parent
        secret.chmod(0o700)
        yield made


def assert_all_well(looks: list[Look], before: Before) -> None:
    assert looks
    for one in looks:
        assert_well(one, before, mute=True)


# ---------------------------------------------------------------------------- swapped while it is looked at
def to_nothing(at: Path) -> None: ...


def to_secret(at: Path) -> None:
    """A link to a folder of root's, in which each name leads to the list of passwords."""
    secret = at.anchor + os.path.relpath(_root_of(at) / "secret", at.anchor)
    gone = Path(f"{at}.gone")
    if not gone.is_dir():
        at.symlink_to("/etc/shadow")
        return
    for name in os.listdir(gone):
        with suppress(FileExistsError):
            os.link(f"{secret}/file", f"{secret}/{name}")
    at.symlink_to("/secret")


def to_file(at: Path) -> None:
    at.write_bytes(b"{}")


def to_folder(at: Path) -> None:
    at.mkdir()


def _root_of(at: Path) -> Path:
    return next(above.parent for above in at.parents if above.name == "home")


FOLDERS = [
    (Moment.LIST, "vanishes", to_nothing, False),
    (Moment.LIST, "is swapped for a link", to_secret, False),
    (Moment.OPEN_FOLDER, "is swapped for a link", to_secret, False),
    (Moment.OPEN_FOLDER, "vanishes", to_nothing, True),
    (Moment.OPEN_FOLDER, "is swapped for a pipe", os.mkfifo, True),
    (Moment.OPEN_FOLDER, "is swapped for a file", to_file, True),
]
FILES = [("vanishes", to_nothing), ("becomes a link", to_secret), ("a pipe", os.mkfifo), ("a folder", to_folder)]


def _touched_in(machine: MachineFolder, source: str, moment: Moment) -> list[str]:
    """What this source does to li's home at such moments."""
    home, found = str(machine.at(LI)), dict[str, None]()

    def note(at: Moment, path: str) -> None:
        if at is moment and path.startswith(home):
            found.setdefault(path)

    with touched(note):
        look_at(machine, source)
    return list(found)


def _look_while(machine: MachineFolder, source: str, swaps: Swaps) -> Look:
    try:
        with touched(swaps):
            return look_at(machine, source)
    finally:
        swaps.undo()


@pytest.mark.parametrize(
    ("moment", "become"),
    [
        pytest.param(at, become, id=f"{what} when it is {at.value}", marks=[pytest.mark.slow] * slow)
        for at, what, become, slow in FOLDERS
    ],
)
@pytest.mark.parametrize("source", SOURCES)
def test_a_folder(
    source: str, moment: Moment, become: Callable[[Path], None], machine: MachineFolder, before: Before
) -> None:
    def looks() -> list[Look]:
        each = _touched_in(machine, source, moment)
        return [_look_while(machine, source, Swaps(moment, become, frozenset({path}))) for path in each]

    found = caged(looks)
    assert_all_well(found, before)


@pytest.mark.parametrize("become", [pytest.param(become, id=f"{what} when it is opened") for what, become in FILES])
def test_every_file(become: Callable[[Path], None], machine: MachineFolder, before: Before) -> None:
    def looks() -> list[Look]:
        made = []
        for source in SOURCES:
            if each := _touched_in(machine, source, Moment.OPEN_FILE):
                made.append(_look_while(machine, source, Swaps(Moment.OPEN_FILE, become, frozenset(each))))
        return made

    assert_all_well(caged(looks), before)


def test_a_file_grows_and_shrinks_while_it_is_read(machine: MachineFolder, before: Before) -> None:
    """What its descriptor says of its size is wrong by the next call."""
    real = os.fstat

    def shrunk(fd: int) -> os.stat_result:
        status = real(fd)
        path = os.readlink(f"/proc/self/fd/{fd}")
        if path.startswith(str(machine.at(LI))) and path not in done and os.path.isfile(path):
            done.add(path)
            with open(path, "r+b") as file:
                file.truncate(status.st_size * 2 if len(done) % 2 else status.st_size // 2)
        return status

    def looked() -> Look:
        os.fstat = shrunk
        return look_at(machine)

    done: set[str] = set()
    with hostile_machine() as machine:
        assert_well(caged(looked), before, mute=True)


# ---------------------------------------------------------------------------- 100,000 folders deep
@contextmanager
def chain(machine: MachineFolder) -> Iterator[Path]:
    """A chain of 100,000 folders, under names that sources go into."""
    top = machine.at("/chain")
    top.mkdir()
    here = os.open(top, os.O_PATH)
    for level in range(DEEP):
        name = ("node_modules", "versions", "1.0.0", "a")[level % 4]
        os.mkdir(name, dir_fd=here)
        here, above = os.open(name, os.O_PATH, dir_fd=here), here
        os.close(above)
    os.close(here)
    yield top
    _unchain(top)


def _unchain(top: Path) -> None:
    """Removes it from above: by depth no program gets through."""
    while inner := os.listdir(top):
        os.rename(top / inner[0], top.with_name("next"))
        os.rmdir(top)
        os.rename(top.with_name("next"), top)
    os.rmdir(top)


def test_a_chain_of_100_000_folders(before: Before) -> None:
    """Put into each folder that a source lists in li's home."""
    with hostile_machine() as machine, chain(machine) as top:

        def looks() -> list[Look]:
            made = []
            for source in SOURCES:
                for path in _touched_in(machine, source, Moment.LIST):
                    os.rename(top, f"{path}/chain")
                    made.append(look_at(machine, source))
                    os.rename(f"{path}/chain", top)
            return made

        assert_all_well(caged(looks), before)


# ---------------------------------------------------------------------------- a filesystem that never answers
@pytest.mark.root
def test_the_silent_filesystem_is_silent(machine: MachineFolder) -> None:
    """What the next tests rest on: whoever asks it anything waits in the kernel until it is killed."""
    place = str(machine.at(f"{LI}/src"))
    reading, writing = os.pipe()
    pid = os.fork()
    if pid == 0:
        with suppress(BaseException):
            silent_at([place])
            os.write(writing, b"mounted")
            os.stat(f"{place}/app")
        os._exit(0)
    os.close(writing)
    assert os.read(reading, 7) == b"mounted"
    assert select.select([reading], [], [], 0.5)[0] == [], "it was answered"
    os.kill(pid, signal.SIGKILL)
    os.waitpid(pid, 0)
    os.close(reading)


def _top_folders(before: Before) -> list[str]:
    """Folders of li's home that sources list, without those that lie in another one of them; not the home itself."""
    listed = [path for path in before.steps.folders if path.startswith(f"{LI}/")]
    return [path for path in listed if not any(path.startswith(f"{other}/") for other in listed)]


SILENT: dict[str, Callable[[Before], list[str]]] = {
    "the home": lambda _: [LI],
    "every folder in the home": _top_folders,
    "every innermost folder that is listed": lambda before: [
        path
        for path in before.steps.folders
        if path.startswith(f"{LI}/") and not any(other.startswith(f"{path}/") for other in before.steps.folders)
    ],
}


@pytest.mark.root
@pytest.mark.parametrize("where", SILENT)
def test_what_never_answers_is(where: str, machine: MachineFolder, before: Before) -> None:
    places = [path for path in SILENT[where](before) if machine.at(path).is_dir()]
    assert places
    found = caged(lambda: look_at(machine), first=lambda: silent_at(str(machine.at(path)) for path in places))
    assert_well(found, before, mute=True)
    said = [(row.source, place.where) for row in found.coverage for place in row.unknown if SAID in place.reason]
    assert {where for _, where in said} & set(places)
    lost = {row[0] for row in before.rows if row not in {key_of(one) for one in seen(found)}}
    assert lost - {source for source, _ in said} == set(), "lost without a word"
