"""How codes, instants and durations are put for people. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Collection
from datetime import UTC, datetime

from console.reports.interface import PolicySeen
from console.state import DeviceState
from policy_schema.messages.wire import clean
from policy_schema.rules.decision import State
from policy_schema.rules.observation import Face

OUTCOMES = {
    "told": "person told",
    "not-shown": "notice not shown",
    "finishing": "may finish",
    "stopped": "stopped",
    "killed": "ended by force",
    "gone": "gone by itself",
    "refused": "start refused",
    "quarantined": "quarantined",
    "uninstalled": "uninstalled",
    "restored": "put back",
    "failed": "failed",
    "refused-by-guard": "protected, not touched",
    "left-in-project": "left in a project",
}
REQUESTS = {"exception": "asks for an exception", "wrong": "says that a finding is wrong"}
ACTIONS = {"report": "report only", "notify": "notify", "block": "block", "remove": "remove"}
FINDING_STATES = {
    "announced": "announced",
    "active": "in force",
    "out-of-scope": "not meant for this device",
    "not-in-rollout": "not rolled out to it yet",
    "awaiting-notice": "until the person was told",
    "held": "held: a request is open",
    "excepted": "excepted",
    "paused": "paused",
    "lifted": "lifted",
    "weak": "only a name, not acted on",
}
TRUST = {
    "verified": "verified",
    "last-good": "last good one, cannot be confirmed now",
    "unsigned": "unsigned",
    "none": "no policy",
}


def finding_state(state: str, faces: Collection[str]) -> str:
    """How a finding is treated, for its faces: of the weak ones only those by name are `only a name`."""
    if state == State.WEAK and set(faces) == {Face.RESIDUE}:
        return "left behind by it, not acted on"
    return FINDING_STATES.get(state, state)


def since_then(seconds: int) -> str:
    """A duration as one number and its unit: `12 min`, `3 days`."""
    for size, one, many in ((86_400, "day", "days"), (3_600, "h", "h"), (60, "min", "min")):
        if seconds >= size:
            number = seconds // size
            return f"{number} {one if number == 1 else many}"
    return f"{max(seconds, 0)} s"


def moment(instant: int) -> str:
    """An instant for the machine-readable side of a page."""
    return datetime.fromtimestamp(instant, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


def visible(text: str) -> str:
    """A JSON text in which characters that hide or turn others stand as their escapes: still the same JSON."""
    return re.sub(r"[^\n -~]", _escaped_if_hiding, text)


def _escaped_if_hiding(found: re.Match[str]) -> str:
    """As JSON writes it; above 16 bits as two halves."""
    return json.dumps(found[0])[1:-1] if clean(found[0]) != found[0] else found[0]


def minute(instant: int) -> str:
    """An instant for people: `3 Jul 2026, 08:12 UTC`."""
    parsed = datetime.fromtimestamp(instant, UTC)
    return f"{parsed.day} {parsed:%b %Y, %H:%M} UTC"


def day(text: str) -> str:
    """`2026-07-03T08:12:44Z` or `2026-07-03` as `3 Jul 2026`; what is no day stays as it is."""
    try:
        parsed = datetime.strptime(text[:10], "%Y-%m-%d")
    except ValueError:
        return text
    return f"{parsed.day} {parsed:%b %Y}"


def policy_troubles(policy: PolicySeen) -> tuple[str, ...]:
    """What stands beside a policy when it cannot be relied on wholly."""
    if policy.trust == "none":
        return (TRUST["none"], *([policy.problem.replace("-", " ")] if policy.problem else []))
    troubles = []
    if policy.trust != "verified":
        troubles.append(TRUST.get(policy.trust, policy.trust))
    if policy.solo:
        troubles.append("one signer")
    if policy.problem:
        troubles.append(policy.problem.replace("-", " "))
    return tuple(troubles)


def state_word(state: DeviceState) -> str:
    """A state as a word on a page."""
    return {"removed-by-IT": "removed by IT", "never-enrolled": "never enrolled"}.get(state.value, state.value)
