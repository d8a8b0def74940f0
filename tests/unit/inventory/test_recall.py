"""A look that remembers says what a fresh one says, reads what changed and nothing else, and forgets in time."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from agent.host.files import Facts, Kind
from agent.inventory.interface import Look, Wanted
from agent.inventory.recall import YOUNG, YOUNG_FILE, Recall
from tests.fakes.machine_folder import MachineFolder, seen, unknown

GLOBAL = "/home/li/.npm-global/lib/node_modules"
OTHER = "/usr/lib/node_modules"
SITE = "/home/li/.local/lib/python3.12/site-packages"
STATUS = "/var/lib/dpkg/status"
SOURCES = ("npm", "pypi", "deb", "executables")
WANTED = Wanted(frozenset({"claude", "tool"}))
STANZA = "Package: {}\nStatus: install ok installed\nVersion: 1.0\nArchitecture: amd64\n\n"


def later() -> int:
    """An hour from now, so that nothing in the test is young."""
    return time.time_ns() + 3600 * 10**9


@pytest.fixture
def full(machine: MachineFolder) -> MachineFolder:
    """A machine with packages of three managers, and a program."""
    machine.npm(f"{GLOBAL}/@anthropic-ai/claude-code", "@anthropic-ai/claude-code", "2.1.112", {"claude": "cli.js"})
    machine.link("/home/li/.npm-global/bin/claude", "../lib/node_modules/@anthropic-ai/claude-code/cli.js")
    machine.npm(f"{GLOBAL}/outer", "outer", "1.0.0")
    machine.npm(f"{GLOBAL}/outer/node_modules/inner", "inner", "1.0.0")
    machine.npm(f"{OTHER}/npm", "npm", "11.0.0")
    machine.dist(SITE, "requests", "2.31.0", ["../../../bin/tool", "requests/__init__.py"])
    machine.file("/home/li/.local/bin/tool", "#!/usr/bin/python3\n", 0o755)
    machine.file(STATUS, STANZA.format("git"))
    machine.file("/var/lib/dpkg/info/git.list", "/usr/bin/git\n")
    return machine


def look(machine: MachineFolder, recall: Recall | None, changed: frozenset[str] = frozenset()) -> Look:
    """A look by the sources that remember; with `recall` a whole one begins a new turn."""
    if recall is not None and not changed:
        recall.turn()
    return machine.look(*SOURCES, wanted=WANTED, recall=recall, changed=changed)


def essence(found: Look) -> object:
    """Everything a look says but how long it took."""
    return found.observations, found.watch, [row._replace(ms=0) for row in found.coverage]


def rewrite(path: Path, text: str) -> None:
    """Writes a file in place: the folder around it keeps its times."""
    before = path.parent.stat()
    with path.open("r+") as file:
        file.truncate()
        file.write(text)
    assert path.parent.stat().st_mtime_ns == before.st_mtime_ns


def manifest(name: str, version: str) -> str:
    """A manifest of npm."""
    return json.dumps({"name": name, "version": version})


def swap_for_a_link(at: Path) -> None:
    """A folder becomes a link to another one."""
    at.rename(at.with_name(".away"))
    at.symlink_to(".away")


def put_time_back(machine: MachineFolder) -> None:
    """A manifest of another size, with a time of long ago."""
    at = machine.at(f"{OTHER}/npm/package.json")
    rewrite(at, manifest("npm", "11.0.1").replace(" ", ""))
    os.utime(at, (1, 1))


def manifest_to_folder(machine: MachineFolder) -> None:
    """What was a manifest is a folder."""
    at = machine.at(f"{GLOBAL}/outer/package.json")
    at.unlink()
    at.mkdir()


def start_elsewhere(machine: MachineFolder) -> None:
    """The link by which a program starts leads into another package."""
    machine.at("/home/li/.npm-global/bin/claude").unlink()
    machine.link("/home/li/.npm-global/bin/claude", "../lib/node_modules/outer/package.json")


CHANGES: dict[str, Callable[[MachineFolder], object]] = {
    "nothing": lambda m: None,
    "a manifest is written in place": lambda m: rewrite(
        m.at(f"{GLOBAL}/outer/package.json"), manifest("outer", "1.0.12")
    ),
    "a nested manifest is written in place": lambda m: rewrite(
        m.at(f"{GLOBAL}/outer/node_modules/inner/package.json"), manifest("claude", "9.9.99")
    ),
    "a manifest is written in place and its time put back": put_time_back,
    "a manifest becomes rubbish": lambda m: rewrite(m.at(f"{GLOBAL}/outer/package.json"), "{"),
    "a manifest goes": lambda m: m.at(f"{GLOBAL}/outer/package.json").unlink(),
    "a manifest becomes a folder": manifest_to_folder,
    "a package comes": lambda m: m.npm(f"{GLOBAL}/new", "new", "1.0.0"),
    "a package comes into a scope": lambda m: m.npm(f"{GLOBAL}/@anthropic-ai/other", "@anthropic-ai/other", "1.0.0"),
    "a package comes into a package": lambda m: m.npm(f"{OTHER}/npm/node_modules/semver", "semver", "7.0.0"),
    "a package goes": lambda m: shutil.rmtree(m.at(f"{GLOBAL}/outer")),
    "a whole prefix goes": lambda m: shutil.rmtree(m.at("/home/li/.npm-global")),
    "a package becomes a link": lambda m: swap_for_a_link(m.at(f"{GLOBAL}/outer")),
    "a start link goes": lambda m: m.at("/home/li/.npm-global/bin/claude").unlink(),
    "a program's link leads elsewhere": start_elsewhere,
    "a distribution comes": lambda m: m.dist(SITE, "flask", "3.0.0"),
    "METADATA is written in place": lambda m: rewrite(
        m.at(f"{SITE}/requests-2.31.0.dist-info/METADATA"), "Name: requests\nVersion: 2.99.99\n\n"
    ),
    "RECORD is written in place": lambda m: rewrite(m.at(f"{SITE}/requests-2.31.0.dist-info/RECORD"), "x,,\n"),
    "INSTALLER is written in place": lambda m: rewrite(m.at(f"{SITE}/requests-2.31.0.dist-info/INSTALLER"), "conda\n"),
    "a script goes": lambda m: m.at("/home/li/.local/bin/tool").unlink(),
    "dpkg installs": lambda m: m.file(STATUS, STANZA.format("git") + STANZA.format("vim")),
    "dpkg's file is written in place": lambda m: rewrite(m.at(STATUS), STANZA.format("emacs-nox")),
    "dpkg's list of files goes": lambda m: m.at("/var/lib/dpkg/info/git.list").unlink(),
    "a status file of an image comes": lambda m: m.file("/var/lib/dpkg/status.d/tzdata", STANZA.format("tzdata")),
    "another person comes": lambda m: m.home("wang"),
}


@pytest.mark.parametrize("change", CHANGES.values(), ids=CHANGES.keys())
def test_a_look_that_remembers_says_what_a_fresh_one_says(
    full: MachineFolder, change: Callable[[MachineFolder], object]
) -> None:
    recall = Recall(now=later)
    for _ in range(2):
        look(full, recall)
    change(full)
    assert essence(look(full, recall)) == essence(look(full, None))


OPERATIONS = st.lists(
    st.tuples(st.sampled_from(["add", "rewrite", "remove", "nest", "link"]), st.sampled_from("abcd"), st.booleans()),
    max_size=12,
)


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(OPERATIONS)
def test_whatever_happens_in_a_prefix(
    tmp_path_factory: pytest.TempPathFactory, operations: list[tuple[str, str, bool]]
) -> None:
    machine, recall = MachineFolder(tmp_path_factory.mktemp("machine")), Recall(now=later)
    for number, (what, name, with_look) in enumerate(operations):
        at, version = machine.at(f"{GLOBAL}/{name}"), f"1.{'0' * number}1.0"
        if what in ("add", "rewrite") and not at.is_symlink():
            machine.npm(f"{GLOBAL}/{name}", name, version)
        elif what == "nest" and at.is_dir():
            machine.npm(f"{GLOBAL}/{name}/node_modules/{name}{number}", f"{name}{number}", version)
        elif what == "remove" and at.exists() and not at.is_symlink():
            shutil.rmtree(at)
        elif what == "link" and not at.exists() and not at.is_symlink() and at.parent.exists():
            at.symlink_to("a")
        if with_look:
            assert essence(look(machine, recall)) == essence(look(machine, None))


def test_what_is_unchanged_is_not_read_again(full: MachineFolder) -> None:
    recall = Recall(now=later)
    look(full, recall)
    read = recall.read
    look(full, recall)
    assert (read > 5, recall.read - read) == (True, 0)
    rewrite(full.at(f"{GLOBAL}/outer/package.json"), manifest("outer", "1.0.12"))
    look(full, recall)
    assert recall.read - read == 1


def test_what_was_changed_just_now_is_read_again(full: MachineFolder) -> None:
    """Another change within the clock's grain would leave the same times."""
    recall = Recall()
    look(full, recall)
    assert recall.size == 0


@pytest.mark.parametrize(
    ("kind", "age", "kept"),
    [
        pytest.param(Kind.FILE, YOUNG_FILE - 1, False, id="a file written a moment ago"),
        pytest.param(Kind.FILE, YOUNG_FILE, True, id="a file whose pages were written out"),
        pytest.param(Kind.FOLDER, YOUNG - 1, False, id="a folder changed a moment ago"),
        pytest.param(Kind.FOLDER, YOUNG, True, id="a folder that has settled"),
        pytest.param(Kind.FILE, -1, False, id="a file from the future"),
    ],
)
def test_how_long_a_thing_is_young(kind: Kind, age: int, kept: bool) -> None:
    now = 10**18
    recall = Recall(now=lambda: now)
    facts = Facts("/x", kind, 1, 2, now - age, 10, 0o644, 0, 0, 1, now - 10**12)
    recall.put(b"n", facts, b"said")
    assert recall.get(b"n", facts) == (b"said" if kept else None)


def test_it_is_bounded_and_forgets_what_nobody_asks_for() -> None:
    recall = Recall(bound=20_000, now=lambda: 10**18)
    rows = [Facts("/x", Kind.FILE, 1, inode, 0, 10, 0o644, 0, 0, 1) for inode in range(500)]
    for facts in rows:
        recall.put(b"n", facts, b"v" * 50)
    kept = [facts for facts in rows if recall.get(b"n", facts)]
    assert 0 < len(kept) < 500
    assert recall.size <= 20_000
    recall.turn()
    assert recall.get(b"n", kept[0]) == b"v" * 50, "asked for in this turn"
    recall.turn()
    assert [recall.get(b"n", facts) is not None for facts in kept[:3]] == [True, False, False]
    recall.turn()
    recall.turn()
    assert recall.size == 0


def test_a_memory_that_is_too_small_changes_no_answer(full: MachineFolder) -> None:
    recall = Recall(bound=300, now=later)
    for _ in range(2):
        assert essence(look(full, recall)) == essence(look(full, None))


# ---------------------------------------------------------------------------- a look at a change
def test_a_change_in_one_prefix_looks_at_that_prefix_alone(full: MachineFolder) -> None:
    recall = Recall()
    look(full, recall)
    full.npm(f"{GLOBAL}/new", "new", "1.0.0")
    rewrite(full.at(f"{OTHER}/npm/package.json"), manifest("npm", "12.0.0"))
    found = look(full, recall, frozenset({GLOBAL}))
    versions = {one.name: one.version for one in found.observations["npm"]}
    assert versions["new"] == "1.0.0"
    assert versions["npm"] == "11.0.0", "nothing told of it: the next whole look finds it"
    assert essence(look(full, recall)) == essence(look(full, None))


def test_places_that_could_not_be_looked_at_stay_unknown_in_a_look_at_a_change(full: MachineFolder) -> None:
    full.file("/home/li/.npmrc", "prefix=${ELSEWHERE}/x\n")
    full.file(f"{OTHER}/npm/package.json", "{")
    recall = Recall()
    before = unknown(look(full, recall))
    assert len(before) == 2
    assert unknown(look(full, recall, frozenset({GLOBAL}))) == before


def test_a_prefix_that_shows_things_of_another_makes_the_whole_source_look_again(full: MachineFolder) -> None:
    """The package was told by the link; when the link goes, its own folder has to be asked again."""
    full.npm("/home/li/work/mine", "mine", "1.0.0")
    full.npm("/home/li/work/mine/node_modules/dep", "dep", "1.0.0")
    full.link(f"{GLOBAL}/npm-too", "../../../../../usr/lib/node_modules/npm")
    recall = Recall()
    assert "npm" in {one.name for one in seen(look(full, recall))}
    full.at(f"{GLOBAL}/npm-too").unlink()
    found = look(full, recall, frozenset({GLOBAL}))
    assert essence(found) == essence(look(full, None))


def test_a_look_that_was_ended_is_no_ground_for_the_next(full: MachineFolder) -> None:
    recall = Recall()
    full.look("npm", recall=recall, stopped=lambda: True)
    assert look(full, recall, frozenset({GLOBAL})).observations == look(full, None).observations


@pytest.mark.parametrize(
    "other", [{"system": False}, {"wanted": Wanted(frozenset({"x"}))}, {"path_folders": ("/opt",)}]
)
def test_under_other_circumstances_everything_is_looked_at(full: MachineFolder, other: dict[str, object]) -> None:
    recall = Recall()
    full.at("/opt").mkdir()
    full.look("npm", recall=recall)
    rewrite(full.at(f"{GLOBAL}/outer/package.json"), manifest("outer", "1.0.12"))
    found = full.look("npm", recall=recall, changed=frozenset({OTHER}), **other)  # type: ignore[arg-type]
    assert "1.0.12" in {one.version for one in seen(found)}
