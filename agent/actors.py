"""Carries out intents: a thread for each kind of act, so that a slow quarantine never keeps a process running.

Actors are made when their first intent comes; a daemon that only reports never loads the code that acts.
"""

from __future__ import annotations

import queue
import threading
from collections.abc import Callable, Mapping

from agent.cases import Kind
from agent.enforce.interface import Actor, Detail, Intent, Outcome, OutcomeCode
from agent.errors import InterdictError
from agent.events import Event, EventLog
from agent.inbox import Acted, Inbox
from agent.supervise import Part
from policy_schema.rules.instant import Instant


class Actors:
    """Hands each intent to the thread of its kind; outcomes come back through the inbox."""

    def __init__(
        self, *, make: Mapping[Kind, Callable[[], Actor]], inbox: Inbox, log: EventLog, now: Callable[[], Instant]
    ) -> None:
        self._make = make
        self._inbox = inbox
        self._log = log
        self._now = now
        self._queues: dict[Kind, queue.SimpleQueue[Intent]] = {kind: queue.SimpleQueue() for kind in make}

    def do(self, intent: Intent) -> None:
        """Queues one act."""
        self._queues[intent.kind].put(intent)

    def parts(self) -> tuple[Part, ...]:
        """One thread a kind."""
        return tuple(Part(f"actor-{kind.value}", self._runner(kind)) for kind in self._queues)

    def _runner(self, kind: Kind) -> Callable[[threading.Event], None]:
        def run(stop: threading.Event) -> None:
            actor: Actor | None = None
            while not stop.is_set():
                try:
                    intent = self._queues[kind].get(timeout=1.0)
                except queue.Empty:
                    continue
                actor = actor or self._make[kind]()
                self._inbox.put(Acted(self._safely(actor, intent)))

        return run

    def _safely(self, actor: Actor, intent: Intent) -> Outcome:
        """An actor that fails in an unforeseen way has failed this act, not the agent."""
        try:
            return actor.act(intent)
        except InterdictError as error:
            problem = f"{error}"
        except Exception as error:
            problem = repr(error)
        self._log.write(Event.PART_FAILED, part=f"actor-{intent.kind.value}", error=problem[:300], finding=intent.finding_id)
        return Outcome(intent, OutcomeCode.FAILED, Detail.SYSTEM_ERROR, self._now())
