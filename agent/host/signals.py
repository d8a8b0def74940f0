"""Ending processes at the door: a signal reaches the process that was meant, or nothing.

On Linux a process is held by a pidfd, which never leads to another process; its start time is read after the pidfd
was opened, so pid, start time and pidfd are one. Elsewhere (and before Linux 5.3) the start time is read again right
before each signal: the window left is some microseconds, and the pid would have to be used again within it.
"""

from __future__ import annotations

import errno
import os
import select
import signal
import sys
import time
from types import TracebackType
from typing import Protocol, Self

from agent.errors import Denied, Gone
from agent.host.processes import same_start, start_of


class Held(Protocol):
    """One process, held: signals go to it or nowhere."""

    def ask(self) -> None:
        """Asks it to end (SIGTERM; TerminateProcess on Windows, which knows no asking)."""

    def kill(self) -> None:
        """Ends it (SIGKILL)."""

    def ended(self, wait: float = 0.0) -> bool:
        """Whether it has ended; waits for at most so many seconds."""

    def close(self) -> None:
        """Lets go of it."""

    def __enter__(self) -> Self: ...
    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None: ...


class _Base:
    """What both ways to hold share."""

    def __init__(self, pid: int) -> None:
        self.pid = pid

    def ask(self) -> None:
        self._send(signal.SIGTERM)

    def kill(self) -> None:
        if sys.platform == "win32":
            self._send(signal.SIGTERM)
        else:
            self._send(signal.SIGKILL)

    def close(self) -> None:
        """Nothing to let go of."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def _send(self, number: int) -> None:
        try:
            self._signal(number)
        except ProcessLookupError as error:
            raise Gone(f"process {self.pid} has ended") from error
        except PermissionError as error:
            raise Denied(f"process {self.pid} may not be ended by this user") from error

    def _signal(self, number: int) -> None:
        raise NotImplementedError


class _ByNumber(_Base):
    """Held by pid and start time, read anew each time."""

    def __init__(self, pid: int, started: float) -> None:
        super().__init__(pid)
        self._started = started

    def ended(self, wait: float = 0.0) -> bool:
        until = time.monotonic() + wait
        while not self._gone():
            left = until - time.monotonic()
            if left <= 0:
                return False
            time.sleep(min(0.02, left))
        return True

    def _gone(self) -> bool:
        try:
            return not same_start(start_of(self.pid), self._started)
        except Gone:
            return True

    def _signal(self, number: int) -> None:
        if self._gone():
            raise ProcessLookupError(errno.ESRCH, os.strerror(errno.ESRCH))
        os.kill(self.pid, number)


if sys.platform == "linux":

    class _ByDescriptor(_Base):
        """Held by a pidfd."""

        def __init__(self, pid: int, descriptor: int) -> None:
            super().__init__(pid)
            self._descriptor = descriptor

        def ended(self, wait: float = 0.0) -> bool:
            poll = select.poll()
            poll.register(self._descriptor, select.POLLIN)
            return bool(poll.poll(wait * 1000))

        def close(self) -> None:
            if self._descriptor >= 0:
                os.close(self._descriptor)
                self._descriptor = -1

        def _signal(self, number: int) -> None:
            signal.pidfd_send_signal(self._descriptor, number)

    def _by_descriptor(pid: int, started: float) -> Held:
        try:
            return _ByDescriptor(pid, os.pidfd_open(pid))
        except OSError as error:
            if error.errno == errno.ENOSYS:
                return _ByNumber(pid, started)
            if error.errno in (errno.ESRCH, errno.EINVAL):
                raise Gone(f"process {pid} has ended") from error
            raise Denied(f"process {pid} cannot be held: {error.strerror}") from error


def hold(pid: int, started: float) -> Held:
    """Takes hold of the process with this pid and start time.

    Raises:
        Gone: it has ended; the pid may belong to somebody else by now.
        Denied: no descriptor is left for it.
    """
    held = _take(pid, started)
    try:
        if not same_start(start_of(pid), started):
            raise Gone(f"process {pid} has ended; its number is used by another one now")
    except BaseException:
        held.close()
        raise
    return held


def _take(pid: int, started: float) -> Held:
    if sys.platform == "linux":
        return _by_descriptor(pid, started)
    return _ByNumber(pid, started)
