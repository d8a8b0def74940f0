"""A local socket that keeps messages apart (SOCK_SEQPACKET), with bounds and with a look at who is on the other end.

Nobody waits on it: reading and writing answer at once. Who connects is asked of the kernel, never of the message.
"""

from __future__ import annotations

import contextlib
import errno
import os
import socket
import struct
import sys
from collections.abc import Iterable
from typing import NamedTuple

from agent.errors import Denied, StateBroken

assert sys.platform == "linux"

_SO_PEERPIDFD = 77
"""Linux 6.5; before it a descriptor is opened by number."""
_CREDENTIALS = struct.Struct("3i")
_DESCRIPTOR = struct.Struct("i")
_LONGEST_PATH = 107
_BACKLOG = 8


class Peer(NamedTuple):
    """Who connected, as the kernel says."""

    pid: int
    uid: int
    gid: int


class Connection:
    """One end of a connection. Not for several threads at once."""

    def __init__(self, end: socket.socket, most: int) -> None:
        self._end = end
        self._most = most
        end.setblocking(False)
        self.peer = Peer(*_CREDENTIALS.unpack(end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)))

    def fileno(self) -> int:
        """For `poll`."""
        return self._end.fileno()

    def hold_peer(self) -> int:
        """A pidfd of the other end.

        Raises:
            Denied: it has ended, or the kernel has none to give.
        """
        try:
            data = self._end.getsockopt(socket.SOL_SOCKET, _SO_PEERPIDFD, _DESCRIPTOR.size)
            return int(_DESCRIPTOR.unpack(data)[0])
        except OSError as error:
            if error.errno not in (errno.ENOPROTOOPT, errno.EINVAL):
                raise Denied(f"process {self.peer.pid} cannot be held: {error.strerror}") from error
        try:
            return os.pidfd_open(self.peer.pid)
        except OSError as error:
            raise Denied(f"process {self.peer.pid} cannot be held: {error.strerror}") from error

    def receive(self) -> bytes | None:
        """The next message; None when there is none now.

        Raises:
            EOFError: the other end is gone, or sent more than is taken.
        """
        try:
            data, _, flags, _ = self._end.recvmsg(self._most)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            raise EOFError(str(error)) from error
        if not data or flags & socket.MSG_TRUNC:
            raise EOFError("too long a message" if data else "")
        return data

    def send(self, data: bytes) -> bool:
        """Sends one message; False when the other end does not take it now."""
        try:
            self._end.send(data, socket.MSG_NOSIGNAL)
        except OSError:
            return False
        return True

    def close(self) -> None:
        """Ends the connection."""
        self._end.close()


class Listener:
    """A socket in the filesystem that only certain users may connect to."""

    def __init__(self, path: str, *, allowed: Iterable[int], owner: int, most: int) -> None:
        """Replaces whatever was left at `path`. `owner` may connect, and root; `most` is the longest message.

        Raises:
            StateBroken: it cannot be made there.
        """
        if len(os.fsencode(path)) > _LONGEST_PATH:
            raise StateBroken(f"{path}: too long for a socket", "Set state_dir to a shorter path.")
        self._path, self._allowed, self._most = path, frozenset(allowed), most
        self._socket = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            self._socket.bind(path)
            os.chmod(path, 0o600)
            if owner != os.geteuid():
                os.chown(path, owner, -1)
            self._socket.listen(_BACKLOG)
            self._socket.setblocking(False)
        except OSError as error:
            self._socket.close()
            raise StateBroken(f"{path}: {error.strerror or error}") from error

    def fileno(self) -> int:
        """For `poll`."""
        return self._socket.fileno()

    def accept(self) -> Connection | None:
        """Who waits to be let in; None when there is nobody, or somebody who may not.

        Raises:
            Denied: no descriptor or memory is left; whoever waits goes on waiting.
        """
        try:
            end, _ = self._socket.accept()
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM, errno.ENOBUFS):
                raise Denied(f"nobody can be let in: {error.strerror}") from error
            return None  # gone again
        connection = Connection(end, self._most)
        if connection.peer.uid in self._allowed:
            return connection
        connection.close()
        return None

    def close(self) -> None:
        """Ends listening; the name goes too."""
        self._socket.close()
        with contextlib.suppress(OSError):
            os.unlink(self._path)
