"""How codes, instants and durations are put for people. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime

from console.reports.interface import PolicySeen
from console.state import MEANS, DeviceState
from policy_schema.messages.wire import clean
from policy_schema.rules.decision import State
from policy_schema.rules.observation import Face, Match
from policy_schema.trust.refusal import SENTENCES

STATES = {state.value: state.value.replace("-", " ") for state in DeviceState}
MEANINGS = {state.value: text for state, text in MEANS.items()}
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

FACES = {
    "package": "package",
    "app": "app",
    "extension": "extension",
    "executable": "program",
    "setting": "setting",
    "process": "running program",
    "residue": "left behind",
}
PLACES = {"system": "in the system", "home": "in a home folder", "project": "in a project", "other": "elsewhere"}
CONFIDENCES = {"exact": "exact", "strong": "strong", "weak": "weak"}
CHANGES = {"new": "found", "changed": "changed", "gone": "gone"}
STANDINGS = {"alleged": "alleged", "confirmed": "confirmed", "withdrawn": "withdrawn"}
WAYS = {"stronger": "stronger", "weaker": "weaker", "neither": "neither"}
CURES = {"remove": "removing it", "update": "updating to an allowed version"}
REASONS = {
    "denied": "permission denied",
    "too-big": "too big",
    "not-regular": "no ordinary file",
    "malformed": "malformed",
    "vanished": "vanished meanwhile",
    "tool-missing": "a tool is missing",
    "tool-failed": "a tool failed",
    "timed-out": "took too long",
    "network-filesystem": "on the network",
    "other-system": "other system",
    "crashed": "the source crashed",
    "other": "another reason",
}
KINDS = {"workstation": "workstation", "server": "server", "ci": "build machine", "kiosk": "kiosk"}
OWNERSHIPS = {"company": "company", "personal": "personal"}
SYSTEMS = {"linux": "Linux", "macos": "macOS", "windows": "Windows"}
MODES = {"enforce": "acts", "observe": "only watches"}
GATES = {
    "full": "refuses starts",
    "no-evictable": "refuses starts, at a higher cost",
    "off": "switched off",
    "absent": "not there",
    "starting": "starting",
    "killed": "was ended",
    "": "none on this system",
}
MATCHES = {match.value: match.value.replace("-", " ") for match in Match}
TROUBLES = {
    "silent": "silent",
    "cloned": "share a key with another machine",
    "policy-problem": "could not refresh their policy",
    "not-understood": "too old for a ban",
    "paused-by-hand": "paused by hand",
    "only-watching": "only watch, by their settings",
    "holding-back": "hold back: a ban matches far more than before",
    "gate-down": "their gate does not work",
    "left-out": "leave a ban out that would harm them",
    "kept": "keep a ban that vanished without being lifted",
    "journal-lost": "lost their journal: a disk to look at",
}
PROBLEMS = {code.value: sentence for code, sentence in SENTENCES.items()}
ROLES = {"viewer": "viewer", "approver": "approver", "admin": "admin"}
VERDICTS = {"approved": "approved", "refused": "refused", "noted": "noted"}
PUBLISHING = {
    "off": "published nowhere",
    "directly": "signed and published by this console",
    "staged": "written to a file, for whoever holds the key",
}
ONE_SIGNER = "one signer"
TABLES: dict[str, dict[str, str]] = {
    "ACTIONS": ACTIONS,
    "CHANGES": CHANGES,
    "CONFIDENCES": CONFIDENCES,
    "CURES": CURES,
    "FACES": FACES,
    "FINDING_STATES": FINDING_STATES,
    "GATES": GATES,
    "KINDS": KINDS,
    "MATCHES": MATCHES,
    "MEANINGS": MEANINGS,
    "MODES": MODES,
    "OUTCOMES": OUTCOMES,
    "OWNERSHIPS": OWNERSHIPS,
    "PLACES": PLACES,
    "PROBLEMS": PROBLEMS,
    "PUBLISHING": PUBLISHING,
    "REASONS": REASONS,
    "REQUESTS": REQUESTS,
    "ROLES": ROLES,
    "STANDINGS": STANDINGS,
    "STATES": STATES,
    "SYSTEMS": SYSTEMS,
    "TROUBLES": TROUBLES,
    "TRUST": TRUST,
    "VERDICTS": VERDICTS,
    "WAYS": WAYS,
}
"""Every table of codes, as templates know them: `{{ code|word(OUTCOMES) }}`. Their texts are in the catalogue."""
LEFT_BEHIND = "left behind by it, not acted on"
_SENTENCES = (
    (
        r"(?P<source>[^:]+): (?P<num>1) place could not be looked at(?: \((?P<why>.*)\))?",
        "%(source)s: 1 place could not be looked at",
    ),
    (
        r"(?P<source>[^:]+): (?P<num>\d+) places could not be looked at(?: \((?P<why>.*)\))?",
        "%(source)s: %(num)s places could not be looked at",
    ),
    (r"needs a newer agent for (?P<bans>.+)", "needs a newer agent for %(bans)s"),
    (r"could not refresh its policy \((?P<problem>.*)\)", "could not refresh its policy (%(problem)s)"),
)
"""Sentences that are put together when a report arrives: how each is read, and its text for the translators."""
PLAIN_SENTENCES = (
    "has no policy to compare with",
    "has not said yet what it looked at",
    "has never reported",
    "has stopped reporting",
    "two machines report with this device's key: enrol one of them again",
    "only watches: its settings forbid acting",
    "holds back: a ban matches far more than before",
    "is expected, and no agent has enrolled",
)


def finding_state(state: str, faces: Collection[str]) -> str:
    """How a finding is treated, for its faces: of the weak ones only those by name are `only a name`."""
    if state == State.WEAK and set(faces) == {Face.RESIDUE}:
        return LEFT_BEHIND
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
        troubles.append(ONE_SIGNER)
    if policy.problem:
        troubles.append(policy.problem.replace("-", " "))
    return tuple(troubles)


def state_word(state: DeviceState) -> str:
    """A state as a word on a page."""
    return STATES[state.value]


def texts() -> set[str]:
    """Every text here that is looked up in the catalogue."""
    found = {text for table in TABLES.values() for text in table.values()}
    return found | {text for _, text in _SENTENCES} | {*PLAIN_SENTENCES, LEFT_BEHIND, ONE_SIGNER}


def sentence(text: str, gettext: Callable[[str], str]) -> str:
    """A sentence about a device in the viewer's language; one that this console does not know stays as it is."""
    for pattern, message in _SENTENCES:
        if (found := re.fullmatch(pattern, text)) is not None:
            values = {name: value or "" for name, value in found.groupdict().items()}
            why = ", ".join(gettext(REASONS.get(code, code)) for code in values.pop("why", "").split(", ") if code)
            return gettext(message) % values + (f" ({why})" if why else "")
    return gettext(text) if text in PLAIN_SENTENCES else text
