"""What a policy does to one thing over time: which rung of which ban reaches it, and when. Pure."""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple

from policy_schema.rules.decision import Action, Decision, Identity, State
from policy_schema.rules.guard import protected_name, protected_package, protected_place
from policy_schema.rules.identity import executable_name, parse_purl
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Face, Observation
from policy_schema.rules.rulebook import DeviceRules

BEFORE = Instant(0)
"""Before every stage: what a ban says then is what it will do."""


class Reached(NamedTuple):
    """One ban towards one thing."""

    ban: str
    tool: str
    version: str
    state: State
    """How it stands before the first stage: `announced` if it will act, else why it never will."""
    steps: tuple[tuple[Instant, Action], ...]
    """From when on which rung applies, in order."""

    @property
    def strongest(self) -> Action:
        """The highest rung that it ever comes to; `report` if it never acts."""
        return max((action for _, action in self.steps), key=lambda action: action.rung, default=Action.REPORT)

    def at(self, now: Instant) -> Action:
        """The rung at an instant."""
        return next((action for start, action in reversed(self.steps) if start <= now), Action.REPORT)


def reached(rules: DeviceRules, seen: Observation, identity: Identity | None = None) -> tuple[Reached, ...]:
    """Every ban that means this thing on this device, by id. `identity`: what it was recognised as elsewhere."""
    first = {decision.ban: decision for decision in rules.decisions(seen, BEFORE, identity)}
    steps: dict[str, list[tuple[Instant, Action]]] = {ban: [] for ban in first}
    moments = _following(first.values())
    while moments:
        now = min(moments)
        decisions = rules.decisions(seen, now, identity)
        for decision in decisions:
            row = steps[decision.ban]
            if decision.state is State.ACTIVE and (not row or row[-1][1] is not decision.action):
                row.append((now, decision.action))
        moments = _following(decisions)
    return tuple(
        Reached(ban, one.identity.tool, one.identity.version, one.state, tuple(steps[ban]))
        for ban, one in sorted(first.items())
    )


def protected(seen: Observation) -> str:
    """Why this is something that no policy may touch, or nothing."""
    if seen.purl and protected_package(parse_purl(seen.purl).key):
        return "a protected package"
    name = executable_name(seen.path or seen.name)
    if seen.face in (Face.EXECUTABLE, Face.PROCESS) and protected_name(name):
        return "a protected program"
    return protected_place(seen.path) if seen.path else ""


def _following(decisions: Iterable[Decision]) -> set[Instant]:
    return {one.next_stage.start for one in decisions if one.next_stage is not None}
