"""A program at a real terminal: waits for what it asks and types the answers."""

from __future__ import annotations

import fcntl
import os
import pty
import select
import subprocess
import termios
from collections.abc import Sequence
from pathlib import Path
from typing import NamedTuple

PATIENCE = 30.0


class Talk(NamedTuple):
    """How it ended, and everything that stood on the terminal."""

    code: int
    shown: str


def converse(command: Sequence[str], answers: Sequence[tuple[str, str]], cwd: Path, uid: int | None = None) -> Talk:
    """Runs a program with a controlling terminal; each answer is typed when its question has appeared.

    With `uid` it is that person's program, and their terminal, open to messages (`mesg y`), as after a login.
    """
    ours, theirs = pty.openpty()
    if uid is not None:
        os.fchown(theirs, uid, -1)
        os.fchmod(theirs, 0o620)
    process = subprocess.Popen(
        list(command),
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        start_new_session=True,
        preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0),
        user=uid,
        group=uid,
        extra_groups=None if uid is None else [],
    )
    os.close(theirs)
    try:
        shown = ""
        for question, answer in answers:
            shown = _read_until(ours, shown, question)
            os.write(ours, answer.encode() + b"\n")
        shown = _read_until(ours, shown, None)
        return Talk(process.wait(PATIENCE), shown.replace("\r\n", "\n"))
    finally:
        process.kill()
        process.wait()
        os.close(ours)


def _read_until(fd: int, shown: str, question: str | None) -> str:
    seen = shown.count(question) if question else 0
    while question is None or shown.count(question) <= seen:
        ready, _, _ = select.select([fd], [], [], PATIENCE)
        assert ready, f"no {question!r} in: {shown}"
        try:
            piece = os.read(fd, 4096)
        except OSError:  # Linux: the other end is closed
            piece = b""
        if not piece:
            assert question is None, f"ended before {question!r}: {shown}"
            break
        shown += piece.decode("utf-8", "replace")
    return shown
