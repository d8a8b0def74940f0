"""The socket of the people at the machine, for real: who is who, and what bad manners can do to others."""

from __future__ import annotations

import contextlib
import os
import socket
import struct
import tempfile
import threading
from collections.abc import Iterator
from pathlib import Path
from queue import Queue

import psutil
import pytest

from agent.errors import Denied, Gone
from agent.host.person_socket import NAME, PersonListener, connect
from agent.ipc import people
from agent.ipc.people import PeopleDoor, PersonSaid
from policy_schema.messages import local
from tests.fakes.other_person import UID, person

NOTICE = local.Notice(id=f"{os.geteuid()}-1", title="Claude Code", body="may not be used")


_OPEN: list[socket.socket] = []
"""Closed after each test."""


def _connected(path: str) -> socket.socket:
    end = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    _OPEN.append(end)
    end.connect(path)  # a crowd at the door is waited for
    end.settimeout(20)
    return end


class Door:
    """A running door and what it heard."""

    def __init__(self, folder: Path) -> None:
        self.path = str(folder / NAME)
        self.heard: Queue[PersonSaid] = Queue()
        self.stop = threading.Event()
        self.ready = threading.Event()
        self.door = PeopleDoor(listen=self._listen, say=self.heard.put, version="1")
        self.thread = threading.Thread(target=self.door.run, args=(self.stop,), daemon=True)
        self.thread.start()
        assert self.ready.wait(10)

    def _listen(self) -> PersonListener:
        listener = PersonListener(self.path)
        self.ready.set()
        return listener


class Guest:
    """A program of a person, written by hand."""

    def __init__(self, path: str, what: str = "notifier") -> None:
        self.end = _connected(path)
        self.frames = local.Frames()
        self.bodies: list[bytes] = []
        if what:
            self.say(local.Hello(what=what))
            assert isinstance(self.hear(), local.Ready)

    def say(self, message: local.FromPerson) -> None:
        self.end.sendall(local.pack(message))

    def hear(self) -> local.FromDaemon:
        while not self.bodies:
            data = self.end.recv(65536)
            if not data:
                raise EOFError
            self.bodies += self.frames.feed(data)
        return local.read_from_daemon(self.bodies.pop(0))

    def is_shown_out(self) -> bool:
        """Whether the door ends the connection."""
        with contextlib.suppress(ConnectionResetError):
            while self.end.recv(65536):
                pass
        return True


@pytest.fixture
def folder() -> Iterator[Path]:
    """One that other accounts may enter; pytest's own is closed to them."""
    with tempfile.TemporaryDirectory() as name:
        os.chmod(name, 0o755)
        yield Path(name)


@pytest.fixture
def door(folder: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Door]:
    monkeypatch.setattr(people, "PATIENCE", 0.3)
    one = Door(folder)
    yield one
    one.stop.set()
    one.door._wake()
    one.thread.join(10)
    one.door.close()
    while _OPEN:
        _OPEN.pop().close()


def test_a_notice_is_shown_when_a_notifier_says_so(door: Door) -> None:
    guest = Guest(door.path)
    shown: list[local.Came] = []
    asking = threading.Thread(target=lambda: shown.append(door.door.show(os.geteuid(), NOTICE)))
    asking.start()
    assert guest.hear() == NOTICE
    guest.say(local.Shown(notice=NOTICE.id))
    asking.join(20)
    assert shown == [local.Came.SHOWN]
    assert door.door.present() == {os.geteuid()}


CANNOT_SHOW = {
    "its notification service refuses": lambda guest: guest.say(local.Shown(notice=NOTICE.id, ok=False)),
    "it ends": lambda guest: guest.end.close(),
    "it speaks of another notice, and then ends": lambda guest: (
        guest.say(local.Shown(notice="other")),
        guest.end.close(),
    ),
}


@pytest.mark.parametrize("what", CANNOT_SHOW)
def test_a_notice_was_not_shown_where(door: Door, what: str) -> None:
    guest = Guest(door.path)
    shown: list[local.Came] = []
    asking = threading.Thread(target=lambda: shown.append(door.door.show(os.geteuid(), NOTICE, patience=20)))
    asking.start()
    guest.hear()
    CANNOT_SHOW[what](guest)
    asking.join(20)
    assert shown == [local.Came.NOT]


def test_without_a_notifier_nobody_waits(door: Door) -> None:
    Guest(door.path, "command")
    assert not door.door.show(os.geteuid(), NOTICE, patience=60)


def test_a_wish_comes_with_the_account_that_the_kernel_names_and_is_answered_there(door: Door) -> None:
    guest, other = Guest(door.path, "command"), Guest(door.path, "command")
    guest.say(local.AskException(ban="claude-code", reason="a customer needs it"))
    said = next(said for said in iter(lambda: door.heard.get(timeout=20), None) if not _is_hello(said))
    assert (said.uid, said.message) == (
        os.geteuid(),
        local.AskException(ban="claude-code", reason="a customer needs it"),
    )
    said.reply(local.Answer(ok=True, text="Your administrators have it."))
    assert guest.hear() == local.Answer(ok=True, text="Your administrators have it.")
    other.end.settimeout(0.2)
    with pytest.raises(TimeoutError):
        other.hear()


def _is_hello(said: PersonSaid) -> bool:
    return isinstance(said.message, local.Hello)


@pytest.mark.root
def test_another_person_gets_only_their_own_notices_and_speaks_for_themselves(door: Door) -> None:
    guests: list[Guest] = []

    def come() -> None:
        guests.append(Guest(door.path))
        guests[0].say(local.Later(ban="b"))
        guests[0].say(local.Shown(notice=NOTICE.id))

    def read() -> dict[str, str]:
        heard = guests[0].hear()
        assert isinstance(heard, local.Notice)
        guests[0].say(local.Shown(notice=heard.id))
        return {"title": heard.title}

    with person(come, read) as other:
        said = next(said for said in iter(lambda: door.heard.get(timeout=20), None) if not _is_hello(said))
        assert said.uid == UID
        assert not door.door.show(os.geteuid(), NOTICE, patience=0.5)
        shown: list[local.Came] = []
        theirs = local.Notice(id=f"{UID}-1", title="theirs", body="b")
        asking = threading.Thread(target=lambda: shown.append(door.door.show(UID, theirs, patience=20)))
        asking.start()
        assert other.act() == {"title": "theirs"}
        asking.join(20)
        assert shown == [local.Came.SHOWN]


BAD_MANNERS = {
    "garbage": lambda guest: guest.end.sendall(b"\x00\x00\x00\x05abcde"),
    "a web browser's greeting": lambda guest: guest.end.sendall(b"GET / HTTP/1.1\r\n\r\n"),
    "a frame of four gigabytes": lambda guest: guest.end.sendall(b"\xff\xff\xff\xff"),
    "an empty frame": lambda guest: guest.end.sendall(b"\x00\x00\x00\x00"),
    "JSON nested without end": lambda guest: guest.end.sendall(struct.pack("!I", 60_000) + b"[" * 60_000),
    "a message of the daemon's": lambda guest: guest.end.sendall(local.pack(local.Withdraw(id="x"))),
    "another version": lambda guest: guest.say(local.Hello(v=2, what="notifier")),
    "something that is neither notifier nor command": lambda guest: guest.say(local.Hello(what="daemon")),
    "a reason that is too long": lambda guest: guest.say(local.AskException(ban="b", reason="x" * 4001)),
    "a wish without a greeting": lambda guest: guest.say(local.Later(ban="b")),
    "a thousand messages at once": lambda guest: [guest.say(local.Hello(what="command")) for _ in range(1000)],
    "silence": lambda guest: None,
    "half a frame": lambda guest: guest.end.sendall(local.pack(local.Hello(what="command"))[:-1]),
}


@pytest.mark.parametrize("what", BAD_MANNERS)
def test_who_has_bad_manners_is_shown_out_and_others_are_served(door: Door, what: str) -> None:
    rude = Guest(door.path, "")
    with contextlib.suppress(BrokenPipeError, ConnectionResetError):
        BAD_MANNERS[what](rude)
    assert rude.is_shown_out()
    door.door._budgets.clear()  # the same account serves as the other person here
    Guest(door.path)


def test_one_that_never_reads_is_shown_out(door: Door, monkeypatch: pytest.MonkeyPatch) -> None:
    guest = Guest(door.path)
    notice = local.Notice(id=f"{os.geteuid()}-big", title="t", body="x" * 4000)
    for _ in range(400):
        door.door.show(os.geteuid(), notice, patience=0)
        if not door.door.present():
            break
    assert guest.is_shown_out()


def test_ten_thousand_connections_cost_no_memory_and_hold_up_nobody(door: Door) -> None:
    before = psutil.Process().memory_info().rss
    guests: list[socket.socket] = []
    for _ in range(10_000):
        end = _connected(door.path)
        guests.append(end)
        if len(guests) > 100:
            guests.pop(0).close()
            _OPEN.clear()
            _OPEN.extend(guests)
    assert len(door.door._guests) <= people.MOST_OF_ONE
    assert psutil.Process().memory_info().rss - before < 8 << 20
    for end in guests:
        end.close()
    door.door._budgets.clear()
    Guest(door.path)


def test_a_socket_in_a_folder_that_others_may_write_is_not_the_agents(door: Door, folder: Path) -> None:
    os.chmod(folder, 0o777)
    with pytest.raises(Denied, match="others may write"):
        connect(door.path)


def test_a_socket_that_another_account_serves_is_not_the_agents(door: Door) -> None:
    with pytest.raises(Denied, match=r"not the agent's|others may write"):
        connect(door.path, believe=lambda uid: False)


def test_where_nobody_listens_one_hears_so(tmp_path: Path) -> None:
    with pytest.raises(Gone, match="no agent listens"):
        connect(str(tmp_path / NAME))


def test_what_lies_in_its_place_is_replaced(tmp_path: Path) -> None:
    with contextlib.closing(PersonListener(str(tmp_path / NAME))):
        pass
    (tmp_path / NAME).write_text("left over", encoding="utf-8")
    with contextlib.closing(PersonListener(str(tmp_path / NAME))):
        connect(str(tmp_path / NAME)).close()
