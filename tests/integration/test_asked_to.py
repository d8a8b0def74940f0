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


_LISTENS_ANEW = """
import os, queue, signal
from agent.host.asked_to import tell_signals
first, second = queue.SimpleQueue(), queue.SimpleQueue()
for _ in range(100):
    end = tell_signals({"SIGTERM": lambda: first.put("first")})
    end()
    os.kill(os.getpid(), signal.SIGTERM)
    end = tell_signals({"SIGTERM": lambda: second.put("second")})
    second.get(timeout=20)
    end()
    assert first.empty() and second.empty()
print("heard")
"""


def test_a_signal_while_nobody_listens_is_told_to_the_next_who_does() -> None:
    """An agent that takes new settings is built anew: who asks it to end in that moment is heard."""
    done = subprocess.run([sys.executable, "-c", _LISTENS_ANEW], capture_output=True, text=True, check=False)
    assert (done.stdout, done.stderr) == ("heard\n", "")
