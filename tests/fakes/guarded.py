"""A workstation whose home lies on a filesystem of its own, so that a real gate can watch it and nothing else."""

from __future__ import annotations

import contextlib
import os
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from agent.host.child import gate_command
from tests.architecture.source import ROOT
from tests.fakes.other_person import UID, give_to
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import Workstation

NAME, VERSION = "@anthropic-ai/claude-code", "2.1.197"


class Guarded(Workstation):
    """Start it with `guarded()`; `claude` is a banned program, `echo` one that is not, both the other person's."""

    @property
    def claude(self) -> Path:
        """The command of the banned tool."""
        return self.prefix / "bin" / "claude"

    @property
    def echo(self) -> Path:
        """A program on the same filesystem that no ban is about."""
        return self.home / "echo"

    def ban_now(self, **changes: object) -> None:
        """Bans Claude Code, starts the agent and waits until the gate works by that."""
        self.publish("notify", "block", **changes)
        self.start()
        self.wait_until_it_refuses()

    def wait_until_it_refuses(self, since: int = 0) -> None:
        """Waits for orders that enforce something, and for the gate to take them."""
        serial = 0
        while not serial:
            row = self.wait_for(since, event="gate", what="orders")
            since = self.place_of(row) + 1
            serial = int(str(row["serial"])) if row["enforced"] else 0
        taken = 0
        while taken < serial:
            row = self.wait_for(since, event="gate", what="orders-taken")
            since, taken = self.place_of(row) + 1, int(str(row["serial"]))

    def gate_pid(self) -> int:
        """The gate's process."""
        return int((self.state / "gate" / "pid").read_text().split()[0])


class Unit:
    """Does what systemd does for the gate's unit: starts it, and starts it again when it has ended."""

    def __init__(self, station: Guarded, *before: str) -> None:
        """`before` is put in front of the command line: what gives the rights away."""
        meeting = station.state / "gate"
        words = ["--socket", meeting / "socket", "--orders", meeting / "orders.json", "--only", station.home]
        self._command = [*before, *gate_command([str(word) for word in words], None)]
        self._ends = threading.Event()
        self._gate: subprocess.Popen[bytes] | None = None
        self._thread = threading.Thread(target=self._run)

    def __enter__(self) -> Unit:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        while self._thread.is_alive():
            # One that was started just now is ended too.
            self.send(signal.SIGKILL)
            self._thread.join(0.1)

    @property
    def pid(self) -> int:
        """The gate's process; 0 before there is one."""
        return self._gate.pid if self._gate is not None else 0

    def send(self, number: signal.Signals) -> None:
        """Sends a signal to the gate."""
        if self._gate is not None:
            self._gate.send_signal(number)

    def _run(self) -> None:
        while not self._ends.wait(0.1):
            self._gate = subprocess.Popen(self._command, cwd=ROOT, stderr=subprocess.DEVNULL)
            self._gate.wait()


@contextmanager
def guarded(megabytes: int = 200, **settings: object) -> Iterator[Guarded]:
    """A workstation with a home on a tmpfs; both are gone afterwards, and so is the gate."""
    folder = Path(tempfile.mkdtemp(prefix="g"))
    folder.chmod(0o755)
    home = folder / "home"
    home.mkdir()
    subprocess.run(["mount", "-t", "tmpfs", "-o", f"size={megabytes}m,mode=755", "guarded", home], check=True)
    try:
        with Guarded(folder, gate_only=[str(home)], **settings) as station:
            synthetic_npm_install(station.prefix, NAME, VERSION, "native")
            shutil.copy("/bin/echo", station.echo)
            give_to(home)
            try:
                yield station
            finally:
                station.stop()
                _end_gate(station)
    finally:
        subprocess.run(["umount", "--lazy", home], check=True)
        shutil.rmtree(folder)


def _end_gate(station: Guarded) -> None:
    """A gate outlives its agent when that is killed: none is left behind."""
    with contextlib.suppress(FileNotFoundError, ProcessLookupError, ValueError):
        pid = station.gate_pid()
        command = Path(f"/proc/{pid}/cmdline").read_bytes()
        if os.fsencode(station.state) in command:
            os.kill(pid, signal.SIGKILL)


__all__ = ["UID", "Guarded", "Unit", "guarded"]
