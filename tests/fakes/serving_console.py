"""The console as a process of its own, on a port that stays the same when it is killed and started again."""

from __future__ import annotations

import contextlib
import os
import random
import signal
import socket
import subprocess
import sys
import threading
from pathlib import Path

ROOT = Path(__file__).parents[2]
COMMAND = [sys.executable, "-m", "console.cli"]
DATABASE = "INTERDICT_CONSOLE_DATABASE"


def _port() -> int:
    """A free one below those that the kernel gives to clients.

    A client that asks again and again at one of its own range comes to be connected with itself some day, and holds it.
    """
    for _ in range(100):
        port = random.randrange(15_000, 32_000)
        with socket.socket() as trial, contextlib.suppress(OSError):
            trial.bind(("127.0.0.1", port))
            return port
    raise AssertionError("no port is free")


class ServingConsole:
    """`interdict-console serve --trial`, by its real command."""

    def __init__(self, data: Path, database: str = "", *arguments: str) -> None:
        self._data = data
        self._arguments = arguments
        self._environment = {**os.environ, **({DATABASE: database} if database else {})}
        self._process: subprocess.Popen[str] | None = None
        self._port = str(_port())
        self.address = ""

    def __enter__(self) -> ServingConsole:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def start(self) -> None:
        """Starts it and waits until it listens; a database that is not back yet is waited for."""
        pause = threading.Event()
        for _ in range(100):
            command = [*COMMAND, "serve", "--trial", "--data", str(self._data), "--port", self._port, *self._arguments]
            process = subprocess.Popen(
                command,
                cwd=ROOT,
                env=self._environment,
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                text=True,
            )
            assert process.stdout is not None
            line = process.stdout.readline()
            if line.startswith("listening on "):
                self.address, self._process = line.split()[-1], process
                return
            _end(process, signal.SIGKILL)
            pause.wait(0.2)
        raise AssertionError("the console does not start")

    def kill(self) -> None:
        """Without a chance to tidy up."""
        self._end(signal.SIGKILL)

    def stop(self) -> None:
        """In order."""
        self._end(signal.SIGTERM)

    def kill_and_start(self) -> None:
        """What a service manager does after a crash."""
        self.kill()
        self.start()

    def run(self, *arguments: str) -> str:
        """Another command of the same console; what it prints."""
        command = [*COMMAND, *arguments, "--data", str(self._data)]
        done = subprocess.run(
            command, cwd=ROOT, env=self._environment, capture_output=True, text=True, timeout=120, check=False
        )
        assert done.returncode == 0, done.stderr
        return done.stdout

    def secret(self, uses: int) -> str:
        """An enrolment secret."""
        return self.run("enroll-secret", "new", "--uses", str(uses)).strip()

    def assert_it_runs(self) -> None:
        """It did not end by itself since it was started."""
        process = self._process
        code = process.poll() if process is not None else None
        assert code is None, f"the console ended by itself: {code}"

    def _end(self, by: signal.Signals) -> None:
        self.assert_it_runs()
        process, self._process = self._process, None
        if process is not None:
            _end(process, by)


def _end(process: subprocess.Popen[str], by: signal.Signals) -> None:
    with process:
        if process.poll() is None:
            process.send_signal(by)
        process.wait(60)
