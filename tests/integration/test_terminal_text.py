"""The text on the terminal of a refused process, against terminals and files that are somebody's trap."""

from __future__ import annotations

import os
import pty
import select
import termios
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from agent.host.sessions import write_terminal
from tests.fakes.other_person import UID

pytestmark = pytest.mark.root
TEXT = "Example Group policy: Claude Code may not be used here.\nWhy, and whom to ask: https://help.example.com"


class Terminal(NamedTuple):
    """Our end, theirs, and its name."""

    ours: int
    theirs: int
    path: Path

    def shown(self) -> str:
        """What stands on it now."""
        ready, _, _ = select.select([self.ours], [], [], 0)
        return os.read(self.ours, 65536).decode() if ready else ""


@pytest.fixture
def terminal() -> Iterator[Terminal]:
    """The other person's, open to messages, as after a login."""
    ours, theirs = pty.openpty()
    os.fchown(theirs, UID, -1)
    os.fchmod(theirs, 0o620)
    yield Terminal(ours, theirs, Path(os.ttyname(theirs)))
    os.close(ours)
    os.close(theirs)


def test_the_person_reads_two_lines(terminal: Terminal) -> None:
    assert write_terminal(str(terminal.path), UID, TEXT)
    assert terminal.shown().replace("\r", "").strip("\n") == TEXT


def test_nothing_in_it_steers_the_terminal(terminal: Terminal) -> None:
    assert write_terminal(str(terminal.path), UID, "\x1b]0;title\x07\x1b[2Ja\u202eb\u0085c\x00\n\x9b31md")
    shown = terminal.shown()
    assert not [c for c in shown if ord(c) < 32 and c not in "\r\n"] and "\u202e" not in shown and "\x9b" not in shown


@pytest.mark.parametrize("times", [1, 20])
def test_a_terminal_that_never_reads_keeps_nobody_waiting(terminal: Terminal, times: int) -> None:
    os.set_blocking(terminal.theirs, False)
    # What the kernel hands on to the other end makes room again for a moment.
    while select.select([], [terminal.theirs], [], 0.1)[1]:
        with pytest.raises(BlockingIOError):
            while True:
                os.write(terminal.theirs, b"x" * 4096)
    assert not any(write_terminal(str(terminal.path), UID, TEXT) for _ in range(times))


def test_a_terminal_that_was_stopped_keeps_nobody_waiting(terminal: Terminal) -> None:
    termios.tcflow(terminal.theirs, termios.TCOOFF)
    assert not any(write_terminal(str(terminal.path), UID, TEXT) for _ in range(20))
    assert terminal.shown() == ""


def test_a_terminal_of_somebody_else_stays_as_it_is(terminal: Terminal) -> None:
    assert not write_terminal(str(terminal.path), UID + 1, TEXT)
    assert terminal.shown() == ""


def test_a_terminal_that_wants_no_messages_stays_as_it_is(terminal: Terminal) -> None:
    os.fchmod(terminal.theirs, 0o600)
    assert not write_terminal(str(terminal.path), UID, TEXT)
    assert terminal.shown() == ""


@pytest.mark.parametrize("what", ["a file", "a link to a file", "a pipe", "a link to their terminal", "nothing"])
def test_what_is_no_terminal_is_never_written_to(terminal: Terminal, what: str, tmp_path: Path) -> None:
    tmp_path.chmod(0o777)
    target, path = tmp_path / "target", tmp_path / "tty"
    target.write_text("theirs")
    os.chown(target, UID, UID)
    target.chmod(0o620)
    if what == "a file":
        path = target
    elif what == "a link to a file":
        path.symlink_to(target)
    elif what == "a pipe":
        os.mkfifo(path, 0o620)
        os.chown(path, UID, UID)
    elif what == "a link to their terminal":
        path.symlink_to(terminal.path)
    assert not write_terminal(str(path), UID, TEXT)
    assert target.read_text() == "theirs"
    assert terminal.shown() == ""
