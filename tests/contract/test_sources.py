"""What holds for every source in the table, also for the one that is added tomorrow."""

from __future__ import annotations

import os
import sys

import pytest

from agent.inventory import SOURCES
from agent.inventory.interface import Look, Wanted
from agent.inventory.recall import Recall
from tests.fakes.machine_folder import MachineFolder, seen

WANTED = Wanted(frozenset({"claude"}), ("~/.local/share/claude/versions",))


@pytest.fixture
def busy(machine: MachineFolder) -> MachineFolder:
    """A machine on which some sources find something."""
    machine.npm("/home/li/.npm-global/lib/node_modules/left-pad", "left-pad", "1.3.0")
    machine.dist("/home/li/.local/lib/python3.12/site-packages", "requests", "2.31.0")
    machine.file("/home/li/.local/bin/claude", "x", 0o755)
    machine.file(
        "/var/lib/dpkg/status", "Package: git\nStatus: install ok installed\nVersion: 1\nArchitecture: all\n\n"
    )
    return machine


@pytest.mark.parametrize("name", SOURCES)
def test_it_says_where_it_looked_and_how_long(busy: MachineFolder, name: str) -> None:
    found = busy.look(name, wanted=WANTED)
    (row,) = found.coverage
    assert (row.source, row.items) == (name, len(seen(found)))
    assert row.ms >= 0
    assert row.roots or not row.items, "whatever it finds lies in a root that it names"
    assert all(root.startswith("/") for root in row.roots)
    assert all(place.where and place.reason for place in row.unknown)


@pytest.mark.parametrize("name", SOURCES)
def test_it_ends_when_it_is_asked_to(busy: MachineFolder, name: str) -> None:
    asked = []

    def stopped() -> bool:
        asked.append(name)
        return True

    found = busy.look(name, wanted=WANTED, stopped=stopped)
    assert found.stopped
    assert not found.complete
    assert len(seen(found)) <= 1


def essence(found: Look) -> object:
    """All but the time."""
    return found.observations, found.watch, [row._replace(ms=0) for row in found.coverage]


@pytest.mark.parametrize("name", SOURCES)
def test_it_says_the_same_again_with_and_without_a_memory(busy: MachineFolder, name: str) -> None:
    recall = Recall(now=lambda: 2**62)
    fresh = essence(busy.look(name, wanted=WANTED))
    for _ in range(3):
        recall.turn()
        assert essence(busy.look(name, wanted=WANTED, recall=recall)) == fresh


@pytest.mark.skipif(sys.platform != "linux", reason="/proc is Linux's")
@pytest.mark.parametrize("name", SOURCES)
def test_it_leaves_no_descriptor_open(busy: MachineFolder, name: str) -> None:
    busy.look(name, wanted=WANTED)
    before = len(os.listdir("/proc/self/fd"))
    busy.look(name, wanted=WANTED)
    assert len(os.listdir("/proc/self/fd")) == before
