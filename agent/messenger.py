"""Two threads that wait for others so that the deciding one never does: for the policy server and for the console."""

from __future__ import annotations

import queue
import random
import threading
from collections.abc import Callable
from typing import NamedTuple

from agent.console_link import ConsoleLink, Reply, next_in
from agent.device_key import DeviceKey, keep_key
from agent.errors import InterdictError
from agent.inbox import Answered, Enrolled, Inbox, Refreshed
from agent.policy.refresh import Adopted, Refresh
from agent.settings import Settings
from policy_schema.messages.enrol import DeviceFacts
from policy_schema.rules.instant import format_instant

_JITTER = 0.2
_SOON = 10.0
"""Seconds until the policy server is asked again by an agent that has no policy yet; twice as many each time more."""
_FINAL = frozenset({400, 403, 409, 410})
"""Answers to an enrolment that asking again does not mend."""


class _Send(NamedTuple):
    sequence: int
    body: bytes


class _Enrol(NamedTuple):
    facts: DeviceFacts
    epoch: str


class PolicyDoor(NamedTuple):
    """How the policy server is asked: the functions of `agent.policy.refresh` with everything filled in."""

    restore: Callable[[], Refresh]
    refresh: Callable[[Adopted | None], Refresh]


def pause_after(in_vain: int, interval: float) -> float:
    """Seconds until the policy server is asked again.

    A machine that was just installed may not reach it yet (no network, a busy machine). Nothing is in force there,
    so it does not wait for the whole interval: `in_vain` is how often it was asked without there being a policy since.
    """
    return interval if in_vain == 0 else min(interval, _SOON * 2.0 ** min(in_vain - 1, 20))


class Messenger:
    """Asks the policy server at its interval, and carries what the reporter hands over."""

    def __init__(
        self,
        *,
        settings: Settings,
        inbox: Inbox,
        door: PolicyDoor,
        link: ConsoleLink | None,
        key: DeviceKey,
        now: Callable[[], int],
    ) -> None:
        self._settings = settings
        self._inbox = inbox
        self._door = door
        self._link = link
        self._key = key
        self._now = now
        self._in_force: Adopted | None = None
        self._wake = threading.Event()
        self._jobs: queue.SimpleQueue[_Send | _Enrol | None] = queue.SimpleQueue()

    @property
    def device(self) -> str:
        """The id of this device."""
        return self._key.device

    @property
    def enrolled(self) -> bool:
        """Whether the console knows this device."""
        return bool(self._key.enrolled_at)

    def ask_refresh(self) -> None:
        """Asks the policy server now. Any thread, any signal handler."""
        self._wake.set()

    def send(self, sequence: int, body: bytes) -> None:
        """Sends a report; the answer comes through the inbox."""
        self._jobs.put(_Send(sequence, body))

    def enrol(self, facts: DeviceFacts, epoch: str) -> None:
        """Enrols this device; the answer comes through the inbox."""
        self._jobs.put(_Enrol(facts, epoch))

    def forget_enrolment(self) -> None:
        """The console does not know this device any more."""
        self._key = self._key._replace(enrolled_at="")
        keep_key(self._settings.state_dir, self._key)

    def poll(self, stop: threading.Event) -> None:
        """The thread that asks the policy server: once what is stored, then the server, then at the interval."""
        self._take(self._door.restore(), restored=True)
        in_vain = 0
        while not stop.is_set():
            self._wake.clear()
            if self._settings.policy_url:
                self._take(self._door.refresh(self._in_force), restored=False)
            in_vain = 0 if self._in_force else in_vain + 1
            jitter = 1 - _JITTER / 2 + _JITTER * random.random()
            self._wait(stop, pause_after(in_vain, self._settings.poll_interval) * jitter)

    def wake(self) -> None:
        """Ends the waits of both threads, for somebody who has told them to stop."""
        self._wake.set()
        self._jobs.put(None)

    def carry(self, stop: threading.Event) -> None:
        """The thread that talks to the console."""
        while not stop.is_set():
            try:
                job = self._jobs.get(timeout=1.0)
            except queue.Empty:
                continue
            if job is not None:
                self._inbox.put(self._done(job))

    def _done(self, job: _Send | _Enrol) -> Answered | Enrolled:
        """Every job gets its answer: the reporter sends nothing while it waits for one."""
        try:
            return self._report(job) if isinstance(job, _Send) else self._enrolment(job)
        except InterdictError as error:
            if isinstance(job, _Enrol):
                return Enrolled(str(error), final=False)
            return Answered(job.sequence, status=0, stored_up_to=None, next_in=0.0, code="", problem=str(error))

    def _take(self, refresh: Refresh, *, restored: bool) -> None:
        if refresh.adopted is not None:
            self._in_force = refresh.adopted
        self._inbox.put(Refreshed(refresh, restored))

    def _wait(self, stop: threading.Event, seconds: float) -> None:
        """Sleeps, but not through an end or a wish to ask now."""
        left = seconds
        while left > 0 and not stop.is_set() and not self._wake.wait(min(left, 1.0)):
            left -= 1.0

    def _report(self, job: _Send) -> Answered:
        assert self._link is not None
        reply = self._link.report(self._key, job.sequence, job.body)
        stored = reply.values.get("stored_up_to")
        return Answered(
            sequence=job.sequence,
            status=reply.status,
            stored_up_to=stored if isinstance(stored, int) else None,
            next_in=next_in(reply, 0.0),
            code=str(reply.values.get("code") or ""),
            problem=problem_of(reply),
        )

    def _enrolment(self, job: _Enrol) -> Enrolled:
        assert self._link is not None
        try:
            secret = self._settings.secret or read_secret(self._settings.secret_file)
        except InterdictError as error:
            return Enrolled(f"{error}. {error.advice()}", final=True)
        reply = self._link.enrol(self._key, secret, job.facts, job.epoch)
        if reply.status != 200:
            return Enrolled(problem_of(reply), final=reply.status in _FINAL)
        self._key = self._key._replace(enrolled_at=format_instant(self._now()))
        keep_key(self._settings.state_dir, self._key)
        return Enrolled("", final=False)


def read_secret(path: str) -> str:
    """The enrolment secret from its file.

    Raises:
        InterdictError: no file is set, it cannot be read, or it holds no secret.
    """
    from agent.errors import BadSettings
    from agent.host.files import read_bounded

    if not path:
        raise BadSettings("secret_file: no enrolment secret is set", "Set secret_file, or run `interdict enroll`.")
    text = read_bounded(path, 1000).decode("utf-8", "replace").strip()
    if not text or len(text) > 200:
        raise BadSettings(f"{path}: holds no enrolment secret", "Put the line that `enroll-secret new` printed there.")
    return text


def problem_of(reply: Reply) -> str:
    """What the console had against it, in one sentence; empty when nothing."""
    if reply.status == 200:
        return ""
    said = str(reply.values.get("detail") or reply.values.get("code") or "")
    return reply.problem or f"the console answered {reply.status}" + (f": {said[:200]}" if said else "")
