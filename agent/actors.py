"""Carries out intents: a thread for each kind of act, so that a slow quarantine never keeps a process running.

Actors are made when their first intent comes; a daemon that only reports never loads the code that acts.
"""

from __future__ import annotations

import queue
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import Protocol, runtime_checkable

from agent.cases import Kind
from agent.enforce.interface import Actor, Detail, Intent, Outcome, OutcomeCode
from agent.errors import InterdictError
from agent.events import Event, EventLog
from agent.inbox import Acted, Inbox
from agent.supervise import Part
from policy_schema.rules.instant import Instant

_IDLE = 2.0
_BY_POLICY = (Kind.UNINSTALL, Kind.QUARANTINE, Kind.STOP)
"""What is done only because the policy in force says so."""


@runtime_checkable
class Patient(Protocol):
    """An actor whose acts may end later than `act` returns."""

    def tick(self, now: float) -> tuple[Outcome, ...]:
        """What came of earlier acts; `now` in monotonic seconds."""

    def wake(self) -> float | None:
        """When `tick` is wanted next, or None."""

    def let_go(self, policy_version: int) -> tuple[Outcome, ...]:
        """Ends what is under way by another version of the policy than this one."""


class Actors:
    """Hands each intent to the thread of its kind; outcomes come back through the inbox."""

    def __init__(
        self,
        *,
        make: Mapping[Kind, Callable[[], Actor]],
        inbox: Inbox,
        log: EventLog,
        now: Callable[[], Instant],
        policy_version: Callable[[], int],
    ) -> None:
        """`policy_version` is that of the policy in force, asked for just before each act."""
        self._make = make
        self._inbox = inbox
        self._log = log
        self._now = now
        self._policy_version = policy_version
        self._queues: dict[Kind, queue.SimpleQueue[Intent | None]] = {kind: queue.SimpleQueue() for kind in make}

    def do(self, intent: Intent) -> None:
        """Queues one act."""
        self._queues[intent.kind].put(intent)

    def parts(self) -> tuple[Part, ...]:
        """One thread a kind."""
        rows = self._queues.items()
        return tuple(
            Part(f"actor-{kind.value}", self._runner(kind), partial(waiting.put, None)) for kind, waiting in rows
        )

    def _runner(self, kind: Kind) -> Callable[[threading.Event], None]:
        def run(stop: threading.Event) -> None:
            actor: Actor | None = None
            while not stop.is_set():
                try:
                    intent = self._queues[kind].get(timeout=self._patience(actor))
                except queue.Empty:
                    self._tick(actor)
                    continue
                if intent is None:
                    continue  # woken, to stop
                if kind in _BY_POLICY and intent.policy_version != self._policy_version():
                    # Waited in the queue while another policy came into force, which may have lifted it: asked anew.
                    stale = Outcome(intent, OutcomeCode.FAILED, Detail.POLICY_CHANGED, self._now())
                    self._inbox.put(Acted(stale))
                    continue
                actor = actor or self._make[kind]()
                self._inbox.put(Acted(self._safely(actor, intent)))
                self._tick(actor)

        return run

    def _patience(self, actor: object) -> float:
        """Seconds to wait for the next intent: less when the actor has something under way."""
        wake = actor.wake() if isinstance(actor, Patient) else None
        return _IDLE if wake is None else max(0.01, min(_IDLE, wake - time.monotonic()))

    def _tick(self, actor: object) -> None:
        if isinstance(actor, Patient):
            # A process that was asked to end under a policy that no longer says so, or before a pause, is not killed.
            let_go = actor.let_go(self._policy_version())
            for outcome in (*let_go, *actor.tick(time.monotonic())):
                self._inbox.put(Acted(outcome))

    def _safely(self, actor: Actor, intent: Intent) -> Outcome:
        """An actor that fails in an unforeseen way has failed this act, not the agent."""
        try:
            return actor.act(intent)
        except InterdictError as error:
            problem = f"{error}"
        except Exception as error:
            problem = repr(error)
        self._log.write(
            Event.PART_FAILED, part=f"actor-{intent.kind.value}", error=problem[:300], finding=intent.finding_id
        )
        return Outcome(intent, OutcomeCode.FAILED, Detail.SYSTEM_ERROR, self._now())
