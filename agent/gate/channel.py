"""The line to the daemon: it can be full, slow or gone, and the gate never waits for it."""

from __future__ import annotations

# ruff: noqa: E402 - the type checker of another system stops at the assertion
import contextlib
import fcntl
import os
import socket
import struct
import sys
import threading

assert sys.platform == "linux"

from agent.gate import messages
from agent.gate.messages import Command

_PEER = struct.Struct("=iII")


_SIOCOUTQ = 0x5411


class Channel:
    """A SOCK_SEQPACKET connection. Any thread sends; one connects and receives."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._lock = threading.Lock()
        self._socket: socket.socket | None = None
        self._room = 0
        self.daemon_pid = -1
        self.dropped = 0

    @property
    def connected(self) -> bool:
        """Whether there is a daemon at the other end."""
        return self._socket is not None

    def connect(self) -> bool:
        """Tries once, without waiting. Only root's (or our own) socket is spoken to."""
        if self._socket is not None or not self._path:
            return False
        made = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET | socket.SOCK_CLOEXEC | socket.SOCK_NONBLOCK)
        try:
            made.connect(self._path)
            peer = made.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _PEER.size)
            pid, uid, _ = _PEER.unpack(peer)
            if uid not in (0, os.geteuid()):
                raise PermissionError(uid)
        except OSError:
            made.close()
            return False
        self._room = made.getsockopt(socket.SOL_SOCKET, socket.SO_SNDBUF)
        with self._lock:
            self._socket, self.daemon_pid = made, pid
        return True

    def fileno(self) -> int:
        """To wait for a command; -1 when there is no connection."""
        connection = self._socket
        return -1 if connection is None else connection.fileno()

    def tell(self, message: bytes) -> bool:
        """Sends what users can cause as often as they like: only while half of the line is free.

        Otherwise whoever starts a banned program in a loop could fill it, the sign of life would not fit any more, and
        the daemon would take the gate for dead.
        """
        connection = self._socket
        if connection is None or _waiting(connection) > self._room // 2:
            self.dropped += 1
            return False
        return self.send(message)

    def send(self, message: bytes) -> bool:
        """Sends at once or not at all; what is not sent is counted."""
        connection = self._socket
        if connection is None or len(message) > messages.LIMIT:
            self.dropped += 1
            return False
        try:
            connection.send(message, socket.MSG_DONTWAIT | socket.MSG_NOSIGNAL)
        except OSError:
            # Full, or gone: whoever receives notices the second.
            self.dropped += 1
            return False
        return True

    def receive(self) -> Command | None:
        """The next command; None when there is none now. A connection that ended is closed."""
        connection = self._socket
        if connection is None:
            return None
        try:
            data = connection.recv(messages.LIMIT, socket.MSG_DONTWAIT)
        except BlockingIOError:
            return None
        except OSError:
            data = b""
        if not data:
            self.close()
            return None
        return messages.parse_command(data)

    def close(self) -> None:
        """Ends the connection; `connect` makes a new one."""
        with self._lock:
            connection, self._socket = self._socket, None
            self.daemon_pid = -1
        if connection is not None:
            with contextlib.suppress(OSError):
                connection.close()


def _waiting(connection: socket.socket) -> int:
    """Bytes (with what the kernel adds) that the daemon has not read yet."""
    try:
        answer = fcntl.ioctl(connection.fileno(), _SIOCOUTQ, bytes(4))
    except (OSError, ValueError):
        return 0
    return int.from_bytes(answer, sys.byteorder)
