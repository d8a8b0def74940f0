"""The runner: what a source does wrong hides nothing; the table of sources is whole."""

from __future__ import annotations

import ast
import importlib
import itertools
import pkgutil
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

import agent.inventory as package
from agent.errors import BadCommand, Denied
from agent.inventory import SOURCES, runner
from agent.inventory.interface import Found, Machine, Root
from agent.inventory.machine import open_machine
from policy_schema.rules.observation import Face, Observation, Unknown
from tests.fakes.machine_folder import MachineFolder

ONE = Observation("odd", Face.PACKAGE, "/a", name="a", purl="pkg:npm/a@1")


class Odd:
    """A source made of what it shall yield; an exception among it is raised."""

    name = "odd"

    def __init__(self, *found: Found | Exception) -> None:
        self.found = found

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        for one in self.found:
            if isinstance(one, Exception):
                raise one
            yield one


@pytest.fixture
def odd(machine: MachineFolder, monkeypatch: pytest.MonkeyPatch) -> Callable[..., runner.Look]:
    """One look by a source that yields what it is given."""

    def look(*found: Found | Exception, **more: object) -> runner.Look:
        monkeypatch.setattr(runner, "load_source", lambda name: Odd(*found))
        with open_machine(root=str(machine.root)) as opened:
            return runner.look(opened, ["odd"], **more)  # type: ignore[arg-type]  # each test gives one option of `look`

    return look


def test_everything_is_counted_once(odd: Callable[..., runner.Look]) -> None:
    place = Unknown("/x", "permission denied")
    found = odd(Root("/r"), Root("/r"), Root("/later", looked=False), ONE, ONE, place, place)
    (row,) = found.coverage
    assert (row.source, row.roots, row.items, row.unknown) == ("odd", ("/r",), 1, (place,))
    assert found.observations == {"odd": (ONE,)}
    assert found.watch == {"odd": frozenset({"/r", "/later"})}
    assert not found.complete


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (ZeroDivisionError("oops"), "failed: ZeroDivisionError: oops"),
        (Denied("/x: permission denied"), "/x: permission denied"),
    ],
    ids=["a mistake of ours", "an error of the machine's"],
)
def test_a_source_that_fails_keeps_what_it_found_and_is_unknown(
    error: Exception, reason: str, odd: Callable[..., runner.Look]
) -> None:
    found = odd(ONE, error)
    assert found.observations["odd"] == (ONE,)
    assert found.coverage[0].unknown == (Unknown("source odd", reason),)


def test_a_source_that_takes_too_long_is_ended_and_says_so(odd: Callable[..., runner.Look]) -> None:
    clock = itertools.count(0, 200)
    found = odd(ONE, ONE._replace(path="/b"), ONE._replace(path="/c"), monotonic=lambda: float(next(clock)))
    assert len(found.observations["odd"]) == 2
    assert found.coverage[0].unknown == (Unknown("source odd", "ended after 300 seconds"),)


def test_progress_is_told(odd: Callable[..., runner.Look]) -> None:
    told: list[tuple[str, int]] = []
    odd(Root("/r"), ONE, progress=lambda source, items: told.append((source, items)))
    assert told == [("odd", 0), ("odd", 1)]


@pytest.mark.parametrize("name", SOURCES)
def test_a_look_that_is_stopped_ends_and_is_not_complete(name: str, machine: MachineFolder) -> None:
    machine.npm("/usr/lib/node_modules/x", "x", "1.0.0")
    machine.dist("/usr/lib/python3/dist-packages", "x", "1.0")
    with open_machine(root=str(machine.root), stopped=lambda: True) as opened:
        found = runner.look(opened, [name])
    assert found.stopped
    assert not found.complete
    assert found.observations == {name: ()}


def test_an_unknown_source_is_named() -> None:
    with pytest.raises(BadCommand, match="there is no source 'nmp'"):
        runner.load_source("nmp")


def test_the_table_is_alphabetical_and_names_every_source() -> None:
    assert list(SOURCES) == sorted(SOURCES)
    folder = Path(next(iter(package.__path__)))
    written = set()
    for module in pkgutil.iter_modules([str(folder)]):
        for node in ast.parse((folder / f"{module.name}.py").read_text()).body:
            if isinstance(node, ast.ClassDef) and node.name != "Source":
                methods = {inner.name for inner in node.body if isinstance(inner, ast.FunctionDef)}
                written |= {f"agent.inventory.{module.name}:{node.name}"} if "collect" in methods else set()
    assert set(SOURCES.values()) == written


@pytest.mark.parametrize("name", SOURCES)
def test_each_source_can_be_loaded_has_its_name_samples_and_a_section_in_the_docs(name: str) -> None:
    assert runner.load_source(name).name == name
    root = Path(__file__).parents[3]
    assert any((root / "tests" / "samples" / name).iterdir())
    assert f"## {name}\n" in (root / "docs" / "sources.md").read_text()


def test_importing_the_table_loads_no_source() -> None:
    """The daemon's start pays for what it uses."""
    text = Path(importlib.import_module("agent.inventory").__file__ or "").read_text()
    assert not [node for node in ast.parse(text).body if isinstance(node, ast.Import)]
