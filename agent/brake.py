"""When acting stops although the policy asks for it: reporting goes on.

Pure. Three reasons, each an attack or an accident that was seen elsewhere: a rule that suddenly matches half of a
machine, acts that do not end, and an agent that dies each time it acts.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from policy_schema.rules.instant import Instant

NEW_MATCHES = 12
"""Installations of one ban newly matched by one policy version, beyond which its acts wait for a person."""
GROWTH = 4
"""… unless the ban matched at least a quarter as many before."""
ACTS_A_MINUTE = 20
"""Further acts wait for the next minute."""
CRASHES = 3
"""Starts without a clean end within `CRASH_WINDOW` seconds, after which nothing is acted on for `CRASH_REST`."""
CRASH_WINDOW = 600
CRASH_REST = 3600


class Brake(NamedTuple):
    """What the brake remembers: kept in the journal."""

    acts: tuple[Instant, ...] = ()
    unclean_starts: tuple[Instant, ...] = ()
    matched: Mapping[str, int] = {}
    """Installations matched by each ban when the policy version before this one was in force."""
    held: Mapping[str, str] = {}
    """Ban to the sentence that says why its acts wait."""


def started(brake: Brake, clean: bool, now: Instant) -> Brake:
    """The agent starts; `clean` says whether it had ended properly."""
    recent = tuple(moment for moment in brake.unclean_starts if moment > now - CRASH_WINDOW - CRASH_REST)
    return brake._replace(unclean_starts=recent if clean else (*recent, now))


def resting_until(brake: Brake) -> Instant:
    """Until when a crash loop keeps the agent from acting; 0 when there is none."""
    starts = sorted(brake.unclean_starts)
    ends = [
        Instant(starts[i] + CRASH_REST)
        for i in range(CRASHES - 1, len(starts))
        if starts[i] - starts[i - CRASHES + 1] <= CRASH_WINDOW
    ]
    return max(ends, default=Instant(0))


def judge_matches(brake: Brake, matched: Mapping[str, int]) -> Brake:
    """The first whole look under a new policy version: holds every ban that matches far more than before."""
    held = {
        ban: f"The brake holds it: {count} installations match where {brake.matched.get(ban, 0)} did before."
        for ban, count in matched.items()
        if count > NEW_MATCHES and count > GROWTH * brake.matched.get(ban, 0)
    }
    return brake._replace(held=held, matched=dict(matched) if not held else brake.matched)


def hold_of(brake: Brake, ban: str, now: Instant) -> str:
    """Why acts of this ban wait now, or nothing."""
    if resting_until(brake) > now:
        return "The agent ended badly several times, so it does not act for an hour."
    return brake.held.get(ban, "")


def admit(brake: Brake, wanted: int, now: Instant) -> tuple[Brake, int]:
    """How many of the wanted acts may begin now."""
    recent = tuple(moment for moment in brake.acts if moment > now - 60)
    allowed = max(0, min(wanted, ACTS_A_MINUTE - len(recent)))
    return brake._replace(acts=(*recent, *([now] * allowed))), allowed


def released(brake: Brake, bans: Iterable[str]) -> Brake:
    """An administrator lets these bans act again."""
    gone = set(bans)
    return brake._replace(held={ban: why for ban, why in brake.held.items() if ban not in gone})
