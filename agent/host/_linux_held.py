"""A process that is held by a pidfd: whether it lives, its end, and the end of what it keeps others waiting with."""

from __future__ import annotations

import contextlib
import errno
import os
import select
import signal
import sys

from agent.errors import Denied, Gone
from agent.host import _linux_fanotify

assert sys.platform == "linux"


class HeldProcess:
    """Signals go to this process or nowhere. `close` it."""

    def __init__(self, pid: int, pidfd: int) -> None:
        self.pid = pid
        self._pidfd = pidfd

    @classmethod
    def by_number(cls, pid: int) -> HeldProcess:
        """Holds a process by its number.

        Raises:
            Gone: there is none.
            Denied: no descriptor is left for it.
        """
        try:
            return cls(pid, os.pidfd_open(pid))
        except OSError as error:
            if error.errno in (errno.ESRCH, errno.EINVAL):
                raise Gone(f"process {pid} has ended") from error
            raise Denied(f"process {pid} cannot be held: {error.strerror}") from error

    def ended(self) -> bool:
        """Whether it has ended."""
        poll = select.poll()
        poll.register(self._pidfd, select.POLLIN)
        return bool(poll.poll(0))

    def kill(self) -> None:
        """Ends it; nothing happens when it has ended.

        Raises:
            Denied: it may not be ended by this user.
        """
        try:
            signal.pidfd_send_signal(self._pidfd, signal.SIGKILL)
        except ProcessLookupError:
            return
        except PermissionError as error:
            raise Denied(f"process {self.pid} may not be ended by this user") from error

    def take_over(self) -> int:
        """Lets everything start that waits for this process's permission groups; how many groups there were.

        Raises:
            Gone, Denied: as `_linux_fanotify.take_over`.
        """
        return _linux_fanotify.take_over(self.pid, self._pidfd)

    def close(self) -> None:
        """Lets go of it; what is left of an ended child of ours is taken away."""
        if self._pidfd >= 0:
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
            os.close(self._pidfd)
            self._pidfd = -1
