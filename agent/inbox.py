"""The one inbox of the daemon: bounded, so that no storm fills the memory. What does not fit becomes a sweep."""

from __future__ import annotations

import queue
from collections.abc import Mapping, Sequence
from typing import NamedTuple

from agent.decider import Process, ProcessKey
from agent.enforce.interface import Outcome
from agent.ipc.gate_events import GateEvent
from agent.ipc.people import PersonSaid
from agent.policy.refresh import Refresh
from policy_schema.rules.observation import Coverage, Observation, Unknown


class Looked(NamedTuple):
    """A look ended. `everywhere` is true when every source took part."""

    observations: Mapping[str, Sequence[Observation]]
    unknown: Mapping[str, Sequence[Unknown]]
    coverage: tuple[Coverage, ...]
    everywhere: bool
    ms: int


class Recognised(NamedTuple):
    """A process is one of the policy's tools."""

    key: ProcessKey
    process: Process


class Ended(NamedTuple):
    """Processes that are gone."""

    keys: tuple[ProcessKey, ...]


class Acted(NamedTuple):
    """An actor is done."""

    outcome: Outcome


class Refreshed(NamedTuple):
    """The policy repository was asked, or (`restored`) what is stored of it was verified again."""

    refresh: Refresh
    restored: bool


class Answered(NamedTuple):
    """The console answered a report, or did not. `status` is 0 when nobody answered."""

    sequence: int
    status: int
    stored_up_to: int | None
    next_in: float
    code: str
    """The console's word for what was wrong, empty when nothing or when nobody answered."""
    problem: str


class Enrolled(NamedTuple):
    """The console knows this device now (or `problem` says why not)."""

    problem: str
    final: bool


class GateSaid(NamedTuple):
    """Something was heard from the gate, or of it."""

    event: GateEvent


class SettingsChanged(NamedTuple):
    """The settings file was changed, or somebody sent SIGHUP."""


class PolicyWanted(NamedTuple):
    """Somebody sent SIGUSR1: the policy server is asked now."""


class Stop(NamedTuple):
    """The agent shall end."""


Message = (
    Looked
    | Recognised
    | Ended
    | Acted
    | Refreshed
    | Answered
    | Enrolled
    | GateSaid
    | PersonSaid
    | SettingsChanged
    | PolicyWanted
    | Stop
)


class Inbox:
    """A bounded queue. `put` never waits: what does not fit is counted and asks for a sweep instead.

    Signal handlers put messages too, in the middle of anything, so nothing here takes a lock of Python's.
    """

    def __init__(self, bound: int = 4096) -> None:
        self._queue: queue.SimpleQueue[Message] = queue.SimpleQueue()
        self._bound = bound
        self._lost = False
        self.dropped = 0

    def put(self, message: Message) -> None:
        """Adds a message, or marks that a sweep is needed."""
        if self._queue.qsize() < self._bound or isinstance(message, (Stop, Acted)):
            self._queue.put(message)
        else:
            self.dropped += 1
            self._lost = True

    def get(self, timeout: float) -> Message | None:
        """The next message, or None after `timeout` seconds."""
        try:
            return self._queue.get(timeout=max(0.0, timeout))
        except queue.Empty:
            return None

    def take_lost(self) -> bool:
        """Whether anything was lost since the last call."""
        lost, self._lost = self._lost, False
        return lost
