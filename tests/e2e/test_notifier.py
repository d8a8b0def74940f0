"""A person at a real desktop: the notice with its buttons, and what each of them does."""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.host.person_socket import NAME as SOCKET
from tests.fakes.desktop import Desktop, desktop
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import TAKEN, Workstation

pytestmark = pytest.mark.desktop
BUTTONS = ("get", "details", "ask", "remove", "later")


@pytest.fixture
def screen() -> Iterator[Desktop]:
    with tempfile.TemporaryDirectory() as folder:
        os.chmod(folder, 0o755)
        with desktop(Path(folder), os.geteuid(), os.getegid()) as one:
            yield one


@pytest.fixture
def workstation(tmp_path: Path, screen: Desktop, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workstation]:
    monkeypatch.setenv("DBUS_SESSION_BUS_ADDRESS", f"unix:path={screen.socket}")
    with Workstation(tmp_path, notices="desktop") as one:
        synthetic_npm_install(one.prefix, "@anthropic-ai/claude-code", "2.1.197", "native")
        yield one


@pytest.fixture
def notifier(workstation: Workstation, screen: Desktop, tmp_path: Path) -> Iterator[Callable[[], None]]:
    """Starts the notifier in the session; a browser of the person's writes down what it is asked to open."""
    started: list[subprocess.Popen[bytes]] = []
    browser = tmp_path / "browser"
    os.mkfifo(tmp_path / "opened")
    browser.write_text(f'#!/bin/sh\necho "$1" > {tmp_path}/opened\n')
    browser.chmod(0o755)

    def start() -> None:
        command = [sys.executable, "-m", "agent", "notifier", "--config", str(workstation.settings_file)]
        environment = screen.environment(BROWSER=f"{browser} %s", DISPLAY=getattr(screen, "display", ""))
        started.append(subprocess.Popen(command, env=environment, cwd=Path.cwd()))

    yield start
    for one in started:
        one.terminate()
        assert one.wait(20) == 0


def _press(screen: Desktop, key: str) -> None:
    screen.press(BUTTONS.index(key), len(BUTTONS))


def test_a_notice_stands_on_the_screen_with_its_buttons_and_each_does_what_it_says(
    workstation: Workstation, screen: Desktop, notifier: Callable[[], None], tmp_path: Path
) -> None:
    screen.serve("xfce4")
    workstation.publish("notify", min_notice=86_400)
    workstation.start()
    notifier()
    workstation.wait_for(event="outcome", kind="notify", result="told")
    screen.wait_for_notice()
    if folder := os.environ.get("INTERDICT_SCREENSHOTS"):
        screen.photograph(Path(folder) / "notice-xfce4.png")
    mark = workstation.mark()
    _press(screen, "remove")
    workstation.wait_for(mark, event="asked", what="remove")
    workstation.wait_for(mark, event="outcome", result=TAKEN)
    assert not (workstation.prefix / "lib/node_modules/@anthropic-ai/claude-code").exists()


def test_the_alternative_is_opened_in_the_persons_browser(
    workstation: Workstation, screen: Desktop, notifier: Callable[[], None], tmp_path: Path
) -> None:
    screen.serve("xfce4")
    workstation.publish("notify")
    workstation.start()
    notifier()
    workstation.wait_for(event="outcome", kind="notify", result="told")
    screen.wait_for_notice()
    _press(screen, "get")
    opened = subprocess.run(["cat", tmp_path / "opened"], capture_output=True, text=True, timeout=20, check=True).stdout
    assert opened == "https://qoder.com\n"


def test_an_exception_is_asked_for_with_one_click_and_holds_what_was_to_come(
    workstation: Workstation, screen: Desktop, notifier: Callable[[], None]
) -> None:
    screen.serve("xfce4")
    workstation.publish("notify", min_notice=86_400)
    workstation.start()
    notifier()
    workstation.wait_for(event="outcome", kind="notify", result="told")
    screen.wait_for_notice()
    mark = workstation.mark()
    _press(screen, "ask")
    assert workstation.wait_for(mark, event="asked", what="exception")["ban"] == "claude-code"


def test_without_a_notifier_the_notice_still_comes_and_with_one_it_is_shown_once(
    workstation: Workstation, screen: Desktop, notifier: Callable[[], None]
) -> None:
    screen.serve("dunst")
    workstation.publish("notify")
    workstation.start()
    workstation.wait_for(event="outcome", kind="notify", result="told")
    assert len(screen.shown()) == 1
    mark = workstation.mark()
    notifier()
    workstation.publish("notify", "block")
    workstation.wait_for(mark, event="outcome", kind="notify", result="told")
    assert [title for title, _ in screen.shown()] == [
        "Claude Code may not be started any more",
        "Claude Code is not allowed by company policy",
    ]


def test_who_could_not_be_told_is_told_when_their_notifier_comes(
    workstation: Workstation, screen: Desktop, notifier: Callable[[], None]
) -> None:
    workstation.publish("notify")
    workstation.start()
    workstation.wait_for(event="outcome", kind="notify", result="not-shown")
    screen.serve("dunst")
    mark = workstation.mark()
    notifier()
    workstation.wait_for(mark, event="outcome", kind="notify", result="told")
    assert len(screen.shown()) == 1


def test_a_reminder_is_put_off_with_one_click_and_wanted_after_all_by_a_command(
    workstation: Workstation, screen: Desktop, notifier: Callable[[], None]
) -> None:
    screen.serve("xfce4")
    workstation.publish("notify", min_notice=86_400)
    workstation.start()
    notifier()
    workstation.wait_for(event="outcome", kind="notify", result="told")
    screen.wait_for_notice()
    mark = workstation.mark()
    _press(screen, "later")
    assert workstation.wait_for(mark, event="put-off", ban="claude-code")["until"] != "undone"
    undone = workstation.command("later", "claude-code", "--undo")
    assert (undone.returncode, undone.stdout) == (0, "You are reminded when it is due.\n"), undone.stderr
    workstation.wait_for(mark, event="put-off", until="undone")
    for number in range(4):
        said = workstation.command("later", "claude-code")
        assert ("You are reminded on" in said.stdout) is (said.returncode == 0) is True, (number, said)
    assert len([row for row in workstation.since(mark) if row["event"] == "put-off"]) == 3, "asked again is not counted"
    assert workstation.command("later", "another").returncode == 1


def test_whoever_does_not_want_to_be_disturbed_is_told_later_and_not_on_another_way(
    workstation: Workstation, screen: Desktop, notifier: Callable[[], None]
) -> None:
    screen.serve("dunst")
    screen.pause()
    workstation.start()
    notifier()
    _wait_for_the_notifier(workstation)
    workstation.publish("notify", min_notice=86_400)
    kept = workstation.wait_for(event="outcome", kind="notify", ban="claude-code")
    assert (kept["result"], kept["detail"]) == ("not-shown", "do-not-disturb")
    assert screen.shown() == []
    screen.pause(False)
    workstation.stop()
    mark = workstation.mark()
    workstation.start()
    workstation.wait_for(mark, event="outcome", kind="notify", result="told")
    assert [title for title, _ in screen.shown()] == ["Claude Code is not allowed by company policy"]


def _wait_for_the_notifier(workstation: Workstation) -> None:
    """Until somebody is connected to the agent's socket (state 03 in the kernel's table)."""
    for _ in range(400):
        rows = [line.split() for line in Path("/proc/net/unix").read_text().splitlines()]
        if any(row[-1] == str(workstation.state / SOCKET) and row[5] == "03" for row in rows):
            return
        threading.Event().wait(0.05)
    raise AssertionError("the notifier did not come")
