"""Signals to the agent: each is heard at once, also two in a breath while the main thread sleeps."""

from __future__ import annotations

import signal
import subprocess
import sys

import pytest

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="signals of Unix")

_SLEEPS = """
import queue, threading
from agent.host.asked_to import tell_signals
inbox = queue.SimpleQueue()
end = tell_signals({name: lambda name=name: inbox.put(name) for name in ("SIGHUP", "SIGUSR1", "SIGNOSUCH")})
for _ in range(8):
    threading.Thread(target=threading.Event().wait, daemon=True).start()
print("ready", flush=True)
while (name := inbox.get(timeout=60)) != "SIGNONE":
    print(name, flush=True)
"""


def test_two_signals_in_a_breath_are_both_heard() -> None:
    """The kernel hands the second to a thread that is not the main one, whose sleep it does not end."""
    command = [sys.executable, "-c", _SLEEPS]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "ready\n"
        for _ in range(200):
            process.send_signal(signal.SIGHUP)
            process.send_signal(signal.SIGUSR1)
            assert {process.stdout.readline(), process.stdout.readline()} == {"SIGHUP\n", "SIGUSR1\n"}
        process.kill()
