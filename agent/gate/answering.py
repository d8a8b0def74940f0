"""The answering thread: reads every question, answers what the table knows, hands on the rest.

It never reads a file and never waits for anything but questions.

Its sign of life each second is what the daemon's supervision believes, and nothing else: the length of a queue is in
every user's hand.
"""

from __future__ import annotations

# ruff: noqa: E402 - the type checker of another system stops at the assertion
import os
import select
import sys
import threading
import time
from collections import deque
from collections.abc import Callable

assert sys.platform == "linux"

from agent.gate import messages, process
from agent.gate.channel import Channel
from agent.gate.clock import Wall
from agent.gate.epoch import Epoch
from agent.gate.examine import Examiner
from agent.gate.fanotify import ALLOW, NO_FD, Event, Group
from agent.gate.messages import Trouble
from agent.gate.questions import PATIENCE, Question, Questions
from agent.gate.table import NOTHING, Known, file_key
from agent.gate.workers import Judge, is_late

BEAT = 1.0
SPARE_DESCRIPTORS = 256
"""Kept free: without a descriptor for the next question's file the kernel would answer it with no."""
_INIT = 1


class Answering:
    """The thread and what it waits for."""

    def __init__(
        self,
        *,
        questions: Questions,
        judge: Judge,
        channel: Channel,
        examiner: Examiner,
        wall: Wall,
        descriptors: int,
        failed: Callable[[BaseException], None],
    ) -> None:
        self._questions = questions
        self._judge = judge
        self._channel = channel
        self._examiner = examiner
        self._wall = wall
        self._most = max(64, descriptors - SPARE_DESCRIPTORS)
        self._failed = failed
        self._waiting: deque[Question] = deque()
        self._doors: dict[int, tuple[Epoch, Group]] = {}
        """By the descriptor of its group."""
        self._poll = select.poll()
        self._wake_read, self._wake_write = os.pipe2(os.O_CLOEXEC | os.O_NONBLOCK)
        self._poll.register(self._wake_read, select.POLLIN)
        self._requests: deque[Callable[[], None]] = deque()
        self._stopping = False
        self._beats = 0
        self._beat_due = 0.0
        self._last_trouble: dict[Trouble, float] = {}
        self._own_pid = os.getpid()
        self._thread = threading.Thread(target=self._run, name="gate-answers", daemon=True)

    def start(self) -> None:
        """Begins."""
        self._thread.start()

    def add(self, epoch: Epoch) -> None:
        """From when this returns, the epoch's questions are answered. Not before it is marked."""
        self._request(lambda: self._add(epoch))

    def drain(self, epoch: Epoch) -> None:
        """Reads what was still asked in an epoch without marks; from when this returns, all of it is handed on."""
        self._request(lambda: self._drop(epoch))

    def stop(self) -> None:
        """Ends the thread."""
        self._request(self._end)
        self._thread.join()

    def _request(self, work: Callable[[], None]) -> None:
        done = threading.Event()

        def run() -> None:
            work()
            done.set()

        self._requests.append(run)
        os.write(self._wake_write, b"!")
        done.wait()

    def _run(self) -> None:
        try:
            while not self._stopping:
                for fd, _ in self._poll.poll(self._patience()):
                    self._serve(fd)
                moment = time.monotonic()
                self._answer_late(moment)
                self._beat(moment)
        except BaseException as error:
            # Without this thread every start would hang: the gate ends, the kernel lets all go on, and is begun anew.
            self._failed(error)

    def _patience(self) -> float:
        due = self._beat_due
        if self._waiting:
            due = min(due, self._waiting[0].asked + PATIENCE)
        return max(0.0, (due - time.monotonic()) * 1000 + 0.5)

    def _serve(self, fd: int) -> None:
        if fd == self._wake_read:
            os.read(fd, 4096)
            while self._requests:
                self._requests.popleft()()
            return
        door = self._doors.get(fd)
        if door is not None:
            self._take(*door)

    def _take(self, epoch: Epoch, group: Group) -> bool:
        """Reads one bundle of questions; whether there was any."""
        try:
            events = group.read()
        except OSError:
            self._complain(Trouble.DESCRIPTORS, process.UNKNOWN_UID)
            return False
        for event in events:
            if event.fd != NO_FD:
                self._consider(epoch, group, event)
        return bool(events)

    def _consider(self, epoch: Epoch, group: Group, event: Event) -> None:
        handed_on = False
        try:
            handed_on = not self._answered_at_once(epoch, group, event) and self._hand_on(epoch, group, event)
        except Exception:
            group.answer(event.fd, ALLOW)
            self._complain(Trouble.INTERNAL, process.uid_of(event.pid))
        finally:
            if not handed_on:
                os.close(event.fd)

    def _answered_at_once(self, epoch: Epoch, group: Group, event: Event) -> bool:
        fd, pid = event.fd, event.pid
        if pid == self._own_pid or pid == self._channel.daemon_pid or pid == _INIT:
            group.answer(fd, ALLOW)
            return True
        if group is epoch.entries:
            return False
        status = os.fstat(fd)
        path = epoch.names.path_of(fd)
        known = epoch.table.get(file_key(status, path))
        if known is NOTHING or self._examiner.is_protected(epoch, fd, status):
            group.answer(fd, ALLOW)
            return True
        if known is not None:
            return self._judged_again(epoch, event, status, path, known)
        if not self._examiner.glance(epoch, fd, status, path):
            return False
        group.answer(fd, ALLOW)
        return True

    def _judged_again(self, epoch: Epoch, event: Event, status: os.stat_result, path: str, known: Known) -> bool:
        """A recognised file: the rules are asked anew, and whether its path still leads to it."""
        try:
            with epoch.names.around(path, status, cached=True) as where:
                place = self._examiner.place(epoch, path if where else "", status)
        except OSError:
            return False
        uid = process.uid_of(event.pid)
        epoch.begin()
        self._judge.answer(Question(epoch, epoch.starts, event.fd, event.pid, uid, time.monotonic()), known, place)
        return True

    def _hand_on(self, epoch: Epoch, group: Group, event: Event) -> bool:
        uid = process.uid_of(event.pid)
        question = Question(epoch, group, event.fd, event.pid, uid, time.monotonic())
        epoch.begin()
        if self._questions.held < self._most and self._questions.put(question):
            self._waiting.append(question)
            return True
        self._judge.allow(question)
        self._channel.tell(messages.allowed_late(event.pid, epoch.names.path_of(event.fd), uid))
        self._complain(Trouble.DESCRIPTORS, uid)
        return False

    def _answer_late(self, moment: float) -> None:
        waiting = self._waiting
        while waiting and (waiting[0].answered or is_late(waiting[0], moment)):
            question = waiting.popleft()
            # Its worker holds the descriptor until it is done with it; only the answer is given here.
            if not question.answered and self._judge.allow(question):
                path = question.epoch.names.path_of(question.fd)
                self._channel.tell(messages.allowed_late(question.pid, path, question.uid))

    def _beat(self, moment: float) -> None:
        if moment >= self._beat_due:
            self._beat_due = moment + BEAT
            self._beats += 1
            self._channel.send(messages.beat(self._beats))

    def _complain(self, code: Trouble, uid: int) -> None:
        """Tells of trouble, once a second for each kind: a user can make it as often as they like."""
        moment = time.monotonic()
        if moment - self._last_trouble.get(code, -BEAT) >= BEAT:
            self._last_trouble[code] = moment
            self._channel.tell(messages.trouble(code, uid))

    def _add(self, epoch: Epoch) -> None:
        for group in (epoch.starts, epoch.entries):
            self._doors[group.fd] = (epoch, group)
            self._poll.register(group.fd, select.POLLIN)

    def _drop(self, epoch: Epoch) -> None:
        for group in (epoch.starts, epoch.entries):
            while self._take(epoch, group):
                pass
            self._poll.unregister(group.fd)
            del self._doors[group.fd]

    def _end(self) -> None:
        self._stopping = True
