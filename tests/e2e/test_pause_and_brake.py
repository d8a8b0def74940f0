"""A real agent that is held: by an administrator, after it was killed, by a ban that goes too far."""

from __future__ import annotations

import contextlib
import io
import os
import signal
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import pytest

import agent.cli.pause  # a plain user cannot load it
import agent.cli.release  # noqa: F401
from agent.brake import ACTS_A_MINUTE, CRASHES, NEW_MATCHES
from agent.cli.main import main
from tests.fakes.console_door import ConsoleDoor
from tests.fakes.guarded import guarded
from tests.fakes.other_person import person
from tests.fakes.policies import CLAUDE_CODE
from tests.fakes.running_console import SECRET, running
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import TAKEN, Workstation, has
from tests.fakes.wrong_clock import wrong_clock

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")
Start = Callable[[], subprocess.Popen[bytes]]
NAME, VERSION = "@anthropic-ai/claude-code", "2.1.197"


@pytest.fixture
def workstation(tmp_path: Path) -> Iterator[Workstation]:
    with Workstation(tmp_path) as one:
        yield one


@pytest.fixture
def start_tool(workstation: Workstation) -> Iterator[Start]:
    """Starts the banned tool; what still runs at the end is ended."""
    started: list[subprocess.Popen[bytes]] = []

    def start() -> subprocess.Popen[bytes]:
        started.append(subprocess.Popen([str(workstation.prefix / "bin" / "claude")], start_new_session=True))
        return started[-1]

    yield start
    for process in started:
        process.kill()
        process.wait()


def _blocked(workstation: Workstation) -> None:
    """A block is in force, and the person knows."""
    workstation.publish("notify", "block")
    synthetic_npm_install(workstation.prefix, NAME, VERSION, "native")
    workstation.start()
    workstation.wait_for(event="outcome", kind="notify", result="told")
    # Not only in the log: in the journal, so that an agent which is killed now knows it too.
    workstation.wait_for_view(lambda rows: [row["outcome"] for row in rows] == ["told"])


def _history(workstation: Workstation, event: str) -> list[dict[str, object]]:
    rows = workstation.view(f"{os.geteuid()}.json")["history"]
    assert isinstance(rows, list)
    return [row for row in rows if row["event"] == event]


def _said_by_main(arguments: list[str]) -> dict[str, str]:
    """The command in this process, for somebody who may not read the interpreter's own files."""
    out, err = io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err):
        code = main(arguments)
    return {"code": str(code), "out": out.getvalue(), "err": err.getvalue()}


def _held(workstation: Workstation) -> list[str]:
    """What status and doctor say is held, paused or resting; both must say it."""
    machine = workstation.view("machine.json")
    brake = machine["brake"]
    assert isinstance(brake, dict)
    said, asked = workstation.command("status").stdout, workstation.command("doctor").stdout
    reasons = [str(why) for why in brake.values()]
    assert all(why in said and why in asked for why in reasons)
    return list(brake)


class TestPause:
    def test_stops_all_acting_survives_a_restart_and_is_ended(
        self, workstation: Workstation, start_tool: Start
    ) -> None:
        _blocked(workstation)
        before = start_tool()
        workstation.wait_for(event="outcome", kind="stop", pid=before.pid, result="stopped")
        assert before.wait() == -signal.SIGTERM

        mark = workstation.mark()
        done = workstation.command("pause", "--for", "2h")
        assert done.returncode == 0 and "is paused on this machine until" in done.stdout
        until = str(workstation.wait_for(mark, event="pause")["until"])
        session = start_tool()
        row = workstation.wait_for(mark, event="finding", face="process", pid=session.pid)
        assert (row["state"], row["action"]) == ("paused", "report")
        workstation.stop()
        assert workstation.view("machine.json")["paused_until"] == until
        assert f"has paused Interdict on this machine until {until}" in workstation.command("status").stdout
        assert "has paused it until" in workstation.command("doctor").stdout
        assert [row["until"] for row in _history(workstation, "pause")] == [until]

        workstation.start()
        workstation.wait_for(mark, event="finding", face="process", pid=session.pid, state="paused")
        assert session.poll() is None, "nothing was done to it all the while"
        assert not any(has(row, {"event": "outcome"}) for row in workstation.since(mark)), (
            "and nobody was told anything"
        )
        ended = workstation.mark()
        assert workstation.command("pause", "--end").returncode == 0
        workstation.wait_for(ended, event="pause", until="")
        workstation.wait_for(ended, event="outcome", kind="stop", pid=session.pid, result="stopped")
        workstation.stop()
        assert workstation.view("machine.json")["paused_until"] is None
        assert [row["until"] for row in _history(workstation, "pause")] == [until, ""]

    def test_ends_by_itself(self, workstation: Workstation, start_tool: Start) -> None:
        _blocked(workstation)
        assert workstation.command("pause", "--for", "4s").returncode == 0
        mark = workstation.place_of(workstation.wait_for(event="pause")) + 1
        session = start_tool()
        workstation.wait_for(mark, event="finding", face="process", pid=session.pid, state="paused")
        over = workstation.wait_for(mark, event="pause", until="")
        stopped = workstation.wait_for(mark, event="outcome", kind="stop", pid=session.pid, result="stopped")
        assert workstation.place_of(stopped) > workstation.place_of(over)

    @pytest.mark.managers
    @pytest.mark.parametrize("moved", [-7200, 10 * 365 * 86400], ids=["set back", "set years forward"])
    def test_ends_when_the_clock_is(self, tmp_path: Path, moved: int) -> None:
        """Nor does it begin anew when the clock is put right. The agent looks at the clock at each turn."""
        with wrong_clock(tmp_path) as clock, Workstation(tmp_path) as workstation:
            _blocked(workstation)
            assert workstation.command("pause").returncode == 0
            mark = workstation.place_of(workstation.wait_for(event="pause")) + 1
            clock.move(moved)
            workstation.reload()
            workstation.wait_for(mark, event="pause", until="")
            clock.move(0)
            workstation.reload()
            workstation.poll()
            workstation.stop()
            assert [row["until"] for row in _history(workstation, "pause")][1:] == [""]
            assert workstation.view("machine.json")["paused_until"] is None

    @pytest.mark.root
    def test_a_plain_user_gets_no_pause_no_end_of_one_and_no_release(self) -> None:
        with tempfile.TemporaryDirectory() as folder, Workstation(Path(folder)) as workstation:
            Path(folder).chmod(0o755)
            workstation.publish("notify")
            workstation.start()
            workstation.settings_file.chmod(0o644)
            for name, *rest in (["pause"], ["pause", "--end"], ["release", "--all"]):
                arguments = [name, "--config", str(workstation.settings_file), *rest]
                with person(lambda: None, partial(_said_by_main, arguments)) as someone:
                    said = someone.act()
                assert (said["code"], said["out"]) == ("2", "")
                assert said["err"].startswith("interdict: only root may") and len(said["err"].splitlines()) == 1
            assert not [*workstation.state.glob("pause.json"), *workstation.state.glob("release.json")]

    def test_cannot_last_for_ever_and_is_asked_for_with_a_time(self, workstation: Workstation) -> None:
        workstation.publish("notify")
        workstation.start()
        for words in (("--for", "25h"), ("--for", "0s"), ("--for", "soon")):
            done = workstation.command("pause", *words)
            assert (done.returncode, done.stdout, len(done.stderr.splitlines())) == (2, "", 1)

    @pytest.mark.root
    def test_the_gate_lets_everything_start_meanwhile(self) -> None:
        with guarded() as station:
            station.ban_now()
            with pytest.raises(PermissionError):
                subprocess.run([station.claude], check=False)
            mark = station.mark()
            assert station.command("pause").returncode == 0
            given = station.wait_for(mark, event="gate", what="orders", enforced=0)
            station.wait_for(mark, event="gate", what="orders-taken", serial=given["serial"])
            running = subprocess.Popen([station.claude])
            station.wait_for(mark, event="finding", face="process", pid=running.pid, state="paused")
            ended = station.mark()
            assert station.command("pause", "--end").returncode == 0
            station.wait_until_it_refuses(ended)
            assert running.wait() == -signal.SIGTERM
            with pytest.raises(PermissionError):
                subprocess.run([station.claude], check=False)

    def test_the_console_shows_it(self, tmp_path: Path) -> None:
        (tmp_path / "console").mkdir(mode=0o700)
        (tmp_path / "station").mkdir()
        with ConsoleDoor() as door, running(tmp_path / "console") as console:
            door.lead_to(console.address)
            with Workstation(tmp_path / "station", server=door.address, secret=SECRET) as agent:
                console.now = type(console.now)(int(agent.repository.now))
                agent.publish("notify")
                agent.start()
                agent.wait_for(event="report-sent")
                mark = agent.mark()
                assert agent.command("pause").returncode == 0
                until = str(agent.wait_for(mark, event="pause")["until"])
                agent.wait_for(mark, event="report-sent")
                device = agent.view("machine.json")["device"]
                assert isinstance(device, dict)
                with console.signed_in() as browser:
                    page = browser.get(f"/devices/{device['id']}").text
                    assert f'paused by hand until <time datetime="{until}" ' in page


class TestCrashLoop:
    def test_three_kills_within_ten_minutes_rest_for_an_hour(self, workstation: Workstation, start_tool: Start) -> None:
        """Until somebody says otherwise; and another policy gets its own try."""
        _blocked(workstation)
        for _ in range(CRASHES):
            workstation.stop(signal.SIGKILL)
            mark = workstation.mark()
            workstation.start()
        assert workstation.wait_for(mark, event="started")["clean"] is False
        session = start_tool()
        row = workstation.wait_for(mark, event="finding", face="process", pid=session.pid)
        assert row["action"] == "report"
        workstation.stop()
        assert "Safe mode" in workstation.command("status").stdout
        asked = workstation.command("doctor")
        assert asked.returncode == 1 and "Safe mode" in asked.stdout and "interdict release --all" in asked.stdout
        explained = workstation.command("explain", str(session.pid)).stdout
        assert "Safe mode" in explained
        assert session.poll() is None

        workstation.start()
        mark = workstation.mark()
        assert workstation.command("release", "--all").returncode == 0
        workstation.wait_for(mark, event="outcome", kind="stop", pid=session.pid, result="stopped")
        workstation.stop()
        assert workstation.view("machine.json")["rests_until"] is None

    def test_another_policy_gets_its_own_try(self, workstation: Workstation, start_tool: Start) -> None:
        _blocked(workstation)
        for _ in range(CRASHES):
            workstation.stop(signal.SIGKILL)
            workstation.start()
        session = start_tool()
        mark = workstation.mark()
        workstation.wait_for(event="finding", face="process", pid=session.pid, action="report")
        workstation.publish("notify", "block", min_notice=1)
        workstation.wait_for(mark, event="policy-adopted")
        assert workstation.wait_for(mark, event="outcome", kind="stop", pid=session.pid)["result"] == "stopped"


def _wide(number: int) -> dict[str, object]:
    """A tool with so many different packages."""
    purls = [f"pkg:npm/part-{i}" for i in range(number)]
    return {"claude-code": {**CLAUDE_CODE, "faces": {"packages": purls}}}


class TestBrake:
    def test_a_ban_that_newly_matches_far_more_is_held_until_it_is_let_go(self, workstation: Workstation) -> None:
        number = NEW_MATCHES + 1
        workstation.publish("notify", "block", "remove")
        parts = [synthetic_npm_install(workstation.prefix, f"part-{i}", "1.0.0", "plain") for i in range(number)]
        workstation.start()
        workstation.wait_for(event="look")
        workstation.publish("notify", "block", "remove", tools=_wide(number))
        held = workstation.wait_for(event="brake", ban="claude-code")
        assert f"{number} installations match where 0 did before" in str(held["why"])
        workstation.wait_for_view(lambda rows: len(rows) == number and {row["action"] for row in rows} == {"report"})
        workstation.stop()
        assert all(part.exists() for part in parts)
        assert _held(workstation) == ["claude-code"]
        asked = workstation.command("doctor")
        assert asked.returncode == 1 and "interdict release claude-code" in asked.stdout
        listed = workstation.command("release")
        assert listed.returncode == 1 and "claude-code" in listed.stdout and str(held["why"]) in listed.stdout
        assert workstation.command("release", "no-such-ban").returncode == 2

        workstation.start()
        workstation.wait_for_view(lambda rows: len(rows) == number and {row["action"] for row in rows} == {"report"})
        mark = workstation.mark()
        assert workstation.command("release", "claude-code").returncode == 0
        assert workstation.wait_for(mark, event="released")["bans"] == ["claude-code"]
        for part in parts:
            workstation.wait_for(mark, event="outcome", path=str(part), result=TAKEN)
        workstation.stop()
        assert _held(workstation) == []
        assert [row["ban"] for row in _history(workstation, "release")] == ["claude-code"]

    def test_too_many_acts_wait_for_the_next_minute(self, workstation: Workstation) -> None:
        """One package in many places is one thing: the ban is right, and still not everything goes at once."""
        more = 4
        for i in range(ACTS_A_MINUTE + more):
            prefix = workstation.home / f"project-{i}"
            synthetic_npm_install(prefix, NAME, VERSION, "plain")
        workstation.publish("notify", "block", "remove")
        workstation.start(
            path_folders=[str(workstation.home / f"project-{i}" / "bin") for i in range(ACTS_A_MINUTE + more)]
        )
        taken = workstation.wait_for(event="outcome", result=TAKEN)
        machine = workstation.view("machine.json")
        while not machine["waiting"]:
            threading.Event().wait(0.05)
            machine = workstation.view("machine.json")
        said = workstation.command("doctor").stdout
        workstation.stop()
        done = [row for row in workstation.events(event="outcome") if row["result"] in TAKEN]
        assert taken in done and len(done) <= ACTS_A_MINUTE
        assert machine["waiting"] == more and f"{more} acts wait for the next minute" in said

    @pytest.mark.root
    def test_a_ban_that_refuses_one_program_of_the_system_after_the_other_is_held(self) -> None:
        """Root's own programs below a folder that a ban names."""
        with guarded() as station:
            tools = station.home / "tools"
            tools.mkdir()
            programs = [tools / f"program-{i}" for i in range(8)]
            for number, program in enumerate(programs):
                program.write_bytes(Path("/bin/true").read_bytes() + b"\0" * number)
                program.chmod(0o755)
            faces = {"executables": {"folders": [str(tools)]}}
            station.ban_now(tools={"claude-code": {**CLAUDE_CODE, "faces": faces}})
            for program in programs[:-1]:
                with pytest.raises(PermissionError):
                    subprocess.run([program], check=False)
            held = station.wait_for(event="brake", ban="claude-code")
            assert "7 different programs" in str(held["why"])
            given = station.wait_for(station.place_of(held), event="gate", what="orders", enforced=0)
            station.wait_for(station.place_of(given), event="gate", what="orders-taken", serial=given["serial"])
            assert subprocess.run([programs[-1]], check=False).returncode == 0
            while not station.view("machine.json")["brake"]:
                threading.Event().wait(0.05)
            assert _held(station) == ["claude-code"]
            mark = station.mark()
            assert station.command("release", "claude-code").returncode == 0
            station.wait_until_it_refuses(mark)
            with pytest.raises(PermissionError):
                subprocess.run([programs[-1]], check=False)
