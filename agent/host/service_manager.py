"""What the service manager is told (sd_notify(3)): ready, what we do, that we live, that we end. Nothing without one.

A datagram to the socket that `NOTIFY_SOCKET` names. It never waits: a manager that does not listen costs a message.
"""

from __future__ import annotations

import os
import socket
import sys
import time
from collections.abc import Mapping

_MOST = 1000


class ServiceManager:
    """The manager that started us, if it wants to hear. One thread calls it."""

    def __init__(self, environment: Mapping[str, str] = os.environ) -> None:
        self._address = environment.get("NOTIFY_SOCKET", "")
        self._every = _interval(environment, os.getpid())
        self._last = 0.0
        self._status = ""

    @property
    def patience(self) -> float:
        """Seconds until the next sign of life is due; a long time where nobody waits for one."""
        return max(0.0, self._last + self._every - time.monotonic()) if self._every else 3600.0

    def starting(self, seconds: int) -> None:
        """The start may take so many seconds more."""
        self._tell(f"EXTEND_TIMEOUT_USEC={seconds * 1_000_000}")

    def ready(self) -> None:
        """The start is over."""
        self._tell("READY=1")
        self.alive()

    def alive(self) -> None:
        """A sign of life, when one is due: called by the thread whose life it is."""
        if self._every and not self.patience:
            self._last = time.monotonic()
            self._tell("WATCHDOG=1")

    def status(self, sentence: str) -> None:
        """One sentence for whoever asks the manager; told when it is another than before."""
        if sentence != self._status:
            self._status = sentence
            self._tell(f"STATUS={' '.join(sentence.split())}")

    def stopping(self) -> None:
        """The end has begun."""
        self._tell("STOPPING=1")

    def _tell(self, text: str) -> None:
        if not self._address or sys.platform == "win32":
            return
        # An address that begins with @ lies in the abstract namespace of Linux.
        address = "\0" + self._address[1:] if self._address.startswith("@") else self._address
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as end:
            end.setblocking(False)
            try:
                end.sendto(text.encode("utf-8", "replace")[:_MOST], address)
            except OSError:
                return  # a manager that is busy or gone has not heard it


def _interval(environment: Mapping[str, str], pid: int) -> float:
    """Seconds between two signs of life, a third of what is waited for; 0 where nobody waits for ours."""
    meant = environment.get("WATCHDOG_PID", str(pid))
    wanted = environment.get("WATCHDOG_USEC", "")
    if meant != str(pid) or not (wanted.isascii() and wanted.isdigit()):
        return 0.0
    return int(wanted) / 3_000_000
