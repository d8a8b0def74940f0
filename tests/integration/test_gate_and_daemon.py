"""The real daemon with the real gate on a filesystem of its own: what is refused, what is told, what becomes of it."""

from __future__ import annotations

import errno
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from tests.architecture.source import ROOT
from tests.fakes.guarded import NAME, UID, VERSION, Guarded, Unit, guarded
from tests.fakes.other_person import give_to
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.terminal import converse

pytestmark = pytest.mark.root
FIRST_LINE = "Example Group policy: Claude Code may not be used here. Use Qoder: https://qoder.com"
SECOND_LINE = "Why, and whom to ask: https://help.example.com/ai"


@pytest.fixture
def station() -> Iterator[Guarded]:
    with guarded() as one:
        yield one


def test_a_refused_start_tells_its_reason_once_on_the_terminal_it_came_from(station: Guarded) -> None:
    station.ban_now()
    errors = station.home / "errors"
    twice = [f"{station.claude} --version 2>{errors}; echo {time}=$?" for time in ("first", "second")]
    script = "; ".join([*twice, f"{station.echo} fine", "read x"])
    talk = converse(["/bin/sh", "-c", script], [(SECOND_LINE, "")], Path("/"), uid=UID)
    assert "first=126" in talk.shown and "second=126" in talk.shown and "\nfine\n" in talk.shown
    assert "2.1.197 (Claude Code)" not in talk.shown
    told = station.wait_for(event="refused", told="terminal")
    assert (told["uid"], told["ban"], told["tool"]) == (UID, "claude-code", "claude-code")
    assert talk.shown.count(FIRST_LINE) == talk.shown.count(SECOND_LINE) == 1
    assert SECOND_LINE not in errors.read_text(), "what the process writes to is its own business"
    station.wait_for_view(lambda rows: [row["outcome"] for row in rows if row["face"] == "package"] == ["refused"])


def _start(program: Path) -> int:
    """The other person starts a program; the exit code, or minus the number of the error."""
    try:
        return subprocess.run(
            [program, "--version"], user=UID, group=UID, extra_groups=[], capture_output=True, check=False
        ).returncode
    except OSError as error:
        return -(error.errno or 0)


def test_a_start_that_was_refused_before_a_look_found_the_place_stands_with_its_finding(station: Guarded) -> None:
    station.ban_now()
    prefix = station.home / ".nvm" / "versions" / "node" / "v22.11.0"
    synthetic_npm_install(prefix, NAME, VERSION, "native")
    give_to(station.home)
    mark = station.mark()
    assert _start(prefix / "bin" / "claude") == -errno.EPERM
    station.wait_for(mark, event="refused")
    station.wait_for_view(
        lambda rows: {row["outcome"] for row in rows if str(row["path"]).startswith(str(prefix))} == {"refused"}
    )


LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")


def test_a_native_program_that_the_inventory_found_is_refused_to_the_loader_too() -> None:
    loader = next(path for path in LOADERS if Path(path).exists())
    with guarded() as station:
        program = station.home / ".local" / "share" / "claude" / "versions" / "2.1.197"
        program.parent.mkdir(parents=True)
        shutil.copy("/bin/echo", program)
        give_to(station.home)
        orders = station.state / "gate" / "orders.json"
        station.ban_now()
        seen = 0
        while str(program) not in (given := json.loads(orders.read_text()))["entries"]:
            seen = station.place_of(station.wait_for(seen, event="gate", what="orders")) + 1
        station.wait_for(event="gate", what="orders-taken", serial=given["serial"])
        words = [loader, str(program), "(Claude Code)"]
        for _ in range(50):
            done = subprocess.run(words, user=UID, group=UID, extra_groups=[], capture_output=True, check=False)
            assert done.returncode != 0 and done.stdout == b""
            if done.returncode > 0:
                break
            # The watcher sees the loader with that name and may be quicker than its opening of the file.
            assert done.returncode == -signal.SIGTERM
        assert done.returncode > 0
        assert station.wait_for(event="refused", by="entry")["uid"] == UID
        words = [loader, str(station.echo), "x"]
        fine = subprocess.run(words, user=UID, group=UID, extra_groups=[], capture_output=True, check=False)
        assert fine.stdout == b"x\n"


def test_a_gate_that_systemd_starts_works_with_the_user_the_rights_and_the_calls_of_its_unit() -> None:
    unit = ROOT / "installers" / "systemd" / "interdict-gate.service"
    with guarded(gate="systemd", gate_user="nobody") as station:
        station.publish("notify", "block")
        station.start()
        with Unit(station, sys.executable, "-m", "tests.fakes.caged", str(unit), "nobody") as gate:
            station.wait_until_it_refuses()
            came = station.wait_for(event="gate", what="came")
            assert "Uid:\t65534" in Path(f"/proc/{came['pid']}/status").read_text()
            assert _start(station.claude) == -1 and _start(station.echo) == 0
            station.wait_for(event="refused", uid=UID)
            mark = station.mark()
            gate.send(signal.SIGKILL)
            assert station.wait_for(mark, event="gate-ended")["why"] == "crashed"
            station.wait_for(mark, event="gate", what="orders-taken")


MOMENTS = [
    pytest.param(10, 6.0, id="ten moments"),
    pytest.param(50, 3.0, id="fifty moments", marks=pytest.mark.slow),
    pytest.param(1000, 3.0, id="a thousand moments", marks=pytest.mark.slow),
]
"""How often, and for how many seconds a start may hang: three; twice that where many tests share two processors."""


@pytest.mark.parametrize(("number", "patience"), MOMENTS)
def test_a_gate_that_is_stopped_killed_or_crashes_under_load_hurts_no_start(number: int, patience: float) -> None:
    chance = random.Random(number)
    with guarded(gate="systemd") as station:
        station.publish("notify", "block")
        station.start()
        with Unit(station) as gate:
            station.wait_until_it_refuses()
            with _load(station) as load:
                for _ in range(number):
                    threading.Event().wait(chance.random() / 2)
                    mark = station.mark()
                    gate.send(chance.choice((signal.SIGSTOP, signal.SIGKILL, signal.SIGSEGV, signal.SIGABRT)))
                    ended = station.wait_for(mark, event="gate-ended")
                    station.wait_for(station.place_of(ended), event="gate", what="orders-taken")
            assert len(station.events(event="gate-ended")) == number
        rows = [json.loads(text) for text in load]
        assert {how for row in rows for how in row["program"]} == {"ran"}, "no other program ends in an error"
        # What starts while there is no gate is ended by the watcher.
        assert {how for row in rows for how in row["banned"]} <= {"ran", "refused", "ended with -15"}
        assert sum(row["banned"].get("refused", 0) for row in rows) > 0
        assert max(row["longest"] for row in rows) < patience


def test_a_gate_that_the_agent_starts_is_started_again(station: Guarded) -> None:
    station.ban_now()
    for number in (signal.SIGKILL, signal.SIGSTOP):
        mark = station.mark()
        os.kill(station.gate_pid(), number)
        ended = station.wait_for(mark, event="gate-ended")
        assert ended["why"] == ("silent" if number == signal.SIGSTOP else "crashed")
        station.wait_for(station.place_of(ended), event="gate", what="orders-taken")
        assert _start(station.claude) == -1 and _start(station.echo) == 0
    assert station.view("machine.json")["gate"]["deaths"] == 2  # type: ignore[index]


def test_an_agent_that_is_killed_leaves_the_gate_refusing_and_finds_it_again(station: Guarded) -> None:
    station.ban_now()
    gate = station.gate_pid()
    station.stop(signal.SIGKILL)
    assert _start(station.claude) == -1 and _start(station.echo) == 0
    mark = station.mark()
    station.start()
    assert station.wait_for(mark, event="gate", what="came")["pid"] == gate
    assert _start(station.claude) == -1
    station.wait_for(mark, event="refused", uid=UID)


def test_an_agent_that_ends_takes_its_gate_along_and_lets_everything_start(station: Guarded) -> None:
    station.ban_now()
    assert station.stop() == 0
    assert _start(station.claude) == _start(station.echo) == 0


def test_what_is_not_enforced_towards_a_person_is_not_refused(station: Guarded) -> None:
    """Fair before fast: the notice was never shown to the other person, so their starts go on."""
    station.publish("notify", "block", min_notice=86_400)
    station.start()
    station.wait_for(event="gate", what="orders-taken")
    assert _start(station.claude) == 0
    assert station.events(event="refused") == []


@contextmanager
def _load(station: Guarded) -> Iterator[list[str]]:
    """Four people who start programs as fast as they can; what they tell stands in the list afterwards."""
    told: list[str] = []
    command = [sys.executable, "-m", "tests.fakes.starts", str(station.echo), str(station.claude)]
    people = [
        subprocess.Popen(command, cwd=ROOT, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(4)
    ]
    try:
        yield told
    finally:
        told += [one.communicate("", timeout=30)[0] for one in people]
