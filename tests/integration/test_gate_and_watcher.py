"""What starts in spite of the gate is ended by the watcher: those doors of the table before a whole agent, for real."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import NamedTuple

import psutil
import pytest

from agent.enforce.interface import OutcomeCode
from tests.fakes.door_site import PEOPLE, disguised, originals, surroundings, wait_until_settled
from tests.fakes.doors import DOORS, Door, Verdict
from tests.fakes.gate import claude_code, mounted
from tests.fakes.guarded import Guarded, guarded
from tests.fakes.sleepers import until

pytestmark = [pytest.mark.root, pytest.mark.node]


class Site(NamedTuple):
    """Where doors are tried."""

    station: Guarded
    originals: Path
    system: Path


@contextmanager
def before_an_agent() -> Iterator[Site]:
    """A workstation with a folder of root's on another filesystem; the agent does not run yet."""
    with ExitStack() as stack:
        outside = Path(stack.enter_context(tempfile.TemporaryDirectory(prefix="gate-system-")))
        outside.chmod(0o755)
        system = stack.enter_context(mounted(outside / "system"))
        system.chmod(0o755)
        (system / "bin").mkdir()
        disguised(system / "bin" / "tool")
        station = stack.enter_context(guarded(megabytes=2000))
        station.publish("notify", "block", tools={"claude-code": claude_code()})
        yield Site(station, originals(station.home / "originals", waits=True), system)


def start_agent(site: Site) -> None:
    """Starts it. Nobody else's processes are its business, but what runs from memory here is."""
    station = site.station
    looks_at = [str(station.prefix / "bin"), str(site.system / "bin"), "/memfd:door"]
    station.start(gate_only=[str(station.home), str(site.system)], path_folders=looks_at)
    station.wait_until_it_refuses()


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    """With an agent that blocks Claude Code for everybody."""
    with before_an_agent() as made:
        start_agent(made)
        wait_until_settled(made.system / "bin" / "tool")
        yield made


def tries(when: str) -> Iterator[object]:
    """Each of these doors with each person who can try it."""
    for door in DOORS:
        for person in PEOPLE:
            able = door.needs != "root" or person == "root"
            if door.verdict is Verdict.WATCHER and able and (door.needs == "earlier") == (when == "earlier"):
                yield pytest.param(door, person, id=f"{door.name}, as {person}")


LAST_WORDS = tuple(code.value for code in OutcomeCode if code is not OutcomeCode.FINISHING)


@contextmanager
def tried(site: Site, door: Door, uid: int) -> Iterator[subprocess.Popen[bytes]]:
    """Somebody at a door; what starts there runs until it is ended."""
    work = Path(tempfile.mkdtemp(dir=site.station.home))
    os.chown(work, uid, uid)
    process = subprocess.Popen(
        ["sh", "-c", door.script],
        cwd=work,
        env=surroundings(work, site.originals, site.system, uid, waits=True),
        user=uid,
        group=uid,
        extra_groups=[],
        stdout=subprocess.DEVNULL,
    )
    try:
        yield process
    finally:
        process.kill()
        process.wait()
        shutil.rmtree(work)


def wait_until_ended(site: Site, door: Door, process: subprocess.Popen[bytes], mark: int) -> None:
    """The agent says that it ended a banned process, and then the door's script has nothing more to wait for."""
    began = time.monotonic()
    # Who was asked and has not ended within 50 ms is `finishing` first; whatever else comes is the last word.
    ended = site.station.wait_for(mark, event="outcome", kind="stop", result=LAST_WORDS)
    process.wait(20)
    print(json.dumps({"door": door.name, "ms": round((time.monotonic() - began) * 1000)}))
    assert (ended["tool"], ended["result"]) == ("claude-code", "stopped")


@pytest.mark.parametrize(("door", "person"), list(tries("now")))
def test_what_starts_all_the_same_is_ended(site: Site, door: Door, person: str) -> None:
    mark = site.station.mark()
    with tried(site, door, PEOPLE[person]) as process:
        wait_until_ended(site, door, process, mark)


@pytest.mark.parametrize(("door", "person"), list(tries("earlier")))
def test_what_runs_already_is_ended(door: Door, person: str) -> None:
    with before_an_agent() as site, tried(site, door, PEOPLE[person]) as process:
        until(lambda: any(runs_a_file_called_a(child) for child in psutil.Process(process.pid).children()), "a start")
        (program,) = site.station.home.glob("*/a")
        program.unlink()
        mark = site.station.mark()
        start_agent(site)
        wait_until_ended(site, door, process, mark)


def runs_a_file_called_a(process: psutil.Process) -> bool:
    """Whether a process has become the program of the door."""
    try:
        return Path(f"/proc/{process.pid}/exe").readlink().name == "a"
    except FileNotFoundError:  # a step on the way there, gone by now
        return False
