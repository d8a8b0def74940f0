"""Every field that can leave a machine, and why.

A test compares this list with the messages, field by field, so nothing can be added to a report without a reason here;
another compares it with `docs/what-is-sent.md`. What is not listed is never sent: no project path, no command line, no
environment value, no content of a file, no name of a person, no free text.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, NamedTuple

_VERSION_OF_MESSAGE = "which form of the message this is, so that console and agent can be upgraded apart"
_FACTS: Final[dict[str, str]] = {
    "os": "bans and coverage differ by system",
    "os_version": "to tell which machines an agent's limits apply to",
    "kind": "bans act on workstations unless they name another kind; set by fleet management",
    "ownership": "bans act on company devices unless they say otherwise; set by fleet management",
    "region": "bans may apply to regions; set by fleet management, never found by location",
    "groups": "bans and rollouts may apply to groups; set by fleet management",
    "host_name": "so that an admin finds the machine",
    "agent": "which agent is installed",
}
_HEARTBEAT: Final[dict[str, str]] = {
    "started_at": "to see an agent that keeps restarting",
    "uptime_s": "to see an agent that keeps restarting",
    "looks": "to see that the agent looks at all",
    "decisions": "to see that the policy is applied to what is found",
    "look_ms": "to see a machine that is burdened by looking",
    "acts": "to see how often the agent acted",
    "dropped": "to see event queues that overflow",
    "restarts": "to see parts that crash",
    "journal_rows": "to see a journal that grows without bound",
    "rss_kb": "to see the memory the agent takes",
    "mode": "whether the settings let the agent act or only watch",
    "brake": "whether the agent holds back because a ban matches far more than before",
    "gate": "whether starts can be refused on the machine",
    "gate_ends": "to see a gate that crashes or is made to",
    "refused": "how many starts were refused that day; not which, and not whose",
    "paused_until": "whether an administrator has paused the agent on the machine; not who",
    "left_out": "which bans the agent does not carry out because they would harm the machine",
    "journals_lost": "to see a disk that damages what the agent writes",
    "kept": "which bans vanished from the policy without being lifted, and are still carried out",
    "leaving": "whether the agent is being removed, so that nobody takes the machine for silent",
    "answers": "what people did with notices, only if the policy says that it is counted",
}
_ANSWERS: Final[dict[str, str]] = {
    "get": "how often somebody wanted the alternative",
    "details": "how often somebody wanted to see more",
    "ask": "how often somebody asked for an exception",
    "remove": "how often somebody had it removed at once",
    "later": "how often somebody put a reminder off",
}
_POLICY: Final[dict[str, str]] = {
    "id": "which policy is in force",
    "version": "which policy is in force",
    "trust": "whether that policy was verified, or is the last good one, or none",
    "age_s": "how long ago the policy was last confirmed as the newest",
    "solo": "whether one signer alone can change the policy",
    "signers": "whose keys signed the policy",
    "problem": "why the policy could not be refreshed",
}
_COVERAGE: Final[dict[str, str]] = {
    "source": "which kind of place was looked at",
    "roots": "how many such places there were",
    "items": "how many things were seen there; what they are stays on the machine",
    "unknown": "how many places could not be looked at, since that is not the same as nothing found",
    "reasons": "why not, as codes",
    "ms": "how long that took",
}
_FINDING: Final[dict[str, str]] = {
    "id": "to recognise the same finding in the next report; says nothing by itself",
    "installation": "to count one installation once, however many files and processes it has",
    "ban": "which ban matches",
    "tool": "which banned tool it is; for a model ban whose settings name such a model, and never the model's name",
    "face": "in which form it was found: package, extension, app, executable, process, setting, residue",
    "purl": "which package and version of it",
    "version": "which version, as bans may name versions",
    "confidence": "how sure the match is; a weak one is never acted on",
    "matches": "by what it was recognised, as codes",
    "state": "why it is treated as it is: announced, active, held, excepted and so on",
    "action": "what applies now",
    "outcome": "what was done and whether it worked, as a code",
    "effective_from": "since when the present rung applies",
    "next": "that there is a next rung",
    "next.action": "what comes next",
    "next.from": "when it comes",
    "exception": "which exception covers it",
    "since": "when it was first seen on the machine; for a process the day only",
    "scope_of_path": "system, home, project or other, because removal differs; never the path",
    "person": "a pseudonym, only when the policy switches person-level data on; otherwise empty",
    "gone": "that it is no longer there",
}
_MOVE: Final[dict[str, str]] = {
    "tool": "which alternative was seen",
    "from_tool": "which banned tool it stands in for",
    "version": "which version of the alternative",
    "seen_at": "the first day it was seen",
    "gone": "that it is no longer there",
}
_REQUEST: Final[dict[str, str]] = {
    "id": "so that it is counted once",
    "kind": "whether an exception is asked for, or a finding is said to be wrong",
    "ban": "which ban it is about",
    "finding": "which finding is said to be wrong",
    "at": "the day it was asked",
    "reason": "the person's own words for whoever decides; sent only because they asked",
    "held_until": "until when the ban waits on the machine meanwhile",
    "person": "a pseudonym, and only if the policy asks for person-level reports",
}
_REPORT: Final[dict[str, str]] = {
    "v": _VERSION_OF_MESSAGE,
    "device": "which machine reports: an id made from its key, not a serial number",
    "epoch": "which life of the machine's journal the number belongs to",
    "sequence": "the report's number, so that nothing is lost or counted twice",
    "generated_at": "when the report was made",
    "agent": "which agent made it",
    "policy": "the policy in force",
    "heartbeat": "how the agent is doing",
    "facts": "what fleet management says about the machine, when it changed",
    "coverage": "what was looked at and what could not be",
    "findings": "what changed about banned software",
    "moves": "which offered alternatives are there",
    "requests": "what a person at the machine asked for",
    "not_understood": "which bans need a newer agent",
    "withheld": "how much was found of people who have not been shown the welcome yet",
}
_WITHHELD: Final[dict[str, str]] = {
    "ban": "which ban matches",
    "findings": "how many findings; nothing else is said of them before the person has been told that it is",
}


def _under(prefix: str, fields: dict[str, str]) -> dict[str, str]:
    """The same reasons, one level further down."""
    return {f"{prefix}.{name}": why for name, why in fields.items()}


FIELDS: Final[dict[str, str]] = {
    **_under(
        "EnrolRequest",
        {
            "v": _VERSION_OF_MESSAGE,
            "secret": "shows that the machine may enrol",
            "public_key": "the key that later reports are checked with; the private half never leaves the machine",
            "epoch": "which life of the machine's journal begins",
            "facts": "what fleet management says about the machine",
        },
    ),
    **_under("EnrolRequest.facts", _FACTS),
    **_under("Report", _REPORT),
    **_under("Report.policy", _POLICY),
    **_under("Report.heartbeat", _HEARTBEAT),
    **_under("Report.heartbeat.answers", _ANSWERS),
    **_under("Report.facts", _FACTS),
    **_under("Report.coverage[]", _COVERAGE),
    **_under("Report.findings[]", _FINDING),
    **_under("Report.moves[]", _MOVE),
    **_under("Report.requests[]", _REQUEST),
    **_under("Report.withheld[]", _WITHHELD),
}
"""Path of the field as in the JSON, lists as `[]` → why it is sent."""


class Group(NamedTuple):
    """Fields that belong together: how their paths begin, what they are about, and where admins see them."""

    prefix: str
    heading: str
    shown: str


GROUPS: Final = (
    Group(
        "EnrolRequest", "Once, when a machine enrols", "not shown: the key and the epoch are kept, the secret is not"
    ),
    Group("EnrolRequest.facts", "Facts about the machine", "the machine's page"),
    Group("Report", "Every report", "the machine's page, with the report itself"),
    Group("Report.policy", "The policy in force", "the page of all machines, the machine's page, exports"),
    Group("Report.heartbeat", "How the agent is doing", "the machine's page"),
    Group(
        "Report.heartbeat.answers",
        "What people on the machine did with notices, counted for all of them together, and only if the policy says so",
        "the machine's page, with the report itself",
    ),
    Group("Report.facts", "Facts about the machine, when they changed", "the page of all machines, the machine's page"),
    Group("Report.coverage[]", "What was looked at: one line a source", "the machine's page"),
    Group(
        "Report.findings[]",
        "Findings: one line for each that is new, changed or gone",
        "the page of all machines, the machine's page, exports",
    ),
    Group(
        "Report.moves[]",
        "Moves: one line for each offered alternative on the machine",
        "the page of all machines, the machine's page, exports",
    ),
    Group(
        "Report.requests[]",
        "Requests: one line for each thing that a person at the machine asked for",
        "the page of all machines, the machine's page",
    ),
    Group(
        "Report.withheld[]",
        "Counts of what belongs to people who have not been shown the welcome yet: one line a ban",
        "the machine's page",
    ),
)
"""Where a field is shown to the organisation's admins. To the person at the machine every field is shown word for word,
by `interdict sent` and on the page of `interdict status --html`."""


def group_of(field: str) -> Group:
    """The group of a field: the one with the longest prefix."""
    return max((g for g in GROUPS if field.startswith(f"{g.prefix}.")), key=lambda g: len(g.prefix))


def undeclared(document: object, path: str = "Report") -> Iterator[str]:
    """Every field of a message (its JSON as Python values) that is not listed here: there is never one."""
    if isinstance(document, list):
        for item in document:
            yield from undeclared(item, f"{path}[]")
    if isinstance(document, dict):
        for name, value in document.items():
            field = f"{path}.{name}"
            if field not in FIELDS:
                yield field
            yield from undeclared(value, field)
