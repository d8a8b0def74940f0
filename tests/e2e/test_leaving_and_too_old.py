"""An agent that is removed says so; one that is too old for a ban says that, and carries out the rest."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from sqlalchemy import select

from agent.cli.main import main
from console.reports import compliance
from console.state import DeviceState
from console.store.queries.fleet import Silence, Wanted
from console.store.tables import device
from policy_schema.rules.instant import Instant
from tests.fakes.policies import ban, closed
from tests.fakes.running_console import SECRET, RunningConsole, running
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import Workstation

DAY = 86_400


@contextmanager
def enrolled(folder: Path) -> Iterator[tuple[Workstation, RunningConsole]]:
    """A workstation that has the banned package and has reported once."""
    (folder / "console").mkdir(mode=0o700)
    (folder / "station").mkdir()
    with running(folder / "console") as console:
        console.now = Instant(int(time.time()))
        with Workstation(folder / "station", server=console.address, secret=SECRET) as agent:
            synthetic_npm_install(agent.prefix, "@anthropic-ai/claude-code", "2.1.197", "native")
            yield agent, console


def known(console: RunningConsole) -> dict[str, object]:
    """What the console knows of the one device."""
    with console.database.read() as connection:
        row = connection.execute(select(device)).mappings().one_or_none()
        return dict(row) if row else {}


def state(console: RunningConsole) -> DeviceState:
    """The one state that the compliance report shows it in."""
    with console.database.read() as connection:
        silence = Silence(Instant(int(time.time())), DAY)
        (line,) = compliance.all_lines(connection, silence, Wanted())
    return line.state


def until(agent: Workstation, holds: Callable[[], bool]) -> None:
    """Waits for reports until something holds."""
    while True:
        mark = agent.mark()
        if holds():
            return
        agent.wait_for(mark, event="report-sent")


def test_the_last_report_of_an_agent_says_that_it_is_removed(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with enrolled(tmp_path) as (agent, console):
        agent.publish("notify")
        agent.start()
        until(agent, lambda: known(console).get("policy_version") == 1)
        leave = ["leave", "--config", str(agent.settings_file)]
        assert main(leave) == 2 and "the agent still runs" in capsys.readouterr().err
        agent.stop()
        assert main(leave) == 0 and "knows that this device leaves" in capsys.readouterr().out
        assert state(console) is DeviceState.REMOVED
        agent.start()  # installed again: the same device is back
        until(agent, lambda: known(console)["removed_at"] is None)
        assert state(console) is not DeviceState.REMOVED


def test_a_console_that_cannot_be_reached_is_said_in_one_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with contextlib.ExitStack() as opened:
        agent, console = opened.enter_context(enrolled(tmp_path))
        agent.publish("notify")
        agent.start()
        until(agent, lambda: known(console).get("policy_version") == 1)
        agent.stop()
        agent.write_settings(server="http://127.0.0.1:9")
        assert main(["leave", "--config", str(agent.settings_file)]) == 2
        said = capsys.readouterr().err
        assert said.count("\n") == 1 and "Remove the device there by hand" in said
        assert state(console) is not DeviceState.REMOVED


def test_an_agent_too_old_for_a_ban_reports_that_and_carries_out_the_rest(tmp_path: Path) -> None:
    began = "2026-07-04T01:00:00Z"
    stage = [{"from": began, "action": "notify", "let_finish": 0, "kill_after": 2}]
    of_tomorrow = ban(id="of-tomorrow", needs=["telepathy"], stages=stage)
    with enrolled(tmp_path) as (agent, console):
        agent.start()
        agent.publish_document(closed(ban(stages=stage), of_tomorrow))
        adopted = agent.wait_for(0, event="policy-adopted")
        assert adopted["not_understood"] == ["of-tomorrow"]
        agent.wait_for(0, event="finding", ban="claude-code")
        until(agent, lambda: known(console).get("not_understood") == '["of-tomorrow"]')
