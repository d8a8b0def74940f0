"""The children as functions for the daemon: question in, answer out, each with its user, limits and deadline."""

from __future__ import annotations

import io
from collections.abc import Callable, Mapping
from functools import partial

from agent.errors import ToolFailed
from agent.host.child import run_child
from agent.host.confine import Limits
from agent.policy import frames

Ask = Callable[[Mapping[str, object]], Mapping[str, object]]

COURIER_DEADLINE = 75.0
"""A little more than the courier gives itself for all requests together."""
ADOPTER_DEADLINE = 60.0
SIGNER_DEADLINE = 15.0


def courier(user: str | None) -> Ask:
    """The only one with a network."""
    return partial(_ask, "_courier", user, Limits(cpu=20), COURIER_DEADLINE, True)


def adopter(user: str | None) -> Ask:
    """Verifies and compiles; no network, no key."""
    return partial(_ask, "_adopter", user, Limits(cpu=40), ADOPTER_DEADLINE, False)


def signer(user: str | None) -> Ask:
    """Makes the device's key and signs with it; no network."""
    return partial(_ask, "_signer", user, Limits(cpu=10), SIGNER_DEADLINE, False)


def _ask(
    verb: str, user: str | None, limits: Limits, deadline: float, network: bool, question: Mapping[str, object]
) -> Mapping[str, object]:
    payload = b"".join(frames.write(question))
    raw = run_child(verb, payload, limits=limits, user=user, deadline=deadline, network=network)
    try:
        return frames.read(io.BytesIO(raw))
    except frames.BadFrames as error:
        raise ToolFailed(f"{verb} did not answer as agreed: {error}") from error
