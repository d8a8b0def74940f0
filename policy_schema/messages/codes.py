"""The closed lists of codes that only messages use. Those of decisions stand in `policy_schema.rules`.

An agent sends nothing but these; a console shows a code it does not know as it came.
"""

from __future__ import annotations

from enum import StrEnum


class Trust(StrEnum):
    """What the policy in force on the machine rests on."""

    VERIFIED = "verified"
    LAST_GOOD = "last-good"
    UNSIGNED = "unsigned"
    NONE = "none"


class Mode(StrEnum):
    """Whether the machine's settings let the agent act."""

    ENFORCE = "enforce"
    OBSERVE = "observe"


class ScopeOfPath(StrEnum):
    """Where on the machine something lies, without saying the path."""

    SYSTEM = "system"
    HOME = "home"
    PROJECT = "project"
    OTHER = "other"


class OutcomeCode(StrEnum):
    """What came of the last thing that was done about a finding. The agent's actors answer with the same words."""

    TOLD = "told"
    NOT_SHOWN = "not-shown"
    REFUSED = "refused"
    FINISHING = "finishing"
    STOPPED = "stopped"
    KILLED = "killed"
    GONE = "gone"
    QUARANTINED = "quarantined"
    UNINSTALLED = "uninstalled"
    RESTORED = "restored"
    FAILED = "failed"
    REFUSED_BY_GUARD = "refused-by-guard"
    LEFT_IN_PROJECT = "left-in-project"

    @property
    def done(self) -> bool:
        """True when what was wanted is so now: nothing is left to do for this intent."""
        return self not in (OutcomeCode.FAILED, OutcomeCode.NOT_SHOWN, OutcomeCode.FINISHING)


class Reason(StrEnum):
    """Why a place could not be looked at. Texts of the operating system stay on the machine."""

    DENIED = "denied"
    TOO_BIG = "too-big"
    NOT_REGULAR = "not-regular"
    MALFORMED = "malformed"
    VANISHED = "vanished"
    TOOL_MISSING = "tool-missing"
    TOOL_FAILED = "tool-failed"
    TIMED_OUT = "timed-out"
    NETWORK_FILESYSTEM = "network-filesystem"
    OTHER_SYSTEM = "other-system"
    CRASHED = "crashed"
    OTHER = "other"
