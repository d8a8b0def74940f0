"""The real daemon with the real gate on a filesystem of its own: what is refused, what is told, what becomes of it."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from agent.host.child import gate_command
from tests.architecture.source import ROOT
from tests.fakes.guarded import UID, Guarded, guarded
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
    twice = [f"{station.claude} --version; echo {time}=$?" for time in ("first", "second")]
    script = "; ".join([*twice, f"{station.echo} fine", "read x"])
    talk = converse(["/bin/sh", "-c", script], [(SECOND_LINE, "")], Path("/"), uid=UID)
    assert "first=126" in talk.shown and "second=126" in talk.shown and "\nfine\n" in talk.shown
    assert "2.1.197 (Claude Code)" not in talk.shown
    told = station.wait_for(event="refused", told="terminal")
    assert (told["uid"], told["ban"], told["tool"]) == (UID, "claude-code", "claude-code")
    assert talk.shown.count(FIRST_LINE) == talk.shown.count(SECOND_LINE) == 1
    station.wait_for_view(lambda rows: [row["outcome"] for row in rows if row["face"] == "package"] == ["refused"])


def _start(program: Path) -> int:
    """The other person starts a program; the exit code, or minus the number of the error."""
    try:
        return subprocess.run(
            [program, "--version"], user=UID, group=UID, extra_groups=[], capture_output=True, check=False
        ).returncode
    except OSError as error:
        return -(error.errno or 0)


def test_a_gate_that_systemd_starts_works_with_the_user_the_rights_and_the_calls_of_its_unit() -> None:
    unit = ROOT / "installers" / "systemd" / "interdict-gate.service"
    with guarded(gate="systemd", gate_user="nobody") as station:
        station.publish("notify", "block")
        station.start()
        meeting = station.state / "gate"
        arguments = ["--socket", meeting / "socket", "--orders", meeting / "orders.json", "--only", station.home]
        command = gate_command([str(word) for word in arguments], None)
        cage = [sys.executable, "-m", "tests.fakes.caged", str(unit), "nobody"]
        gate = subprocess.Popen([*cage, *command], cwd=ROOT)
        try:
            station.wait_until_it_refuses()
            assert f"Uid:\t{65534}" in Path(f"/proc/{gate.pid}/status").read_text()
            assert _start(station.claude) == -1 and _start(station.echo) == 0
            station.wait_for(event="refused", uid=UID)
        finally:
            gate.kill()
            gate.wait()
        assert station.wait_for(event="gate-ended")["why"] == "crashed"
