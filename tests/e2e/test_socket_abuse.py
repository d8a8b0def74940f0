"""What somebody on the machine can do to the socket of root's agent: it stays within its memory, and answers others."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from agent.host.person_socket import NAME as SOCKET
from policy_schema.messages import local
from tests.fakes.other_person import person
from tests.fakes.synthetic import synthetic_npm_install
from tests.fakes.workstation import Workstation

pytestmark = pytest.mark.root
MORE_MB = 6.0
"""How much larger the agent may be after everything: buffers that its allocator keeps."""
HELLO = local.pack(local.Hello(what="notifier"))


def _connected(path: str) -> socket.socket:
    end = socket.socket(socket.AF_UNIX)
    end.connect(path)  # a crowd at the door is waited for
    end.settimeout(20)
    return end


def _send(data: bytes, connections: int = 1) -> Callable[[str], None]:
    """Says it on so many connections, and waits until each is ended."""

    def act(path: str) -> None:
        for _ in range(connections):
            with contextlib.closing(_connected(path)) as end, contextlib.suppress(ConnectionError):
                for at in range(0, len(data), 65536):
                    end.sendall(data[at : at + 65536])
                while end.recv(65536):
                    pass

    return act


def _hold(data: bytes, connections: int) -> Callable[[str], None]:
    """Opens so many, says the beginning of something on each, and keeps them until the agent has ended them all."""

    def act(path: str) -> None:
        ends = [_connected(path) for _ in range(connections)]
        for end in ends:
            with contextlib.suppress(ConnectionError):
                end.sendall(data)
        for end in ends:
            with contextlib.suppress(ConnectionError):
                while end.recv(65536):
                    pass
            end.close()

    return act


def _drop_by_drop(path: str) -> None:
    """A message in single bytes."""
    with contextlib.closing(_connected(path)) as end, contextlib.suppress(ConnectionError):
        for byte in HELLO:
            end.sendall(bytes([byte]))
        end.recv(65536)


def _come_and_go(path: str) -> None:
    for _ in range(10_000):
        _connected(path).close()


def _never_read(path: str) -> None:
    """Asks and asks, as fast as it goes, and reads no answer."""
    wish = local.pack(local.AskException(ban="b", reason="x" * 3900))
    with contextlib.closing(_connected(path)) as end, contextlib.suppress(ConnectionError):
        end.sendall(HELLO)
        for _ in range(1000):
            end.sendall(wish)


def _many_frames(path: str) -> None:
    """Sixteen megabytes of frames of the right length with nothing in them."""
    frame = struct.pack("!I", local.MOST_BYTES) + b" " * local.MOST_BYTES
    for _ in range(250):
        with contextlib.closing(_connected(path)) as end, contextlib.suppress(ConnectionError):
            end.sendall(frame)


def _deep(path: str) -> None:
    body = b'{"type":"hello","what":' + b"[" * 60_000
    _send(struct.pack("!I", len(body)) + body, 20)(path)


ABUSE: dict[str, Callable[[str], None]] = {
    "garbage": _send(os.urandom(100_000), 50),
    "a web browser's greeting": _send(b"GET / HTTP/1.1\r\nHost: localhost\r\n\r\n", 50),
    "frames that announce four gigabytes": _send(b"\xff\xff\xff\xff" + b"x" * 65536, 50),
    "sixteen megabytes of frames without a document": _many_frames,
    "documents that are sixty thousand deep": _deep,
    "another version": _send(local.pack(local.Hello(v=2, what="notifier")), 50),
    "a greeting of the daemon's own": _send(local.pack(local.Ready()), 50),
    "writers that stop in the middle of a frame": _hold(HELLO[:-1], 200),
    "people who say nothing": _hold(b"", 200),
    "a message drop by drop": _drop_by_drop,
    "thousands of wishes whose answers nobody reads": _never_read,
    "ten thousand connections": _come_and_go,
}


class Agent:
    """Root's agent, as large as it is before anybody is rude."""

    def __init__(self, station: Workstation) -> None:
        self.station = station
        self.path = str(station.state / SOCKET)
        assert self.answers()
        self.before = self.size()

    def size(self) -> float:
        """PSS in MB."""
        rollup = Path(f"/proc/{self.station.pid}/smaps_rollup").read_text(encoding="ascii").splitlines()
        return next(int(line.split()[1]) for line in rollup if line.startswith("Pss:")) / 1024

    def answers(self) -> bool:
        """Whether somebody else who asks is answered."""
        with contextlib.closing(_connected(self.path)) as end:
            end.sendall(local.pack(local.Hello(what="command")) + local.pack(local.ReportWrong(finding="f-0")))
            frames, heard = local.Frames(), list[local.FromDaemon]()
            while len(heard) < 2 and (data := end.recv(65536)):
                heard += map(local.read_from_daemon, frames.feed(data))
        return heard[1:] == [local.Answer(ok=False, text="You have no finding 'f-0'.")]


@pytest.fixture(scope="module")
def agent() -> Iterator[Agent]:
    with tempfile.TemporaryDirectory(prefix="interdict-rude-") as name:
        os.chmod(name, 0o755)
        with Workstation(Path(name), gate="off") as station:
            synthetic_npm_install(station.prefix, "@anthropic-ai/claude-code", "2.1.197", "native")
            station.publish("notify")
            station.start()
            station.wait_for(event="outcome", kind="notify", result="told")
            yield Agent(station)


PATIENT = {"writers that stop in the middle of a frame", "people who say nothing"}
"""Ten seconds each; in CI the same is shown to a door with less patience (tests/integration/test_person_socket.py)."""


@pytest.mark.parametrize(
    "what", [pytest.param(name, marks=[pytest.mark.slow] if name in PATIENT else []) for name in ABUSE]
)
def test_others_are_answered_and_the_agent_grows_by_nothing_after(agent: Agent, what: str) -> None:
    with person(lambda: None, lambda: {"came": str(ABUSE[what](agent.path))}) as rude:
        assert rude.act() == {"came": "None"}
    assert agent.answers() and agent.station.is_alive
    after = agent.size()
    print(f"PSS {agent.before:.1f} MB before, {after:.1f} MB after")
    assert after - agent.before < MORE_MB


def test_others_are_answered_while_somebody_holds_all_they_can(agent: Agent) -> None:
    ends: list[socket.socket] = []

    def come() -> None:
        ends.extend(_connected(agent.path) for _ in range(500))

    with person(come, lambda: {"held": str(len(ends))}) as rude:
        assert agent.answers()
        rude.act()


_SERVING: list[socket.socket] = []


def _serve(path: Path) -> None:
    _SERVING.append(socket.socket(socket.AF_UNIX))
    _SERVING[-1].bind(str(path))
    _SERVING[-1].listen()


IN_THE_WAY: dict[str, Callable[[Path], object]] = {
    "a file": lambda path: path.write_text("x"),
    "a link to another file": lambda path: path.symlink_to("/etc/passwd"),
    "a socket that somebody else serves": _serve,
}


@pytest.mark.slow
@pytest.mark.parametrize("what", IN_THE_WAY)
def test_the_agent_takes_its_place_from(tmp_path: Path, what: str) -> None:
    passwd = Path("/etc/passwd").read_bytes()
    with Workstation(tmp_path, gate="off") as station:
        station.state.mkdir(mode=0o755)
        IN_THE_WAY[what](station.state / SOCKET)
        station.publish("notify")
        station.start()
        station.wait_for(event="look")
        assert Agent(station).answers()
    while _SERVING:
        _SERVING.pop().close()
    assert Path("/etc/passwd").read_bytes() == passwd
