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
        self._groups: list[int] = []

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

    def fileno(self) -> int:
        """For `poll`: readable when it has ended."""
        return self._pidfd

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

    def hold_groups(self) -> int:
        """Takes hold of its permission groups, as they are now, beside it; how many there are.

        Raises:
            Gone, Denied: as `_linux_fanotify.fetch_groups`.
        """
        before, self._groups = self._groups, _linux_fanotify.fetch_groups(self.pid, self._pidfd)
        _linux_fanotify.let_go(before, wait=0.0)
        return len(self._groups)

    def take_over(self) -> int:
        """Lets everything start that waits for its groups, while it hangs in the kernel; how many groups there are."""
        _linux_fanotify.release(self._groups)
        return len(self._groups)

    def close(self) -> None:
        """Lets go of it and of its groups; what is left of an ended child of ours is taken away."""
        groups, self._groups = self._groups, []
        _linux_fanotify.let_go(groups)
        if self._pidfd >= 0:
            with contextlib.suppress(ChildProcessError):
                os.waitid(os.P_PIDFD, self._pidfd, os.WEXITED | os.WNOHANG)
            os.close(self._pidfd)
            self._pidfd = -1
