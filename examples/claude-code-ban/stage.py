"""What the demo works with: its timeline, the agent as a process with its events, and what is asked of the system."""

from __future__ import annotations

import contextlib
import hashlib
import http.server
import json
import os
import queue
import shutil
import signal
import subprocess
import sys
import threading
import time
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

PATIENCE = 60.0
"""Seconds for each thing that is waited for."""


class Failed(Exception):
    """The demo could not go on."""


class Ended(KeyboardInterrupt):
    """Somebody ended the demo: Ctrl-C, a closed terminal, `kill`."""

    def __init__(self, number: int) -> None:
        self.number = number


class Timeline:
    """What happened, with the time since the step that caused it."""

    def __init__(self) -> None:
        self.rows: list[tuple[str, str, str]] = []

    def step(self, what: str, took: float | None = None, note: str = "") -> None:
        """Prints one line at once and keeps it for the end."""
        time_text = "" if took is None else f"{took * 1000:7.0f} ms" if took < 10 else f"{took:7.1f} s "
        self.rows.append((what, time_text, note))
        print(f"  {what:<34}{time_text:>11}   {note}", flush=True)


class Agent:
    """`interdict run`, and the events that it writes to stderr."""

    def __init__(self, settings: Path, environment: Mapping[str, str], log: Path) -> None:
        self._events: list[dict[str, object]] = []
        self._new = threading.Condition()
        self._log = log.open("w", encoding="utf-8")
        self.notices: queue.SimpleQueue[str] = queue.SimpleQueue()
        self.process = subprocess.Popen(
            [*program("interdict"), "run", "--config", str(settings)],
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
            start_new_session=True,  # Ctrl-C is for the demo, which ends its parts in order
        )
        for stream, take in ((self.process.stderr, self._event), (self.process.stdout, self.notices.put)):
            threading.Thread(target=self._read, args=(stream, take), daemon=True).start()

    def wait_for(self, since: int = 0, **wanted: object) -> dict[str, object]:
        """The first event from number `since` on that has these values; of a tuple, any of them."""
        deadline = time.monotonic() + PATIENCE
        with self._new:
            while True:
                for row in self._events[since:]:
                    if all(
                        row.get(key) in (value if isinstance(value, tuple) else (value,))
                        for key, value in wanted.items()
                    ):
                        return row
                left = deadline - time.monotonic()
                if left <= 0 or self.process.poll() is not None:
                    raise Failed(f"the agent did not say {wanted} within {PATIENCE:.0f} s; its log is {self._log.name}")
                self._new.wait(min(left, 0.5))

    @property
    def count(self) -> int:
        """How many events there were so far: a mark for `wait_for`."""
        with self._new:
            return len(self._events)

    def stop(self) -> None:
        """Ends the agent properly."""
        self.process.terminate()
        with contextlib.suppress(subprocess.TimeoutExpired):
            self.process.wait(15)
        self.process.kill()
        self.process.wait()
        with contextlib.suppress(OSError):
            self._log.close()

    def _read(self, stream: Iterator[str], take: Callable[[str], None]) -> None:
        for line in stream:
            take(line.rstrip("\n"))

    def _event(self, line: str) -> None:
        with contextlib.suppress(ValueError, OSError):  # closed, or no room: the events themselves go on
            self._log.write(line + "\n")
            self._log.flush()
        with contextlib.suppress(json.JSONDecodeError), self._new:
            row = json.loads(line)
            self._events.append(row)
            self._new.notify_all()


class QuietFiles(http.server.SimpleHTTPRequestHandler):
    """Static files, without a line for each request."""

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


def program(name: str) -> list[str]:
    """One of our commands: the one beside this Python, or on PATH."""
    beside = Path(sys.executable).parent / name
    return [str(beside)] if beside.exists() else [shutil.which(name) or name]


def output_of(command: Sequence[str], environment: Mapping[str, str]) -> str:
    """What a program prints.

    Raises:
        Failed: it ended with another code than 0.
    """
    done = subprocess.run(command, env=dict(environment), capture_output=True, text=True)
    if done.returncode != 0:
        raise Failed(f"{' '.join(command)} ended with {done.returncode}: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


def npm_files(environment: Mapping[str, str]) -> dict[str, str]:
    """Where the caller's own npm settings are, with their registry and certificates; they are read only."""
    npm = shutil.which("npm")
    if npm is None:
        return {}
    own = {**os.environ, "npm_config_cache": environment["npm_config_cache"], "npm_config_update_notifier": "false"}
    done = subprocess.run([npm, "config", "list", "--json"], env=own, capture_output=True, text=True)
    with contextlib.suppress(ValueError, AttributeError):
        told = json.loads(done.stdout)
        return {
            f"npm_config_{key}": told[key] for key in ("userconfig", "globalconfig") if isinstance(told.get(key), str)
        }
    return {}


def how_ended(process: subprocess.Popen[bytes]) -> str:
    """In words."""
    code = process.returncode
    number = -code if code < 0 else code - 128  # a program that tidies up first says so by 128 and the signal
    return f"ended by {signal.Signals(number).name}" if number > 0 else f"ended with {code}"


def page_at(address: str) -> str:
    """A page as text."""
    with urllib.request.urlopen(address, timeout=10) as answer:
        return str(answer.read().decode("utf-8"))


def drain(terminal: int) -> None:
    """Reads a terminal to its end, so that nobody waits to write there."""
    with contextlib.suppress(OSError):
        while os.read(terminal, 65536):
            pass
    os.close(terminal)


def end_process(process: subprocess.Popen[bytes] | subprocess.Popen[str]) -> None:
    """Asks it to end, and ends it after ten seconds."""
    if process.poll() is None:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(10)
        process.kill()
    process.wait()


def tree_digest(folder: Path) -> dict[str, tuple[int, int, int, str]]:
    """Everything about a tree that must be the same after a restore."""
    made = {}
    for path in [folder, *sorted(folder.rglob("*"))]:
        status = path.lstat()
        text = (
            os.readlink(path)
            if path.is_symlink()
            else hashlib.sha256(path.read_bytes()).hexdigest()
            if path.is_file()
            else ""
        )
        made[str(path.relative_to(folder))] = (status.st_mode, status.st_uid, status.st_mtime_ns, text)
    return made
