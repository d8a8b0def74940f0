"""Named pipes behind the people's door: the same frames, bounds and answers as over the local socket.

On every system over pipes made of sockets; on Windows over the real ones too.
"""

from __future__ import annotations

import contextlib
import importlib
import queue
import socket
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Protocol

import pytest

from agent.host import pipe_bridge
from agent.host.person_socket import Listener, PersonConnection
from agent.host.pipe_bridge import BridgedListener, account_number
from agent.ipc import people
from agent.ipc.people import PeopleDoor, PersonSaid
from policy_schema.messages import local

LI, WANG = "S-1-5-21-1-2-3-1001", "S-1-5-21-1-2-3-1002"


class Client(Protocol):
    """A person's end of a pipe."""

    def read(self, most: int, within: float | None = None) -> bytes: ...
    def write(self, data: bytes) -> None: ...
    def close(self) -> None: ...


class SocketPipe:
    """A pipe as Windows has them: reading and writing wait; who it is is known after the first bytes."""

    def __init__(self, end: socket.socket, sid: str) -> None:
        self._end, self._sid, self._was_read = end, sid, False

    def read(self, most: int, within: float | None = None) -> bytes:
        self._end.settimeout(within)
        try:
            data = self._end.recv(most)
        except OSError:
            return b""
        self._was_read = True
        return data

    def write(self, data: bytes) -> None:
        self._end.sendall(data)

    def person(self) -> str:
        if not self._was_read:
            raise OSError(1368, "ERROR_CANNOT_IMPERSONATE")
        return self._sid

    def close(self) -> None:
        with contextlib.suppress(OSError):
            self._end.shutdown(socket.SHUT_RDWR)
        self._end.close()


class SocketPipes:
    """A name at which such pipes are opened."""

    def __init__(self) -> None:
        self._came: queue.Queue[SocketPipe | OSError | None] = queue.Queue()
        self._ends: list[SocketPipe] = []

    def accept(self) -> SocketPipe:
        came = self._came.get()
        if came is None:
            raise EOFError
        if isinstance(came, OSError):
            raise came
        return came

    def close(self) -> None:
        self._came.put(None)
        for end in self._ends:
            end.close()

    def open(self, sid: str = LI) -> SocketPipe:
        """A person's side."""
        ours, theirs = socket.socketpair()
        self._came.put(SocketPipe(theirs, sid))
        self._ends += [SocketPipe(ours, ""), SocketPipe(theirs, "")]
        return self._ends[-2]

    def refuse(self) -> None:
        """The system refuses once, as where somebody has gone before they were let in."""
        self._came.put(OSError(232, "ERROR_NO_DATA"))


class Door:
    """The people's door over pipes."""

    def __init__(self, listener: Listener, open_pipe: Callable[[], Client]) -> None:
        self.open = open_pipe
        self.heard: queue.Queue[PersonSaid] = queue.Queue()
        self.stop = threading.Event()
        self.door = PeopleDoor(listen=lambda: listener, say=self.heard.put, version="1")
        self.thread = threading.Thread(target=self.door.run, args=(self.stop,))
        self.thread.start()

    def close(self) -> None:
        self.stop.set()
        self.door._wake()
        self.thread.join(20)
        self.door.close()


def _real(folder: Path) -> tuple[Listener, Callable[[], Client]]:
    real = importlib.import_module("agent.host._windows_pipe")
    path = str(folder / "person.sock")
    return BridgedListener(real.WindowsPipes(path)), lambda: real.open_pipe(path)


def _made(folder: Path) -> tuple[Listener, Callable[[], Client]]:
    pipes = SocketPipes()
    return BridgedListener(pipes), pipes.open


KINDS = [pytest.param(_made, id="made of sockets")]
if sys.platform == "win32":
    KINDS.append(pytest.param(_real, id="of Windows"))


@pytest.fixture(params=KINDS)
def door(request: pytest.FixtureRequest, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setattr(people, "PATIENCE", 0.3)
    one = Door(*request.param(tmp_path))
    yield one
    one.close()


def _say(pipe: Client, *messages: local.FromPerson) -> None:
    pipe.write(b"".join(map(local.pack, messages)))


def _hear(pipe: Client) -> local.FromDaemon:
    frames = local.Frames()
    while data := pipe.read(65536, 20.0):
        if bodies := frames.feed(data):
            return local.read_from_daemon(bodies[0])
    raise EOFError


def test_a_wish_comes_with_an_account_and_is_answered(door: Door) -> None:
    with contextlib.closing(door.open()) as pipe:
        _say(pipe, local.Hello(what="command"), local.AskException(ban="claude-code"))
        assert isinstance(_hear(pipe), local.Ready)
        said = next(one for one in iter(door.heard.get, None) if isinstance(one.message, local.AskException))
        said.reply(local.Answer(ok=True, text="written down"))
        assert _hear(pipe) == local.Answer(ok=True, text="written down")


RUDE = {
    "garbage": b"\x00\x00\x00\x05abcde",
    "a frame of four gigabytes": b"\xff\xff\xff\xff",
    "half a frame": local.pack(local.Hello(what="command"))[:-1],
    "another version": local.pack(local.Hello(v=99, what="command")),
    "a wish without a greeting": local.pack(local.Later(ban="b")),
}


@pytest.mark.parametrize("what", RUDE)
def test_who_has_bad_manners_is_shown_out_and_others_are_served(door: Door, what: str) -> None:
    with contextlib.closing(door.open()) as rude:
        rude.write(RUDE[what])
        assert rude.read(65536, 20.0) == b""
    with contextlib.closing(door.open()) as pipe:
        _say(pipe, local.Hello(what="command"))
        assert isinstance(_hear(pipe), local.Ready)


def test_one_that_never_reads_is_shown_out(door: Door) -> None:
    with contextlib.closing(door.open()) as pipe:
        _say(pipe, local.Hello(what="notifier"))
        who = door.heard.get(timeout=20).uid
        notice = local.Notice(id=f"{who}-big", title="t", body="x" * 4000)
        while door.door.present():
            door.door.show(who, notice, patience=0)


def test_two_people_are_two_and_each_gets_their_own() -> None:
    pipes = SocketPipes()
    door = Door(BridgedListener(pipes), pipes.open)
    try:
        guests = {sid: pipes.open(sid) for sid in (LI, WANG)}
        for pipe in guests.values():
            _say(pipe, local.Hello(what="notifier"))
            assert isinstance(_hear(pipe), local.Ready)
        assert door.door.present() == {account_number(LI), account_number(WANG)}
        notice = local.Notice(id=f"{account_number(WANG)}-1", title="theirs", body="b")
        assert not door.door.show(account_number(WANG), notice, patience=0)
        assert _hear(guests[WANG]) == notice
        assert guests[LI].read(65536, 0.2) == b""
    finally:
        door.close()


def test_who_says_nothing_is_shown_out_and_takes_no_room() -> None:
    pipes = SocketPipes()
    listener = BridgedListener(pipes, first_within=0.1)
    try:
        silent = [pipes.open() for _ in range(pipe_bridge.MOST_PIPES + 20)]
        assert {pipe.read(1, 20.0) for pipe in silent} == {b""}
        pipes.refuse()
        _say(pipes.open(), local.Hello(what="command"))
        connection = _let_in(listener)
        assert connection.uid == account_number(LI)
        connection.close()
    finally:
        listener.close()


def _let_in(listener: BridgedListener) -> PersonConnection:
    while (connection := listener.accept()) is None:
        threading.Event().wait(0.01)
    return connection


def test_the_system_is_nought_and_people_have_numbers_of_their_own() -> None:
    assert account_number("S-1-5-18") == 0
    numbers = {account_number(f"S-1-5-21-1-2-3-{rid}") for rid in range(500, 2500)}
    assert len(numbers) == 2000 and min(numbers) >= 1 << 30 and max(numbers) < 1 << 31
    assert account_number("s-1-5-21-1-2-3-500") in numbers
