"""The workers: they look into files and at the openers of entry files, and give the answers that need it."""

from __future__ import annotations

# ruff: noqa: E402 - the type checker of another system stops at the assertion
import os
import sys
import threading
import time

assert sys.platform == "linux"

from agent.gate import messages, process
from agent.gate.channel import Channel
from agent.gate.clock import Wall, now
from agent.gate.examine import Examiner
from agent.gate.fanotify import ALLOW, DENY, OPEN_PERM
from agent.gate.interpreters import Family, Interpreters, readers_of
from agent.gate.messages import Trouble
from agent.gate.mounts import Mounts
from agent.gate.questions import PATIENCE, Question, Questions
from agent.gate.table import Known
from agent.gate.verdict import Place, Refusal, judge
from policy_schema.rules.binary import HEAD_SIZE

COUNT = 3
LEARN = 5.0
"""Seconds after which looking ends, although its answer was given long ago: the next start profits from its find."""


class Judge:
    """From what a file is to the answer, and the message that goes with it."""

    def __init__(self, channel: Channel, wall: Wall) -> None:
        self._channel = channel
        self._wall = wall

    def answer(self, question: Question, known: Known, place: Place) -> int:
        """Answers a question unless somebody else did. What was answered (or would have been)."""
        epoch, uid = question.epoch, question.uid
        refusal = judge(epoch.orders, known, place, uid, now(epoch.orders.floor, self._wall))
        if not question.claim():
            return ALLOW
        try:
            # Before the answer: a shell's child that was refused has ended, and is forgotten, a moment after it.
            tty = process.tty_of(question.pid) if refusal else 0
            question.group.answer(question.fd, DENY if refusal else ALLOW)
        finally:
            epoch.done()
        if refusal:
            self._tell(question, refusal, known, place, tty)
        return DENY if refusal else ALLOW

    def allow(self, question: Question) -> bool:
        """Answers with yes, if nobody answered yet."""
        if not question.claim():
            return False
        question.group.answer(question.fd, ALLOW)
        question.epoch.done()
        return True

    def _tell(self, question: Question, refusal: Refusal, known: Known, place: Place, tty: int) -> None:
        decision = refusal.decision
        try:
            status = os.fstat(question.fd)
            owner, file = status.st_uid, f"{status.st_size}.{status.st_mtime_ns}"
        except OSError:
            owner, file = -1, ""
        self._channel.tell(
            messages.refused(
                at=int(self._wall()),
                uid=question.uid,
                pid=question.pid,
                tty=tty,
                path=place.path or question.epoch.names.path_of(question.fd),
                tool=decision.identity.tool,
                ban=decision.ban,
                version=decision.identity.version,
                matches=[match.value for match in decision.identity.matches],
                by="entry" if question.is_entry else refusal.by,
                owner=owner,
                file=file,
            )
        )


class Workers:
    """A few threads."""

    def __init__(
        self,
        *,
        questions: Questions,
        examiner: Examiner,
        interpreters: Interpreters,
        judge: Judge,
        channel: Channel,
        mounts: Mounts,
        count: int = COUNT,
    ) -> None:
        self._questions = questions
        self._examiner = examiner
        self._interpreters = interpreters
        self._judge = judge
        self._channel = channel
        self._mounts = mounts
        self._threads = [threading.Thread(target=self._run, name=f"gate-{n}", daemon=True) for n in range(count)]

    def start(self) -> None:
        """Begins."""
        for thread in self._threads:
            thread.start()

    def stop(self, patience: float) -> None:
        """Waits until all questions are done with; not for a worker that a disk keeps."""
        self._questions.close()
        deadline = time.monotonic() + patience
        for thread in self._threads:
            thread.join(max(0.0, deadline - time.monotonic()))

    def _run(self) -> None:
        while (question := self._questions.take()) is not None:
            try:
                if not question.answered:
                    self._work(question)
            except Exception:
                # Whatever a hostile file made of us: this one starts, and it is told whose it was.
                if self._judge.allow(question):
                    self._channel.tell(messages.trouble(Trouble.INTERNAL, question.uid))
            finally:
                os.close(question.fd)
                self._questions.finished(question.uid)

    def _work(self, question: Question) -> None:
        if question.is_entry and not self._would_run(question):
            self._judge.allow(question)
            return

        def enough() -> bool:
            return time.monotonic() - question.asked > LEARN

        known, place = self._examiner.examine(question.epoch, question.fd, enough)
        if self._judge.answer(question, known, place) == DENY and not question.is_entry:
            self._guard_entry(question, place.path)

    def _would_run(self, question: Question) -> bool:
        """Whether the process that opens an entry file is an interpreter that could run it."""
        status = os.fstat(question.fd)
        readers = question.epoch.readers.get((status.st_dev, status.st_ino), frozenset(Family))
        return bool(readers & self._interpreters.of_process(question.pid, self._mounts.devices))

    def _guard_entry(self, question: Question, path: str) -> None:
        """A script that was refused at its own start is refused to interpreters from now on too."""
        head = os.pread(question.fd, HEAD_SIZE, 0)
        status = os.fstat(question.fd)
        key = (status.st_dev, status.st_ino)
        if key not in question.epoch.readers:
            question.epoch.readers[key] = readers_of(path, head)
            question.epoch.entries.mark_file(OPEN_PERM, question.fd)


def is_late(question: Question, moment: float) -> bool:
    """Whether a question has waited for too long."""
    return moment - question.asked >= PATIENCE
