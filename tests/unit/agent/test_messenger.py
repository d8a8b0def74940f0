"""When the policy server is asked again: at the interval, and sooner while there is no policy at all."""

from __future__ import annotations

import threading
from collections.abc import Sequence

import pytest

from agent.device_key import DeviceKey
from agent.inbox import Inbox
from agent.messenger import Messenger, PolicyDoor, pause_after
from agent.policy.refresh import Adopted, Refresh, Status
from agent.settings import Settings
from policy_schema.trust.highest import Versions

NOTHING = Refresh(Status.UNREACHABLE, "no answer", "")
VERSIONS = Versions(1, 1, 1, 1)
POLICY = Refresh(
    Status.ADOPTED,
    "",
    "",
    Adopted({}, b"", VERSIONS, ("li",), 1, True, 0, 1, {}, {}),
)


def pauses(answers: Sequence[Refresh], *, stored: Refresh = NOTHING) -> list[float]:
    """The seconds between one question and the next, jitter left out, for a server that answers so."""
    stop, left = threading.Event(), list(answers)
    waited: list[float] = []

    class Asking(Messenger):
        def _wait(self, stop: threading.Event, seconds: float) -> None:
            waited.append(round(seconds / 5) * 5)
            if not left:
                stop.set()

    settings = Settings(policy_url="https://policy.example.com/")._replace(poll_interval=300)
    door = PolicyDoor(lambda: stored, lambda in_force: left.pop(0))
    key = DeviceKey("", "", "d-1")
    asking = Asking(settings=settings, inbox=Inbox(64), door=door, link=None, key=key, now=lambda: 0)
    asking.poll(stop)
    return waited


@pytest.mark.parametrize(
    ("answers", "stored", "seconds"),
    [
        pytest.param([NOTHING] * 7, NOTHING, [10, 20, 40, 80, 160, 300, 300], id="no policy: soon, then less and less"),
        pytest.param([NOTHING, POLICY, NOTHING], NOTHING, [10, 300, 300], id="once there is one: at the interval"),
        pytest.param([NOTHING] * 2, POLICY, [300, 300], id="one that was stored counts"),
    ],
)
def test_it_is_asked_again(
    answers: list[Refresh], stored: Refresh, seconds: list[float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("random.random", lambda: 0.5)
    assert pauses(answers, stored=stored) == seconds


@pytest.mark.parametrize(("in_vain", "interval", "seconds"), [(0, 5, 5), (1, 5, 5), (3, 300, 40), (10**6, 300, 300)])
def test_it_never_waits_for_longer_than_the_interval(in_vain: int, interval: float, seconds: float) -> None:
    assert pause_after(in_vain, interval) == seconds
