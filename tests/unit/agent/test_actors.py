"""Acts are carried out one after the other, and only while the policy that asked for them is in force."""

from __future__ import annotations

import io
import threading

import pytest

from agent.actors import Actors
from agent.cases import Kind
from agent.enforce.interface import Detail, Intent, Outcome, OutcomeCode
from agent.events import EventLog
from agent.inbox import Acted, Inbox
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant

PATIENCE = 10.0
NOW = Instant(5)


class Recording:
    """An actor that does nothing but remember."""

    def __init__(self) -> None:
        self.done: list[str] = []

    def act(self, intent: Intent) -> Outcome:
        self.done.append(intent.path)
        if intent.path == "/broken":
            raise RuntimeError("unforeseen")
        return Outcome(intent, OutcomeCode.QUARANTINED, Detail.NONE, NOW)


def _intent(kind: Kind, path: str, version: int) -> Intent:
    return Intent(kind, "f-1", "i-1", "f-1", Action.REMOVE, "b", "t", path=path, policy_version=version)


CASES = {
    "under the policy in force it is done": (Kind.QUARANTINE, "/x", 2, OutcomeCode.QUARANTINED, Detail.NONE),
    "of an older policy it is not begun": (Kind.QUARANTINE, "/x", 1, OutcomeCode.FAILED, Detail.POLICY_CHANGED),
    "a stop of an older policy is not begun": (Kind.STOP, "/x", 1, OutcomeCode.FAILED, Detail.POLICY_CHANGED),
    "a restore is no matter of the version": (Kind.RESTORE, "/x", 1, OutcomeCode.QUARANTINED, Detail.NONE),
    "an actor that breaks has failed this act": (
        Kind.QUARANTINE,
        "/broken",
        2,
        OutcomeCode.FAILED,
        Detail.SYSTEM_ERROR,
    ),
}


@pytest.mark.parametrize(("kind", "path", "version", "result", "detail"), CASES.values(), ids=CASES.keys())
def test_act(kind: Kind, path: str, version: int, result: OutcomeCode, detail: Detail) -> None:
    recording, inbox, stop = Recording(), Inbox(), threading.Event()
    actors = Actors(
        make={kind: lambda: recording},
        inbox=inbox,
        log=EventLog(io.StringIO()),
        now=lambda: NOW,
        policy_version=lambda: 2,
    )
    (part,) = actors.parts()
    thread = threading.Thread(target=part.run, args=(stop,))
    thread.start()
    actors.do(_intent(kind, path, version))
    message = inbox.get(PATIENCE)
    stop.set()
    thread.join()
    assert isinstance(message, Acted)
    assert (message.outcome.result, message.outcome.detail) == (result, detail)
    assert recording.done == ([] if detail is Detail.POLICY_CHANGED else [path])
