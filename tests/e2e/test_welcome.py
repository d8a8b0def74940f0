"""The welcome: before a person has seen it, the bytes that leave the machine say only how much of theirs was found."""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import socket
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from agent.host.person_socket import NAME as SOCKET
from console.store.tables import report
from policy_schema.messages import local
from policy_schema.rules.instant import Instant
from tests.fakes.other_person import UID, give_to, person
from tests.fakes.policies import CLAUDE_CODE, QODER
from tests.fakes.running_console import SECRET, RunningConsole, running
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import Workstation

pytestmark = pytest.mark.root
VERSION, MOVED = "2.1.197", "1.1.52"
TITLE = "Example Group has installed Interdict"


class Home:
    """A machine with one person, who is not there, and a console."""

    def __init__(self, folder: Path, console: RunningConsole, stack: contextlib.ExitStack) -> None:
        self.console = console
        self.station = stack.enter_context(
            Workstation(folder, server=console.address, secret=SECRET, notices="desktop", gate="off")
        )
        synthetic_npm_install(self.station.prefix, "@anthropic-ai/claude-code", VERSION, "native")
        qoder = self.station.prefix / "lib/node_modules/@qoder-ai/qodercli"
        qoder.mkdir(parents=True)
        (qoder / "package.json").write_text(json.dumps({"name": "@qoder-ai/qodercli", "version": MOVED}))
        give_to(self.station.home)
        self.station.publish("notify", min_notice=86_400, tools={"claude-code": CLAUDE_CODE, "qoder": QODER})

    def bodies(self) -> list[bytes]:
        """Every report that the console holds, in the order of its making, as it came."""
        with self.console.database.read() as connection:
            rows = [gzip.decompress(bytes(row.body)) for row in connection.execute(select(report))]
        return sorted(rows, key=lambda body: int(json.loads(body)["sequence"]))

    def until(self, holds: Callable[[list[bytes]], bool]) -> list[bytes]:
        """Waits for the next report and the next, until the console holds what is wanted."""
        while True:
            mark = self.station.mark()
            if holds(bodies := self.bodies()):
                return bodies
            self.station.wait_for(mark, event="report-sent")

    def log_in(self, notices: int) -> list[str]:
        """The person comes, and their notifier shows so many notices: their titles."""
        state = self.station.state

        def act() -> dict[str, str]:
            return {"titles": "\n".join(_show(state / SOCKET, notices))}

        with person(lambda: None, act) as one:
            return one.act()["titles"].splitlines()


def _show(path: Path, notices: int) -> list[str]:
    """A notifier that shows everything: what it was given."""
    titles: list[str] = []
    with contextlib.closing(socket.socket(socket.AF_UNIX)) as end:
        end.settimeout(30)
        while end.connect_ex(str(path)):
            threading.Event().wait(0.05)
        end.sendall(local.pack(local.Hello(what="notifier", languages=("en",))))
        frames = local.Frames()
        while len(titles) < notices and (data := end.recv(65536)):
            for message in map(local.read_from_daemon, frames.feed(data)):
                if isinstance(message, local.Notice):
                    titles.append(message.title)
                    end.sendall(local.pack(local.Shown(notice=message.id)))
    return titles


@pytest.fixture
def home() -> Iterator[Home]:
    with tempfile.TemporaryDirectory(prefix="interdict-welcome-") as name, contextlib.ExitStack() as stack:
        os.chmod(name, 0o755)
        folder = Path(name)
        (folder / "console").mkdir(mode=0o700)
        console = stack.enter_context(running(folder / "console"))
        console.now = Instant(int(time.time()))
        yield Home(folder, console, stack)


def _counts(body: bytes) -> object:
    return json.loads(body)["withheld"]


def test_only_a_count_leaves_the_machine_before_the_welcome_was_shown_and_it_is_shown_once(home: Home) -> None:
    home.station.start()
    home.station.wait_for(event="outcome", tool="welcome", result="not-shown")
    before = home.until(lambda bodies: bool(bodies) and _counts(bodies[-1]) != [])
    assert _counts(before[-1]) == [{"ban": "claude-code", "findings": 1}]
    for body in before:
        assert json.loads(body)["findings"] == json.loads(body)["moves"] == []
        assert not [word for word in (VERSION, MOVED, "anthropic", "qoder") if word.encode() in body]
    first, second = home.log_in(2)
    assert (first, second) == (TITLE, "Claude Code is not allowed by company policy")
    after = home.until(lambda bodies: any(json.loads(body)["findings"] for body in bodies))
    assert _counts(after[-1]) == []
    assert f"claude-code@{VERSION}".encode() in b"".join(after)
    assert "person" in json.loads(after[-1])["findings"][0] and str(UID).encode() not in b"".join(after)
    home.station.stop()
    mark = home.station.mark()
    home.station.publish("notify", "block")
    home.station.start()
    assert home.log_in(1) == ["Claude Code may not be started any more"]
    assert home.station.wait_for(mark, event="outcome", kind="notify")["tool"] == "claude-code"
