"""The daemon's socket for the gate, abused: whoever may not speak is not heard, whoever may cannot hurt."""

from __future__ import annotations

import os
import queue
import socket
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

if sys.platform != "linux":
    pytest.skip("Linux's gate", allow_module_level=True)

from agent.host._linux_packets import Listener
from agent.ipc.gate_events import GateCame, GateEnded, GateEvent
from agent.ipc.gate_keeper import GateKeeper
from agent.ipc.gate_messages import MOST_BYTES
from tests.fakes.other_person import person, tried

pytestmark = pytest.mark.root
HELLO = b'{"t":"hello","pid":1,"features":"full","serial":1}'
BEAT = b'{"t":"beat","n":1}'


class Daemon:
    """A keeper with a real socket; its gate is this test."""

    def __init__(self, folder: Path) -> None:
        self.path = folder / "socket"
        self.heard: queue.SimpleQueue[GateEvent] = queue.SimpleQueue()
        self.listening = threading.Event()
        self.keeper = GateKeeper(
            listen=self._listen,
            start=None,
            earlier=lambda: None,
            note=lambda pid: None,
            say=self.heard.put,
            clock=lambda: 1.0,  # stands still: this process is the gate here, and must not be killed for its silence
        )
        self.silent: list[socket.socket] = []
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self.keeper.run, args=(self._ends,))

    def __enter__(self) -> Daemon:
        self._thread.start()
        assert self.listening.wait(10)
        return self

    def __exit__(self, *_: object) -> None:
        self._ends.set()
        self.keeper.orders(99)
        self._thread.join()
        self.keeper.close()
        for end in self.silent:
            end.close()

    def connect(self) -> socket.socket:
        end = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            end.connect(str(self.path))
        except OSError:
            end.close()
            raise
        end.settimeout(10)
        return end

    def still_hears(self) -> None:
        """A gate that greets now is heard."""
        with self.connect() as gate:
            gate.send(HELLO)
            while not isinstance(self.heard.get(timeout=10), GateCame):
                pass
            gate.send(BEAT)

    def _listen(self) -> Listener:
        listener = Listener(str(self.path), allowed={0}, owner=0, most=MOST_BYTES)
        self.listening.set()
        return listener


@pytest.fixture
def daemon() -> Iterator[Daemon]:
    with tempfile.TemporaryDirectory(prefix="s") as folder:
        Path(folder).chmod(0o755)
        with Daemon(Path(folder)) as one:
            yield one


def _many(daemon: Daemon) -> None:
    ends = [daemon.connect() for _ in range(50)]
    for end in ends:
        end.close()


def _silent(daemon: Daemon) -> None:
    daemon.silent += [daemon.connect() for _ in range(6)]


def _say(*messages: bytes) -> Callable[[Daemon], None]:
    def say(daemon: Daemon) -> None:
        with daemon.connect() as end:
            for message in messages:
                try:
                    end.send(message)
                except OSError:
                    return  # shown the door, which is fine

    return say


ABUSES: dict[str, Callable[[Daemon], None]] = {
    "garbage": _say(b"\xff\x00garbage", b"{}", b"[[[", HELLO[:-3]),
    "the longest message there is": _say(b"x" * MOST_BYTES),
    "more than is taken": _say(b"x" * (MOST_BYTES * 4)),
    "a message before any greeting": _say(BEAT, b'{"t":"trouble","code":"x","uid":1}'),
    "two greetings": _say(HELLO, HELLO),
    "a thousand greetings": _say(*[HELLO] * 1000),
    "a flood of signs of life": _say(HELLO, *[BEAT] * 20_000),
    "fifty connections at once": _many,
    "connections that never say a word": _silent,
}


@pytest.mark.parametrize("abuse", ABUSES.values(), ids=ABUSES)
def test_the_daemon_goes_on_hearing_the_gate_after(daemon: Daemon, abuse: Callable[[Daemon], None]) -> None:
    abuse(daemon)
    daemon.still_hears()


def test_somebody_else_cannot_even_connect(daemon: Daemon) -> None:
    with person(lambda: None, lambda: tried("connect", lambda: daemon.connect().close())) as one:
        assert one.act() == {"connect": "PermissionError"}
    daemon.still_hears()


def test_somebody_else_is_not_heard_where_the_door_stands_open(daemon: Daemon) -> None:
    """The mode of the socket is one bar; who connects is asked of the kernel all the same."""
    daemon.path.chmod(0o666)

    def speak() -> None:
        with daemon.connect() as end:
            end.send(HELLO)
            if end.recv(100) == b"":
                raise ConnectionResetError

    with person(lambda: None, lambda: tried("greet", speak)) as one:
        assert one.act()["greet"] in ("ConnectionResetError", "BrokenPipeError")
    assert daemon.keeper.state().features == ""
    daemon.still_hears()


def test_a_gate_that_ends_is_noticed_at_once(daemon: Daemon) -> None:
    ready = os.pipe()
    pid = os.fork()
    if pid == 0:
        end = daemon.connect()
        end.send(HELLO)
        os.read(ready[0], 1)
        os._exit(3)
    assert daemon.heard.get(timeout=10) == GateCame(pid, "full")
    os.write(ready[1], b"!")
    while not isinstance(event := daemon.heard.get(timeout=10), GateEnded):
        pass
    assert event.why == "crashed"
    os.close(ready[0])
    os.close(ready[1])
