"""Listens to the people at the machine: to their notifiers, where notices go, and to their commands.

A thread of the daemon. Anybody may connect, so everything is bounded: connections in all and of one account, the length
of a message, how fast they come, how long a begun one may take, what waits to be sent. Who breaks a bound loses that
connection; nobody else notices. What is heard goes into the inbox with the account that the kernel names; the door
itself decides nothing.
"""

from __future__ import annotations

import contextlib
import selectors
import socket
import threading
import time
from collections.abc import Callable
from typing import NamedTuple

from agent.errors import Denied
from agent.host.person_socket import Listener, PersonConnection
from policy_schema.messages import local
from policy_schema.messages.local import FrameRefused, Frames, FromDaemon, FromPerson

MOST_CONNECTIONS = 128
MOST_OF_ONE = 8
"""Connections of one account."""
MOST_WAITING = 256 * 1024
"""Bytes that wait for one that does not read."""
BURST, A_SECOND = 40, 10.0
"""Messages of one account: so many at once, then so many a second."""
PATIENCE = 10.0
"""Seconds for `hello`, and for the rest of a message that has begun."""
SHOWN_WITHIN = 6.0
"""Seconds until a notice that no notifier has shown is tried elsewhere."""
_PAUSE_AFTER_DENIED = 1.0


class PersonSaid(NamedTuple):
    """Something a person's program said."""

    uid: int
    message: FromPerson
    reply: Callable[[FromDaemon], None]
    """Answers on the same connection; from any thread."""


class _Guest:
    """One connection."""

    def __init__(self, connection: PersonConnection, now: float) -> None:
        self.connection = connection
        self.frames = Frames()
        self.waiting = bytearray()
        self.what = ""
        self.since = now
        """Since when `hello`, or the rest of a message, is waited for."""


class _Budget(NamedTuple):
    """What one account may still say."""

    left: float
    at: float


class _Wait:
    """A notice that somebody waits for."""

    def __init__(self) -> None:
        self.ended = threading.Event()
        self.shown = False
        self.kept = False
        self.asked = 0


class PeopleDoor:
    """One door for everybody. `show`, `withdraw`, `present` and replies come from any thread; all else is its own."""

    def __init__(
        self,
        *,
        listen: Callable[[], Listener],
        say: Callable[[PersonSaid], None],
        version: str,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._listen, self._say, self._version, self._clock = listen, say, version, clock
        self._lock = threading.Lock()
        self._guests: dict[int, _Guest] = {}
        self._budgets: dict[int, _Budget] = {}
        self._waits: dict[str, _Wait] = {}
        self._orders: list[tuple[int, _Guest | None, FromDaemon]] = []
        self._ring, self._heard = socket.socketpair()
        self._ring.setblocking(False)
        self._heard.setblocking(False)
        self._deaf_until = 0.0

    # What others call

    def show(self, uid: int, notice: local.Notice, patience: float = SHOWN_WITHIN) -> local.Came:
        """Hands a notice to a person's notifiers and waits until one shows it, or all have said that they did not."""
        with self._lock:
            there = sum(1 for guest in self._guests.values() if self._is_notifier(guest, uid))
            if not there:
                return local.Came.NOT
            wait = self._waits[notice.id] = _Wait()
            wait.asked = there
            self._orders.append((uid, None, notice))
        self._wake()
        wait.ended.wait(patience)
        with self._lock:
            self._waits.pop(notice.id, None)
        if wait.shown:
            return local.Came.SHOWN
        return local.Came.KEPT if wait.kept else local.Came.NOT

    def withdraw(self, uid: int, notice: str) -> None:
        """Takes a notice off a person's screens."""
        with self._lock:
            self._orders.append((uid, None, local.Withdraw(id=notice)))
        self._wake()

    def present(self) -> frozenset[int]:
        """Whose notifiers are connected."""
        with self._lock:
            return frozenset(g.connection.uid for g in self._guests.values() if g.what == "notifier")

    # The thread

    def run(self, stop: threading.Event) -> None:
        """Listens until the event is set."""
        listener = self._listen()
        with contextlib.closing(listener), selectors.DefaultSelector() as selector:
            selector.register(listener, selectors.EVENT_READ, None)
            selector.register(self._heard, selectors.EVENT_READ, None)
            try:
                while not stop.is_set():
                    self._turn(selector, listener)
            finally:
                for guest in list(self._guests.values()):
                    self._drop(selector, guest)

    def close(self) -> None:
        """Lets go of everything; after `run` has returned for good."""
        self._ring.close()
        self._heard.close()

    def _turn(self, selector: selectors.BaseSelector, listener: Listener) -> None:
        for key, _ in selector.select(1.0):
            if key.fileobj is listener:
                self._let_in(selector, listener)
            elif key.fileobj is self._heard:
                with contextlib.suppress(OSError):
                    self._heard.recv(4096)
            elif isinstance(key.data, _Guest):
                self._serve(selector, key.data)
        self._carry(selector)
        self._impatient(selector)
        if self._deaf_until and self._clock() >= self._deaf_until:
            self._deaf_until = 0.0
            selector.register(listener, selectors.EVENT_READ, None)

    def _let_in(self, selector: selectors.BaseSelector, listener: Listener) -> None:
        now = self._clock()
        try:
            connection = listener.accept()
        except Denied:
            # Whoever waits would wake us without end.
            selector.unregister(listener)
            self._deaf_until = now + _PAUSE_AFTER_DENIED
            return
        if connection is None:
            return
        of_one = sum(1 for guest in self._guests.values() if guest.connection.uid == connection.uid)
        if of_one >= MOST_OF_ONE or len(self._guests) >= MOST_CONNECTIONS:
            connection.close()
            return
        guest = _Guest(connection, now)
        with self._lock:
            self._guests[connection.fileno()] = guest
        selector.register(connection, selectors.EVENT_READ, guest)

    def _serve(self, selector: selectors.BaseSelector, guest: _Guest) -> None:
        try:
            if guest.waiting:
                self._write(selector, guest)
            data = guest.connection.receive(local.MOST_BYTES)
            if data is None:
                return
            whole = guest.frames.feed(data)
            for body in whole:
                self._take(guest, local.read_from_person(body))
        except (EOFError, FrameRefused):
            self._drop(selector, guest)
            return
        if guest.what and not guest.frames.begun:
            guest.since = 0.0
        elif whole or not guest.since:
            guest.since = self._clock()

    def _take(self, guest: _Guest, message: FromPerson) -> None:
        uid = guest.connection.uid
        if not self._affords(uid):
            raise FrameRefused("too many messages")
        match message:
            case local.Hello(v=version, what=what):
                if version != local.VERSION or what not in ("notifier", "command"):
                    raise FrameRefused(f"version {version} of {what}")
                with self._lock:
                    guest.what = what
                self._queue(guest, local.Ready(agent=self._version))
            case _ if not guest.what:
                raise FrameRefused("no hello")
            case local.Shown():
                self._shown(uid, message)
            case _:
                pass
        self._say(PersonSaid(uid, message, lambda answer: self._answer(guest, answer)))

    def _shown(self, uid: int, said: local.Shown) -> None:
        """Ids of notices name their person, so nobody can say it for somebody else."""
        with self._lock:
            wait = self._waits.get(said.notice)
            if wait is None or not said.notice.startswith(f"{uid}-"):
                return
            wait.asked -= 1
            wait.shown = wait.shown or said.ok
            wait.kept = wait.kept or said.kept
            if wait.shown or wait.asked <= 0:
                wait.ended.set()

    def _affords(self, uid: int) -> bool:
        now = self._clock()
        budget = self._budgets.get(uid, _Budget(BURST, now))
        left = min(BURST, budget.left + (now - budget.at) * A_SECOND) - 1
        if len(self._budgets) > 4 * MOST_CONNECTIONS:
            self._budgets.clear()
        self._budgets[uid] = _Budget(max(left, 0.0), now)
        return left >= 0

    def _answer(self, guest: _Guest, message: FromDaemon) -> None:
        with self._lock:
            self._orders.append((guest.connection.uid, guest, message))
        self._wake()

    def _carry(self, selector: selectors.BaseSelector) -> None:
        """Sends what others have left here."""
        with self._lock:
            orders, self._orders = self._orders, []
            guests = list(self._guests.values())
        for uid, only, message in orders:
            for guest in guests:
                if guest is only or (only is None and self._is_notifier(guest, uid)):
                    self._queue(guest, message)
        for guest in guests:
            if guest.waiting:
                try:
                    self._write(selector, guest)
                except EOFError:
                    self._drop(selector, guest)

    def _queue(self, guest: _Guest, message: FromDaemon) -> None:
        guest.waiting += local.pack(message)

    def _write(self, selector: selectors.BaseSelector, guest: _Guest) -> None:
        del guest.waiting[: guest.connection.send(bytes(guest.waiting))]
        if len(guest.waiting) > MOST_WAITING:
            raise EOFError("it does not read")
        wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if guest.waiting else 0)
        with contextlib.suppress(KeyError, ValueError):
            selector.modify(guest.connection, wanted, guest)

    def _impatient(self, selector: selectors.BaseSelector) -> None:
        now = self._clock()
        for guest in list(self._guests.values()):
            if guest.since and now - guest.since > PATIENCE:
                self._drop(selector, guest)

    def _drop(self, selector: selectors.BaseSelector, guest: _Guest) -> None:
        fd = guest.connection.fileno()
        with self._lock:
            if self._guests.get(fd) is not guest:
                return
            del self._guests[fd]
            for notice, wait in self._waits.items():
                if guest.what == "notifier" and notice.startswith(f"{guest.connection.uid}-"):
                    wait.asked -= 1
                    if wait.asked <= 0:
                        wait.ended.set()
        with contextlib.suppress(KeyError, ValueError):
            selector.unregister(guest.connection)
        guest.connection.close()

    def _is_notifier(self, guest: _Guest, uid: int) -> bool:
        return guest.what == "notifier" and guest.connection.uid == uid

    def _wake(self) -> None:
        with contextlib.suppress(OSError):
            self._ring.send(b"!")
