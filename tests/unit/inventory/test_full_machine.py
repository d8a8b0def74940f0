"""The machine on which every source finds something (`tests/fakes/full_machine.py`) is what it says."""

from __future__ import annotations

import pytest

from agent.inventory import SOURCES
from agent.inventory.interface import Look
from tests.fakes.full_machine import OF_PEOPLE, OF_SYSTEM, PEOPLE, full_machine, look_at
from tests.fakes.machine_folder import seen, unknown

BY_OTHERS = {"residue", "executables", "mcp"}
"""Sources that find what was put there for another one too. A profile of Nix leads out of the home, into its store."""


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> Look:
    return look_at(full_machine(tmp_path_factory.mktemp("machine")))


def test_every_source_has_something_there() -> None:
    assert set(SOURCES) - BY_OTHERS - set(OF_PEOPLE) - set(OF_SYSTEM) == set()


@pytest.mark.parametrize("source", sorted({*OF_PEOPLE, "residue"} - {"nix"}))
@pytest.mark.parametrize("person", PEOPLE)
def test_in_each_home_it_finds_something(person: str, source: str, found: Look) -> None:
    places = [one.path for one in found.observations[source]]
    places += [one.where for row in found.coverage if row.source == source for one in row.unknown]
    assert [place for place in places if place.startswith(f"/home/{person}/")]


@pytest.mark.parametrize("source", OF_SYSTEM)
def test_in_the_system_it_finds_something(source: str, found: Look) -> None:
    assert [one for one in found.observations[source] if not one.path.startswith("/home/")]


def test_nothing_fails(found: Look) -> None:
    assert seen(found)
    assert [place for place in unknown(found) if "failed" in place.reason] == []
