"""Questions that wait for a worker: queues bound for each uid, in turns, so that one person delays only themselves."""

from __future__ import annotations

# ruff: noqa: E402 - the type checker of another system stops at the assertion
import sys
import threading
from collections import deque

assert sys.platform == "linux"

from agent.gate.epoch import Epoch
from agent.gate.fanotify import Group

PATIENCE = 1.5
"""Seconds after which a question is answered with yes and the watcher told."""
BOUND = 256
"""Questions of one uid that wait at most; the next is answered at once, with yes, and the watcher told."""


class Question:
    """One start (or opening) that waits for its answer; answered once, by whoever claims it first."""

    __slots__ = ("_unclaimed", "asked", "epoch", "fd", "group", "pid", "uid")

    def __init__(self, epoch: Epoch, group: Group, fd: int, pid: int, uid: int, asked: float) -> None:
        self.epoch, self.group = epoch, group
        self.fd, self.pid, self.uid = fd, pid, uid
        self.asked = asked
        """Monotonic seconds."""
        self._unclaimed = [True]

    @property
    def is_entry(self) -> bool:
        """Whether an entry file is opened; otherwise a program starts."""
        return self.group is self.epoch.entries

    @property
    def answered(self) -> bool:
        """Whether somebody has claimed it."""
        return not self._unclaimed

    def claim(self) -> bool:
        """True for the first who asks, in any thread: they must answer."""
        try:
            self._unclaimed.pop()
        except IndexError:
            return False
        return True


class Questions:
    """What waits, by uid. Each uid has at most one worker at a time while others wait."""

    def __init__(self, bound: int = BOUND) -> None:
        self._bound = bound
        self._lock = threading.Lock()
        self._some = threading.Condition(self._lock)
        self._queues: dict[int, deque[Question]] = {}
        self._turns: deque[int] = deque()
        """Uids that have something waiting and no worker."""
        self._closed = False
        self.held = 0
        """How many are here or with a worker: each holds an open descriptor."""

    def put(self, question: Question) -> bool:
        """Takes a question in; False when its uid has too many waiting."""
        with self._lock:
            queue = self._queues.get(question.uid)
            if queue is None:
                self._queues[question.uid] = deque((question,))
                self._turns.append(question.uid)
                self._some.notify()
                self.held += 1
                return True
            if len(queue) >= self._bound:
                return False
            queue.append(question)
            self.held += 1
            return True

    def take(self) -> Question | None:
        """The next question, waiting for one; None when it is over. `finished` must follow."""
        with self._lock:
            while not self._turns:
                if self._closed:
                    return None
                self._some.wait()
            return self._queues[self._turns.popleft()].popleft()

    def finished(self, uid: int) -> None:
        """The worker of this uid's question is free: the uid goes to the end of the line."""
        with self._lock:
            self.held -= 1
            if self._queues[uid]:
                self._turns.append(uid)
                self._some.notify()
            else:
                del self._queues[uid]

    def close(self) -> None:
        """Lets workers end once nothing waits."""
        with self._lock:
            self._closed = True
            self._some.notify_all()
