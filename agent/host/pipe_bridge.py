"""Named pipes behind the interface of the local socket: what they carry is handed on through a pair of sockets.

Windows knows no descriptors of pipes that a selector could wait for, so each pipe has two threads that carry bytes
between it and one end of a pair; the other end goes to whoever would have had the local socket, and every bound on
frames, times and connections stays where it is. Who is at the other end can be asked once something was read from them
(ImpersonateNamedPipeClient), so nobody is let in before their first bytes, and who sends none is shown out.

Nothing here is Windows' own: `agent.host._windows_pipe` has the real pipes.
"""

from __future__ import annotations

import contextlib
import socket
import threading
from collections import deque
from hashlib import blake2b
from typing import Protocol

from agent.host.person_socket import PersonConnection

FIRST_WITHIN = 10.0
"""Seconds until somebody who connected must have said something."""
MOST_PIPES = 64
"""At the same time; each has two threads."""
_PIECE = 65536
_AFTER_REFUSED = 1.0
"""Seconds until it is tried again."""
_SYSTEM = "S-1-5-18"
_PEOPLE_FROM = 1 << 30


class Pipe(Protocol):
    """One connected pipe. Reading and writing wait; `close` ends both, from any thread, and may come twice."""

    def read(self, most: int, within: float | None = None) -> bytes:
        """What has come; nothing at the end, or when nothing came in time (seconds)."""
        ...

    def write(self, data: bytes) -> None:
        """All of it. Raises OSError when the other end is gone."""
        ...

    def person(self) -> str:
        """The security id (`S-1-5-…`) of who is at the other end. Raises OSError when the system does not say."""
        ...

    def close(self) -> None:
        """Ends it."""
        ...


class Pipes(Protocol):
    """A name at which pipes are opened."""

    def accept(self) -> Pipe:
        """The next one that somebody opened; waits.

        Raises:
            OSError: the system refuses, or who connected is gone; the next call may do.
            EOFError: it was closed.
        """
        ...

    def close(self) -> None:
        """Ends waiting; from any thread."""
        ...


def account_number(sid: str) -> int:
    """A number for an account where accounts have none: 0 for the system's own, as elsewhere root's."""
    if sid == _SYSTEM:
        return 0
    digest = blake2b(sid.upper().encode("utf-8", "replace"), digest_size=4).digest()
    return _PEOPLE_FROM | (int.from_bytes(digest, "big") & (_PEOPLE_FROM - 1))


class BridgedListener:
    """What `PersonListener` is, over pipes."""

    def __init__(self, pipes: Pipes, first_within: float = FIRST_WITHIN) -> None:
        self._pipes, self._first_within = pipes, first_within
        self._heard, self._ring = socket.socketpair()
        for end in (self._heard, self._ring):
            end.setblocking(False)
        self._lock = threading.Lock()
        self._waiting: deque[PersonConnection] = deque()
        self._open: set[Pipe] = set()
        self._closed, self._rest = False, threading.Event()
        threading.Thread(target=self._accept, name="pipes", daemon=True).start()

    def fileno(self) -> int:
        """For a selector."""
        return self._heard.fileno()

    def accept(self) -> PersonConnection | None:
        """Who waits to be let in; None when there is nobody."""
        with contextlib.suppress(OSError):
            self._heard.recv(1)
        with self._lock:
            return self._waiting.popleft() if self._waiting else None

    def close(self) -> None:
        """Ends listening; those who were let in stay until they are closed."""
        with self._lock:
            self._closed = True
            self._rest.set()
            waiting, self._waiting = list(self._waiting), deque()
        self._pipes.close()
        for connection in waiting:
            connection.close()
        self._heard.close()
        self._ring.close()

    def _accept(self) -> None:
        while not self._closed:
            try:
                pipe = self._pipes.accept()
            except EOFError:
                return
            except OSError:
                self._rest.wait(_AFTER_REFUSED)
                continue
            with self._lock:
                too_many = len(self._open) >= MOST_PIPES or self._closed
                if not too_many:
                    self._open.add(pipe)
            if too_many:
                pipe.close()
            else:
                threading.Thread(target=self._let_in, args=(pipe,), name="pipe", daemon=True).start()

    def _let_in(self, pipe: Pipe) -> None:
        """Waits for the first bytes, asks whose they are, and carries everything else."""
        try:
            first = pipe.read(_PIECE, self._first_within)
            who = account_number(pipe.person()) if first else -1
            if first:
                ours, theirs = socket.socketpair()
                with self._lock:
                    self._waiting.append(PersonConnection(ours, who))
                with contextlib.suppress(OSError):
                    self._ring.send(b"!")
                carry(pipe, theirs, first)
        except OSError:
            pass  # whoever connected is gone, or the system does not say who they are
        finally:
            pipe.close()
            with self._lock:
                self._open.discard(pipe)


def carry(pipe: Pipe, end: socket.socket, first: bytes = b"") -> None:
    """Carries bytes both ways until either side ends; then both are closed."""
    back = threading.Thread(target=_from_socket, args=(end, pipe), name="pipe-back", daemon=True)
    back.start()
    with contextlib.suppress(OSError):
        data = first or pipe.read(_PIECE)
        while data:
            end.sendall(data)
            data = pipe.read(_PIECE)
    with contextlib.suppress(OSError):
        end.shutdown(socket.SHUT_RDWR)
    pipe.close()
    back.join()
    end.close()


def _from_socket(end: socket.socket, pipe: Pipe) -> None:
    with contextlib.suppress(OSError):
        while data := end.recv(_PIECE):
            pipe.write(data)
    pipe.close()
