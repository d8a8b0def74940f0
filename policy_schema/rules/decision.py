"""The answers of the rulebook: what applies to one observation on one device at one instant."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Confidence, Match


class Action(StrEnum):
    """The rungs of a stage; each includes the ones before it."""

    REPORT = "report"
    NOTIFY = "notify"
    BLOCK = "block"
    REMOVE = "remove"

    @property
    def rung(self) -> int:
        """0 for report up to 3 for remove."""
        return ("report", "notify", "block", "remove").index(self.value)


class State(StrEnum):
    """Why a finding is treated as it is. `action` is what applies now; `report` while nothing else does."""

    ANNOUNCED = "announced"
    ACTIVE = "active"
    OUT_OF_SCOPE = "out-of-scope"
    NOT_IN_ROLLOUT = "not-in-rollout"
    AWAITING_NOTICE = "awaiting-notice"
    HELD = "held"
    EXCEPTED = "excepted"
    PAUSED = "paused"
    LIFTED = "lifted"
    WEAK = "weak"


class Stage(NamedTuple):
    """One rung of a ban, from an instant on. Durations in seconds."""

    start: Instant
    action: Action
    let_finish: int = 4 * 3600
    kill_after: int = 30


class Identity(NamedTuple):
    """Which tool an observation is, and by what it was recognised."""

    tool: str
    version: str
    """Empty when unknown: a match of a version range is then strong at most, never "no match"."""
    matches: tuple[Match, ...]
    confidence: Confidence


class Decision(NamedTuple):
    """What one ban means for one observation now. Pure: the case's history is not in here."""

    ban: str
    identity: Identity
    state: State
    action: Action
    stage: Stage | None
    """The stage in force (None before the first one, or when the state says that none applies)."""
    next_stage: Stage | None
    exception: str | None
    exception_until: Instant | None
    min_notice: int
    no_later_than: Instant | None
    why: tuple[str, ...]
    """Sentences, English, complete: what matched, which state and what it rests on."""
