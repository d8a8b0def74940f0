"""How a thread that is in no hurry leaves processor and disk to everybody else. One door for the three systems.

What a system refuses is left out: the work is done all the same, only less politely. Linux: a nice value of the thread
alone, and the idle class for its reads, which some schedulers heed. macOS: the background quality of service, which
covers both. Windows: the background mode of a thread, for as long as it lasts.
"""

from __future__ import annotations

import contextlib
import ctypes
import os
import platform
import sys
import threading
import time
from collections.abc import Callable, Iterator

NICE = 10
PIECE = 0.05
"""Seconds: the longest that a pause goes without asking whether to stop."""
_LEAST = 0.001
_IOPRIO_SET = {"x86_64": 251, "aarch64": 30, "riscv64": 30, "ppc64le": 273, "s390x": 282, "i686": 289, "armv7l": 314}
_WHO_THREAD, _CLASS_SHIFT, _BEST_EFFORT, _IDLE = 1, 13, 2, 3
_LOWEST = 7
_QOS_BACKGROUND = 0x09
_BACKGROUND_BEGIN, _BACKGROUND_END = 0x00010000, 0x00020000


def lower_priority() -> bool:
    """From now on the calling thread gives way to others on the processor. False if the system does not let it."""
    if sys.platform == "linux":
        try:
            os.setpriority(os.PRIO_PROCESS, threading.get_native_id(), NICE)
        except OSError:
            return False
        return True
    if sys.platform == "darwin":
        with contextlib.suppress(OSError, AttributeError):
            return int(ctypes.CDLL(None).pthread_set_qos_class_self_np(_QOS_BACKGROUND, 0)) == 0
    return False


@contextlib.contextmanager
def idle_disk() -> Iterator[bool]:
    """Inside, the calling thread reads only when nobody else wants the disk. Yields False where that cannot be had."""
    begun = _set_disk(idle=True)
    try:
        yield begun
    finally:
        if begun:
            _set_disk(idle=False)


def _set_disk(idle: bool) -> bool:
    if sys.platform == "linux":
        number = _IOPRIO_SET.get(platform.machine())
        wanted = _IDLE << _CLASS_SHIFT if idle else (_BEST_EFFORT << _CLASS_SHIFT) | _LOWEST
        return number is not None and ctypes.CDLL(None).syscall(number, _WHO_THREAD, 0, wanted) == 0
    if sys.platform == "win32":
        kernel = ctypes.WinDLL("kernel32")
        kernel.GetCurrentThread.restype = ctypes.c_void_p
        kernel.SetThreadPriority.argtypes = (ctypes.c_void_p, ctypes.c_int)
        mode = _BACKGROUND_BEGIN if idle else _BACKGROUND_END
        return bool(kernel.SetThreadPriority(kernel.GetCurrentThread(), mode))
    return False  # macOS: the quality of service covers the disk too


class Budget:
    """A share of one processor over time, for the thread that calls `pause`.

    Time of the processor that was not used is saved up to `burst` seconds, so that what is short is not slowed down.
    """

    def __init__(
        self,
        share: float,
        burst: float,
        *,
        used: Callable[[], float] = time.thread_time,
        monotonic: Callable[[], float] = time.monotonic,
        every: int = 16,
    ) -> None:
        """`share` of a processor, above 0; `used` is the thread's processor time; one call in `every` is looked at."""
        self._share, self._burst, self._every = share, burst, every
        self._used, self._monotonic = used, monotonic
        self._saved = burst
        self._at = monotonic()
        self._spent_at: float | None = None
        self._calls = 0
        self.paused = 0.0
        """Seconds that the thread has waited so far."""

    def pause(self, wait: Callable[[float], bool]) -> None:
        """Waits while more was used than is due. `wait` sleeps for at most so many seconds; True: stop at once."""
        self._calls += 1
        if self._calls % self._every:
            return
        self._settle()
        while self._saved < 0:
            piece = min(PIECE, max(_LEAST, -self._saved / self._share))
            self.paused += piece
            if wait(piece):
                return
            self._settle()

    def _settle(self) -> None:
        now, spent = self._monotonic(), self._used()
        if self._spent_at is not None:
            due = self._share * (now - self._at)
            self._saved = min(self._burst, self._saved + due - (spent - self._spent_at))
        self._at, self._spent_at = now, spent
