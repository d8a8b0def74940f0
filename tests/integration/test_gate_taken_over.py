"""A gate that stands still and is not killed: its groups are taken over, and the agent's own starts do not stop it."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("Linux's gate", allow_module_level=True)

from agent.host import command
from agent.host._linux_held import HeldProcess
from agent.ipc.orders import EVERYBODY, Orders, document
from policy_schema.rules.instant import Instant
from policy_schema.rules.rulebook import Device
from tests.fakes.guarded import Guarded, Unit, guarded
from tests.fakes.policies import rulebook

pytestmark = pytest.mark.root
RESCUE = 10
"""Seconds after which a stopped gate is killed in any case: this is a shared machine."""


class Stopped:
    """A gate that stands still, and its filesystem."""

    def __init__(self, station: Guarded, gate: HeldProcess) -> None:
        self.station, self.gate = station, gate

    def state(self) -> str:
        return Path(f"/proc/{self.gate.pid}/stat").read_text().rpartition(")")[2].split()[0]


@contextmanager
def _gate() -> Iterator[Stopped]:
    with guarded(gate="systemd") as station:
        meeting = station.state / "gate"
        meeting.mkdir(parents=True)
        rules = rulebook().for_device(Device("d-1"))
        enforced = Orders((("claude-code", "claude-code", EVERYBODY),), (), ())
        orders = document(enforced, rules, serial=1, floor=Instant(0), protected=())
        (meeting / "orders.json").write_text(json.dumps(orders))
        with Unit(station) as unit:
            while subprocess_code(station.claude) != "refused":
                threading.Event().wait(0.05)
            assert unit.pid
            held = HeldProcess.by_number(unit.pid)
            rescue = subprocess.Popen(["/bin/sh", "-c", f"sleep {RESCUE}; kill -9 {unit.pid}"], start_new_session=True)
            try:
                yield Stopped(station, held)
            finally:
                rescue.kill()
                rescue.wait()
                held.close()


def subprocess_code(program: Path) -> object:
    """How a start ends."""
    try:
        return subprocess.run([program, "--version"], capture_output=True, check=False).returncode
    except PermissionError:
        return "refused"


def test_what_waits_for_a_gate_that_cannot_be_ended_starts_when_it_is_taken_over() -> None:
    with _gate() as stopped:
        assert stopped.gate.hold_groups() >= 1
        signal.pidfd_send_signal(stopped.gate.fileno(), signal.SIGSTOP)
        codes: list[object] = []
        people = [
            threading.Thread(target=lambda: codes.append(subprocess_code(stopped.station.echo))) for _ in range(5)
        ]
        for one in people:
            one.start()
        people[0].join(0.5)
        assert codes == [], "all of them wait"
        stopped.gate.take_over()
        for one in people:
            one.join(5)
        assert codes == [0] * 5
        assert stopped.state() == "T", "nobody ended the gate"
        assert subprocess_code(stopped.station.claude) == 0, "and nothing is refused any more"


def test_an_agent_that_starts_a_program_while_the_gate_hangs_goes_on() -> None:
    """With vfork the interpreter would stand still here until somebody else ends the gate."""
    with _gate() as stopped:
        stopped.gate.hold_groups()
        signal.pidfd_send_signal(stopped.gate.fileno(), signal.SIGSTOP)
        codes: list[int] = []

        def start() -> None:
            process = command.start([str(stopped.station.echo)], command.PLAIN_ENVIRONMENT, None)
            codes.append(command.talk("echo", process, b"", timeout=30, most=100).code)

        starting = threading.Thread(target=start)
        starting.start()
        starting.join(0.5)
        assert starting.is_alive() and stopped.state() == "T", "the start hangs, and we do not"
        stopped.gate.take_over()
        starting.join(5)
        assert codes == [0]
