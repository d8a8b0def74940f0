"""What the buttons of a notice lead to, pressed on a screen, up to what the console has recorded.

Root's agent and its console; a person who is not root, with a desktop, a notifier, a terminal program and a package
manager of their own.
"""

from __future__ import annotations

import contextlib
import gzip
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from sqlalchemy import select

from console.store.tables import finding, report, request
from policy_schema.rules.instant import Instant
from tests.fakes.desktop import desktop
from tests.fakes.policies import CLAUDE_CODE, QODER
from tests.fakes.running_console import SECRET, RunningConsole, running
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import TAKEN, Workstation

pytestmark = [pytest.mark.root, pytest.mark.desktop]
NOBODY = 65534
"""An account that every Linux has: a session bus asks the account list."""
NPM = """#!/bin/sh
[ "$1" = prefix ] && { echo "$HOME/prefix"; exit 0; }
to="$HOME/.local/lib/node_modules/@qoder-ai/qodercli"
mkdir -p "$to" && echo '{"name": "@qoder-ai/qodercli", "version": "1.2.3"}' > "$to/package.json"
"""
BUTTONS = ("get", "details", "ask", "remove", "later")


class Desk:
    """The person's desk: a notice of the agent's is on the screen."""

    def __init__(self, folder: Path, console: RunningConsole, stack: contextlib.ExitStack) -> None:
        self.folder, self.console = folder, console
        self.station = stack.enter_context(
            Workstation(folder, server=console.address, secret=SECRET, notices="desktop", gate="off")
        )
        self.home = self.station.home
        synthetic_npm_install(self.station.prefix, "@anthropic-ai/claude-code", "2.1.197", "native")
        self._program("npm", NPM)
        self.opened = folder / "opened"
        os.mkfifo(self.opened)
        self.opened.chmod(0o666)
        self._program("browser", f'#!/bin/sh\necho "$1" > {self.opened}\n')
        # Their browser in both ways in which a session says so: the one that `webbrowser` asks, and that of xdg-open.
        desktop_file = self.home / ".local/share/applications/own.desktop"
        desktop_file.parent.mkdir(parents=True)
        desktop_file.write_text(f"[Desktop Entry]\nType=Application\nName=own\nExec={self.home}/bin/browser %u\n")
        (self.home / ".config").mkdir()
        (self.home / ".config/mimeapps.list").write_text("[Default Applications]\ntext/html=own.desktop\n")
        for path in (self.home, *self.home.rglob("*")):
            os.chown(path, NOBODY, NOBODY, follow_symlinks=False)
        (folder / "session").mkdir()
        self.screen = stack.enter_context(desktop(folder / "session", NOBODY, NOBODY))
        self.screen.serve("xfce4")
        (folder / "people.toml").write_text(f'state_dir = "{self.station.state}"\n')
        self._stack = stack

    def open(self, **environment: str) -> None:
        """The person is told; `environment` is that of their session."""
        qoder = {**QODER, "install": {"npm": "npm install -g @qoder-ai/qodercli"}}
        self.station.publish("notify", min_notice=86_400, tools={"claude-code": CLAUDE_CODE, "qoder": qoder})
        self._notifier(environment)
        self.station.start()
        self.station.wait_for(event="outcome", kind="notify", result="told", ban="claude-code")
        self.screen.wait_for_notice(2)  # the welcome, and the notice

    def press(self, key: str) -> None:
        self.screen.press(BUTTONS.index(key), len(BUTTONS))

    def opens(self) -> str:
        """What the person's browser is asked to open."""
        return subprocess.run(
            ["head", "-n1", self.opened], capture_output=True, text=True, timeout=30, check=True
        ).stdout.strip()

    def rows(self, table: object) -> list[dict[str, object]]:
        """What the console has recorded."""
        with self.console.database.read() as connection:
            return [dict(row) for row in connection.execute(select(table)).mappings()]  # type: ignore[call-overload]

    def reports(self) -> list[dict[str, list[dict[str, object]]]]:
        """Every report that it holds."""
        return [json.loads(gzip.decompress(row["body"])) for row in self.rows(report)]  # type: ignore[arg-type]

    def until(self, holds: Callable[[], bool]) -> None:
        """Waits for the next report and the next, until the console shows what is wanted."""
        while True:
            mark = self.station.mark()
            if holds():
                return
            self.station.wait_for(mark, event="report-sent")

    def _program(self, name: str, text: str) -> None:
        file = self.home / "bin" / name
        file.parent.mkdir(exist_ok=True)
        file.write_text(text)
        file.chmod(0o755)

    def _notifier(self, environment: dict[str, str]) -> None:
        # The person may not be able to enter the folder in which Python lies: they may search folders, no more.
        as_person = ["setpriv", f"--reuid={NOBODY}", f"--regid={NOBODY}", "--clear-groups", "--no-new-privs"]
        may = ["--inh-caps=+dac_read_search", "--ambient-caps=+dac_read_search", "--"]
        command = [sys.executable, "-m", "agent", "notifier", "--config", str(self.folder / "people.toml")]
        told = {
            "HOME": str(self.home),
            "PATH": f"{self.home}/bin:/usr/bin:/bin",
            "BROWSER": f"{self.home}/bin/browser %s",
            "DISPLAY": self.screen.display,
            **environment,
        }
        process = subprocess.Popen([*as_person, *may, *command], env=self.screen.environment(**told))
        self._stack.callback(_end, process)


def _end(process: subprocess.Popen[bytes]) -> None:
    process.terminate()
    assert process.wait(30) == 0


@pytest.fixture
def desk() -> Iterator[Desk]:
    with tempfile.TemporaryDirectory(prefix="interdict-desk-") as name, contextlib.ExitStack() as stack:
        os.chmod(name, 0o755)
        folder = Path(name)
        (folder / "console").mkdir(mode=0o700)
        console = stack.enter_context(running(folder / "console"))
        console.now = Instant(int(time.time()))
        yield Desk(folder, console, stack)


def test_get_opens_a_window_that_asks_installs_and_the_console_learns_of_the_move(desk: Desk) -> None:
    desk.open()
    desk.press("get")
    desk.screen.type_into("XTerm", "y\n")
    desk.until(lambda: any(one["moves"] for one in desk.reports()))
    assert (desk.home / ".local/lib/node_modules/@qoder-ai/qodercli").stat().st_uid == NOBODY
    [move] = next(one["moves"] for one in desk.reports() if one["moves"])
    assert move["tool"] == "qoder", move
    desk.screen.type_into("XTerm", "\n")


@pytest.mark.slow
def test_get_opens_the_link_where_there_is_no_terminal_program(desk: Desk) -> None:
    desk.open(DISPLAY="")
    desk.press("get")
    assert desk.opens() == "https://qoder.com"


@pytest.mark.slow
def test_details_opens_the_persons_own_page(desk: Desk) -> None:
    desk.open()
    desk.press("details")
    page = Path(desk.opens().removeprefix("file://"))
    assert (page.stat().st_uid, page.stat().st_mode & 0o777) == (NOBODY, 0o600)
    assert "Claude Code" in page.read_text(encoding="utf-8")


def test_asking_reaches_the_console(desk: Desk) -> None:
    desk.open()
    desk.press("ask")
    desk.until(lambda: bool(desk.rows(request)))
    [row] = desk.rows(request)
    assert (row["kind"], row["ban"]) == ("exception", "claude-code")


@pytest.mark.slow
def test_what_is_removed_on_wish_is_gone_at_the_console_too(desk: Desk) -> None:
    desk.open()
    desk.press("remove")
    desk.until(lambda: any(row["outcome"] in TAKEN for row in desk.rows(finding)))
    assert not (desk.station.prefix / "lib/node_modules/@anthropic-ai/claude-code").exists()
