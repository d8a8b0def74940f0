"""The local socket on which the daemon listens to people's programs, and the other end of it.

Everybody on the machine may connect; who did is asked of the kernel. Nobody waits on anybody: reading and writing
answer at once. Whoever connects looks first whose socket it is: one in a folder that others may write, or served by
another account, is not the agent's. On Windows named pipes do the same (`agent.host.pipe_bridge`).
"""

from __future__ import annotations

import contextlib
import os
import socket
import stat
import struct
import sys
import threading
from collections.abc import Callable, Iterator
from typing import Protocol

from agent.errors import Denied, Gone, StateBroken
from agent.host.users import own_uid

NAME = "person.sock"
_LONGEST_PATH = 103
"""The shortest of the systems' bounds (macOS), the closing zero not counted."""
_BACKLOG = 64
_CREDENTIALS = struct.Struct("3i")
_TIMEVAL = struct.Struct("ll")
_CONNECT_WITHIN = 5
"""Seconds."""
_XUCRED = struct.Struct("IIh")
_LOCAL_PEERCRED = 1
"""Of macOS, `<sys/un.h>`; its level there is 0."""


class PersonConnection:
    """One end of a connection. Not for several threads at once."""

    def __init__(self, end: socket.socket, uid: int) -> None:
        self._end = end
        self.uid = uid
        """Who is at the other end, as the kernel says."""
        end.setblocking(False)

    def fileno(self) -> int:
        """For a selector."""
        return self._end.fileno()

    def receive(self, most: int = 65536) -> bytes | None:
        """What has come; None when nothing has.

        Raises:
            EOFError: the other end is gone.
        """
        try:
            data = self._end.recv(most)
        except (BlockingIOError, InterruptedError):
            return None
        except OSError as error:
            raise EOFError(str(error)) from error
        if not data:
            raise EOFError
        return data

    def send(self, data: bytes) -> int:
        """How many bytes the other end takes now.

        Raises:
            EOFError: it is gone.
        """
        try:
            return self._end.send(data)
        except (BlockingIOError, InterruptedError):
            return 0
        except OSError as error:
            raise EOFError(str(error)) from error

    def detach(self) -> socket.socket:
        """The socket itself, for an event loop; this object is done with it."""
        return self._end

    def close(self) -> None:
        """Ends the connection."""
        self._end.close()


class PersonListener:
    """The daemon's side: a socket in its own folder that everybody may connect to."""

    def __init__(self, path: str) -> None:
        """Replaces whatever was left at `path`, whose folder nobody else may write.

        Raises:
            StateBroken: it cannot be made there.
        """
        self._path = path
        self._socket = _new()
        try:
            with contextlib.suppress(FileNotFoundError):
                os.unlink(path)
            with _address(path) as address:
                self._socket.bind(address)
            # Whoever connects is known by the kernel's word, and asks for their own.
            os.chmod(path, 0o666)
            self._socket.listen(_BACKLOG)
            self._socket.setblocking(False)
        except OSError as error:
            self._socket.close()
            raise StateBroken(f"{path}: {error.strerror or error}") from error

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    def accept(self) -> PersonConnection | None:
        """Who waits to be let in; None when there is nobody.

        Raises:
            Denied: no descriptor or memory is left; whoever waits goes on waiting.
        """
        try:
            end, _ = self._socket.accept()
        except (BlockingIOError, InterruptedError, ConnectionAbortedError):
            return None
        except OSError as error:
            raise Denied(f"nobody can be let in: {error.strerror}") from error
        try:
            return PersonConnection(end, _peer(end))
        except OSError:
            end.close()
            return None

    def close(self) -> None:
        """Ends listening; the name goes too."""
        self._socket.close()
        with contextlib.suppress(OSError):
            os.unlink(self._path)


class Listener(Protocol):
    """The daemon's side, whatever lies beneath."""

    def fileno(self) -> int:
        """For a selector."""
        ...

    def accept(self) -> PersonConnection | None:
        """Who waits to be let in; None when there is nobody. Raises Denied."""
        ...

    def close(self) -> None:
        """Ends listening."""
        ...


def listen(path: str) -> Listener:
    """Listens at `path`, or on Windows at a name made of it.

    Raises:
        StateBroken: it cannot be made there.
    """
    if sys.platform == "win32":
        from agent.host._windows_pipe import WindowsPipes
        from agent.host.pipe_bridge import BridgedListener

        return BridgedListener(WindowsPipes(path))
    return PersonListener(path)


def connect(path: str, *, believe: Callable[[int], bool] = lambda uid: uid in (0, own_uid())) -> PersonConnection:
    """A person's side: connects to the daemon. `believe` says whose word is the agent's.

    Raises:
        Gone: nobody listens there.
        Denied: whoever listens there is not the agent, or could have been put there by somebody else.
    """
    if sys.platform == "win32":
        from agent.host._windows_pipe import open_pipe
        from agent.host.pipe_bridge import carry

        pipe = open_pipe(path)
        ours, theirs = socket.socketpair()
        threading.Thread(target=carry, args=(pipe, theirs), name="pipe", daemon=True).start()
        return PersonConnection(ours, 0)
    folder = os.path.dirname(path)
    end = _new()
    try:
        status = os.stat(folder)
        if not believe(status.st_uid) or status.st_mode & (stat.S_IWGRP | stat.S_IWOTH):
            raise Denied(f"{folder}: others may write there", "Its owner must be root, and nobody else may write it.")
        # With a timeout of Python's, a crowd at the door would be an error at once instead of a short wait.
        end.setsockopt(socket.SOL_SOCKET, socket.SO_SNDTIMEO, _TIMEVAL.pack(_CONNECT_WITHIN, 0))
        with _address(path) as address:
            end.connect(address)
        who = _peer(end)
    except (FileNotFoundError, ConnectionRefusedError, NotADirectoryError) as error:
        end.close()
        raise Gone(f"{path}: no agent listens there", "Is it running? `interdict doctor` tells.") from error
    except OSError as error:
        end.close()
        raise Denied(f"{path}: {error.strerror or error}") from error
    except Denied:
        end.close()
        raise
    if not believe(who):
        end.close()
        raise Denied(f"{path}: account {who} listens there, not the agent's", "Tell your administrator.")
    return PersonConnection(end, who)


@contextlib.contextmanager
def _address(path: str) -> Iterator[str]:
    """The path as a socket's address; one that is too long for that by way of its folder, where the system can.

    Raises:
        StateBroken: it is too long, and the system has no other way.
    """
    if len(os.fsencode(path)) <= _LONGEST_PATH:
        yield path
        return
    if sys.platform != "linux":
        raise StateBroken(f"{path}: too long for a socket", "Set state_dir to a shorter path.")
    folder = os.open(os.path.dirname(path), os.O_PATH | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        yield f"/proc/self/fd/{folder}/{os.path.basename(path)}"
    finally:
        os.close(folder)


def _new() -> socket.socket:
    """A socket of this kind."""
    if sys.platform == "win32":
        raise StateBroken("this system has pipes instead", "Use `listen` and `connect`.")
    return socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)


def _peer(end: socket.socket) -> int:
    """The account at the other end (unix(7) SO_PEERCRED; macOS LOCAL_PEERCRED, of when it connected or listened)."""
    if sys.platform == "linux":
        data = end.getsockopt(socket.SOL_SOCKET, socket.SO_PEERCRED, _CREDENTIALS.size)
        return int(_CREDENTIALS.unpack(data)[1])
    data = end.getsockopt(0, _LOCAL_PEERCRED, 128)
    return int(_XUCRED.unpack_from(data)[1])
