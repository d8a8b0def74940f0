"""Keeps the gate alive and listens to it: a thread of the daemon, which never reads a file and never waits for anybody.

While a gate does not answer the kernel, starts all over the machine wait. So this thread opens nothing that lies under
the gate's marks, and what it hears goes on to the inbox, which never waits either. What is due when stands in
`agent.ipc.gate_life`; here it is done.
"""

from __future__ import annotations

import contextlib
import os
import select
import sys
import threading
import time
from collections.abc import Callable
from typing import Protocol

from agent.errors import Denied, Gone, InterdictError
from agent.host import _linux_held as held
from agent.host import _linux_packets as packets
from agent.ipc import gate_life as lives
from agent.ipc.gate_events import GateCame, GateEnded, GateEvent, GateState
from agent.ipc.gate_messages import (
    AllowedLate,
    Beat,
    GateMessage,
    Hello,
    OrdersTaken,
    Refused,
    Trouble,
    read_message,
    read_orders_again,
    stop,
)
from agent.ipc.refusals import Tally

assert sys.platform == "linux"

_MOST_CONNECTIONS = 4
_MOST_AT_ONCE = 256
"""Messages of one connection that are read before others have their turn."""
_RECENT = 10.0
"""Seconds for which trouble is taken for the cause of an end."""
_FOR_EARLIER = 5.0
"""Seconds that a gate of an earlier daemon has to connect."""
_FAREWELL = 1.0


class Program(Protocol):
    """A gate that we started ourselves (`agent.host.child.Service`)."""

    pid: int

    def ended(self) -> int | None:
        """How it ended, None while it runs."""

    def complaint(self) -> str:
        """Its last words."""

    def close(self) -> None:
        """Lets go of it."""


class GateKeeper:
    """One keeper for one gate."""

    def __init__(
        self,
        *,
        listen: Callable[[], packets.Listener],
        start: Callable[[], Program] | None,
        earlier: Callable[[], held.HeldProcess | None],
        note: Callable[[int], None],
        say: Callable[[GateEvent], None],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        """`start` is None where a service manager starts the gate; `earlier` holds one that a former daemon started;
        `note` remembers the pid of a new one; `say` hands on what is heard and returns at once."""
        self._listen, self._start, self._earlier, self._note = listen, start, earlier, note
        self._say, self._clock = say, clock
        self._life = lives.Life()
        self._tally = Tally()
        self._connections: dict[int, packets.Connection] = {}
        self._current: packets.Connection | None = None
        self._held: held.HeldProcess | None = None
        self._program: Program | None = None
        self._why = ("", "")
        self._groups = 0
        self._trouble = (-_RECENT, -1)
        self._features, self._in_force, self._problem = "", 0, ""
        self._wanted = 0
        self._told = 0
        self._deaf_until = 0.0
        self._leave = False
        self._wake = os.eventfd(0, os.EFD_CLOEXEC | os.EFD_NONBLOCK)

    # What others call

    def orders(self, serial: int) -> None:
        """Other orders lie there: the gate is told. Any thread."""
        self._wanted = serial
        self._ring()

    def leave(self) -> None:
        """The gate goes on when this keeper ends: another one follows at once. Any thread."""
        self._leave = True

    def state(self) -> GateState:
        """How the gate is now. Any thread."""
        life = self._life
        return GateState(
            life.stage.value, self._features, self._in_force, self._problem, life.deaths, self._tally.total
        )

    def close(self) -> None:
        """Lets go of everything; after `run` has returned."""
        if self._wake >= 0:
            os.close(self._wake)
            self._wake = -1

    # The thread

    def run(self, ends: threading.Event) -> None:
        """The thread's body. `interrupt` lets it see sooner that `ends` is set."""
        listener = self._listen()
        try:
            self._expect()
            while not ends.is_set():
                self._turn(listener)
            self._farewell()
        finally:
            self._let_go()
            listener.close()

    def _expect(self) -> None:
        now = self._clock()
        self._held = self._earlier()
        self._life = lives.expected(self._life, now, _FOR_EARLIER if self._held is not None else 0.0)

    def _turn(self, listener: packets.Listener) -> None:
        now = self._clock()
        starts = self._start is not None and self._wanted > 0
        for fd in self._ready(listener, lives.wait(self._life, now, starts=starts), now):
            if fd == listener.fileno():
                self._let_in(listener)
            elif fd == self._wake:
                with contextlib.suppress(BlockingIOError):
                    os.eventfd_read(self._wake)
            elif fd in self._connections:
                self._hear(self._connections[fd])
        self._tell_orders()
        now = self._clock()
        for refusals in self._tally.due(now):
            self._say(refusals)
        if self._held is not None and self._life.stage is not lives.Stage.ABSENT and self._held.ended():
            self._ended(now)
        self._life, act = lives.due(self._life, now, starts=starts)
        if act is not None:
            self._do(act, now)

    def _ready(self, listener: packets.Listener, wait: float, now: float) -> list[int]:
        poll = select.poll()
        if now >= self._deaf_until:
            poll.register(listener.fileno(), select.POLLIN)
        alive = self._held is not None and self._life.stage is not lives.Stage.ABSENT
        held_by = (self._held.fileno(),) if alive and self._held is not None else ()
        for fd in (self._wake, *self._connections, *held_by):
            poll.register(fd, select.POLLIN)
        return [fd for fd, _ in poll.poll(wait * 1000)]

    def _ring(self) -> None:
        with contextlib.suppress(OSError):
            os.eventfd_write(self._wake, 1)

    # Acts

    def _do(self, act: lives.Act, now: float) -> None:
        match act:
            case lives.Act.START:
                self._start_one(now)
            case lives.Act.KILL:
                self._why = ("silent", "it gave no sign of life")
                self._kill()
            case lives.Act.TAKE_OVER:
                self._take_over(now)

    def _start_one(self, now: float) -> None:
        assert self._start is not None
        if self._held is not None:
            # One of a former daemon that did not come: two of them would each have to allow every start.
            self._kill()
            self._drop_held()
        try:
            self._program = self._start()
            self._held = held.HeldProcess.by_number(self._program.pid)
        except InterdictError as error:
            self._problem = str(error)
            self._life = lives.ended(lives.started(self._life, now), now)
            self._say(GateEnded("not-started", str(error)[:200], -1, 0, 0.0))
            return
        self._note(self._program.pid)
        self._life = lives.started(self._life, now)

    def _kill(self) -> None:
        if self._held is None:
            return
        try:
            self._held.kill()
        except Denied as error:
            self._problem = str(error)

    def _take_over(self, now: float) -> None:
        """It was killed and is still there: it hangs in the kernel, and its groups with it."""
        if self._held is None:
            self._ended(now)
            return
        self._groups += self._held.take_over()
        # Nothing waits for it any more: another one may begin, whenever this one comes to its end.
        self._ended(now)

    def _ended(self, now: float) -> None:
        lived = now - self._life.began
        why, detail = self._why
        if not why:
            why, detail = "crashed", "it ended by itself"
        if self._program is not None and self._program.ended() is not None:
            detail = f"{detail} ({self._program.ended()}): {self._program.complaint()}"
        at, uid = self._trouble
        self._life = lives.ended(self._life, now)
        self._problem = f"the gate ended: {detail}"
        self._say(GateEnded(why, detail[:300], uid if now - at < _RECENT else -1, self._groups, max(0.0, lived)))
        self._why, self._groups, self._features = ("", ""), 0, ""
        self._drop_held()
        if self._current is not None:
            self._drop(self._current)

    # Connections

    def _let_in(self, listener: packets.Listener) -> None:
        try:
            connection = listener.accept()
        except Denied as error:
            self._problem, self._deaf_until = str(error), self._clock() + 1.0
            return
        if connection is None:
            return
        if len(self._connections) >= _MOST_CONNECTIONS:
            idle = next((one for one in self._connections.values() if one is not self._current), None)
            if idle is not None:
                self._drop(idle)
        self._connections[connection.fileno()] = connection

    def _hear(self, connection: packets.Connection) -> None:
        try:
            for _ in range(_MOST_AT_ONCE):
                data = connection.receive()
                if data is None:
                    return
                with contextlib.suppress(ValueError):
                    # What is no message is passed over: a gate of another version, or a path that nobody thought of.
                    self._take(connection, read_message(data))
        except EOFError:
            self._drop(connection)

    def _take(self, connection: packets.Connection, message: GateMessage) -> None:
        now = self._clock()
        if isinstance(message, Hello):
            self._greet(connection, message, now)
            return
        if connection is not self._current:
            return  # one that was replaced, or never said who it is
        match message:
            case Beat():
                self._life = lives.heard(self._life, now)
            case Refused():
                told = self._tally.add(message, now)
                if told is not None:
                    self._say(told)
            case OrdersTaken():
                self._in_force = message.serial if message.ok else self._in_force
                self._problem = "" if message.ok else f"the gate did not take its orders: {message.why}"
                self._hold_groups()
                self._say(message)
            case Trouble():
                self._trouble = (now, message.uid)
                self._say(message)
            case AllowedLate():
                self._say(message)

    def _greet(self, connection: packets.Connection, hello: Hello, now: float) -> None:
        """A gate says that it is there: from now on it is the gate."""
        try:
            process = held.HeldProcess(connection.peer.pid, connection.hold_peer())
        except Denied as error:
            self._problem = str(error)
            return
        if self._held is not None and self._held.pid != process.pid and self._life.stage is not lives.Stage.ABSENT:
            # Its service manager was faster than our look at the one before.
            self._ended(now)
        if self._current is not None and self._current is not connection:
            self._drop(self._current)
        self._hold(process)
        self._current = connection
        self._life = lives.heard(self._life, now)
        self._features, self._in_force, self._problem = hello.features, hello.serial, ""
        self._told = hello.serial
        self._hold_groups()
        self._say(GateCame(connection.peer.pid, hello.features))
        if hello.serial:
            self._say(OrdersTaken(serial=hello.serial, ok=True))

    def _hold_groups(self) -> None:
        """Other orders mean other groups. They are held from now on: when the gate ends it is too late."""
        if self._held is None:
            return
        try:
            self._held.hold_groups()
        except (Denied, Gone) as error:
            self._problem = str(error)

    def _tell_orders(self) -> None:
        if self._current is None or self._told == self._wanted or not self._wanted:
            return
        if self._current.send(read_orders_again(self._wanted)):
            self._told = self._wanted

    def _drop(self, connection: packets.Connection) -> None:
        self._connections.pop(connection.fileno(), None)
        connection.close()
        if connection is self._current:
            self._current = None

    def _hold(self, process: held.HeldProcess) -> None:
        if self._held is not None:
            self._held.close()
        self._held = process

    def _drop_held(self) -> None:
        if self._held is not None:
            self._held.close()
            self._held = None
        if self._program is not None:
            self._program.ended()
            self._program.close()
            self._program = None

    # The end

    def _farewell(self) -> None:
        """The agent ends: a gate that we started ends too, unless another keeper follows."""
        if self._leave or self._start is None or self._held is None:
            return
        if self._current is not None:
            self._current.send(stop())
        until = self._clock() + _FAREWELL
        while not self._held.ended() and self._clock() < until:
            select.poll().poll(20)
        self._kill()

    def _let_go(self) -> None:
        for connection in list(self._connections.values()):
            self._drop(connection)
        self._drop_held()
