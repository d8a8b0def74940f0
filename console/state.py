"""In which one state a device is. Pure, so that the page, the export and the command say the same.

The first that holds, in this order:

1. `removed-by-IT`: an admin took the device out of the fleet, and it has not reported since.
2. `never-enrolled`: it is on the imported list of devices and no enrolled device has its name.
3. `silent`: no report for longer than the setting allows. What it said before is no longer known to be true.
4. `open`: a ban is, or will be, in force for something that is there.
5. `held`: the block waits for the answer to a request.
6. `excepted`: an exception covers what is there.
7. `paused`: the ban is paused.
8. `partial`: nothing of that, but the device could not look everywhere, or has no policy to compare with.
9. `clean`: it looked everywhere and nothing that counts is there.

"Open" comes before the others because on a device with one excepted and one open finding there is something left to do.
That a device has moved to an alternative is no state but an axis of its own.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from enum import StrEnum
from typing import Final, NamedTuple

from policy_schema.rules.decision import State
from policy_schema.rules.observation import Face


class DeviceState(StrEnum):
    """The states, in the order of precedence."""

    REMOVED = "removed-by-IT"
    NEVER_ENROLLED = "never-enrolled"
    SILENT = "silent"
    OPEN = "open"
    HELD = "held"
    EXCEPTED = "excepted"
    PAUSED = "paused"
    PARTIAL = "partial"
    CLEAN = "clean"


SHOWN_FIRST: Final = (
    DeviceState.OPEN,
    DeviceState.HELD,
    DeviceState.EXCEPTED,
    DeviceState.PAUSED,
    DeviceState.PARTIAL,
    DeviceState.SILENT,
    DeviceState.NEVER_ENROLLED,
    DeviceState.CLEAN,
    DeviceState.REMOVED,
)
"""The order of pages: what needs somebody first."""

MEANS: Final[dict[DeviceState, str]] = {
    DeviceState.OPEN: "banned software is there",
    DeviceState.HELD: "waits for the answer to a request",
    DeviceState.EXCEPTED: "an exception covers it",
    DeviceState.PAUSED: "the ban is paused",
    DeviceState.PARTIAL: "could not look everywhere",
    DeviceState.SILENT: "has not reported",
    DeviceState.NEVER_ENROLLED: "on the list, no agent",
    DeviceState.CLEAN: "looked everywhere, nothing found",
    DeviceState.REMOVED: "taken out of the fleet",
}

_OPEN: Final = frozenset({State.ANNOUNCED, State.ACTIVE, State.AWAITING_NOTICE, State.NOT_IN_ROLLOUT})
DOES_NOT_COUNT: Final = frozenset({State.OUT_OF_SCOPE, State.LIFTED, State.WEAK})
"""States of findings that say nothing against a device: not meant, no longer meant, a name or what was left behind."""
NO_COPY: Final = frozenset({Face.SETTING, Face.RESIDUE})
"""Faces that are no copy of a tool: what another one is configured with, and what one left behind."""


class Looked(NamedTuple):
    """What a device's last look rests on."""

    trust: str
    """`none` when the device has no policy."""
    unknown: tuple[tuple[str, int, tuple[str, ...]], ...]
    """For each source that could not look everywhere: its name, how many places, the codes why."""
    sources: int
    """How many sources looked at all."""
    not_understood: tuple[str, ...]
    """Bans that the device's agent is too old for."""
    withheld: int = 0
    """Findings of which the device says nothing yet, since the people whose they are have not been welcomed."""


def device_state(*, standing: DeviceState, removed: bool, last_heard: int, now: int, silent_after: int) -> DeviceState:
    """The state of an enrolled device. `standing` is what its last report amounts to; instants in seconds."""
    if removed:
        return DeviceState.REMOVED
    if now - last_heard > silent_after:
        return DeviceState.SILENT
    return standing


def standing_of(finding_states: Collection[str], looked: Looked) -> DeviceState:
    """What a device's findings and its coverage amount to, silence aside.

    A finding's state that this console does not know counts as open: too much attention is sooner mended than none.
    """
    known = {state.value for state in State}
    counting = {state for state in finding_states if state not in DOES_NOT_COUNT}
    if counting & _OPEN or counting - known:
        return DeviceState.OPEN
    for state, means in (
        (State.HELD, DeviceState.HELD),
        (State.EXCEPTED, DeviceState.EXCEPTED),
        (State.PAUSED, DeviceState.PAUSED),
    ):
        if state in counting:
            return means
    return DeviceState.PARTIAL if why_partial(looked) else DeviceState.CLEAN


def why_partial(looked: Looked) -> tuple[str, ...]:
    """Sentences: what the device could not look at or compare with. Empty when it could do everything."""
    sentences = list(_why_unknown(looked.unknown))
    if looked.trust == "none":
        sentences.insert(0, "has no policy to compare with")
    if looked.sources == 0:
        sentences.append("has not said yet what it looked at")
    if looked.not_understood:
        sentences.append(f"needs a newer agent for {', '.join(looked.not_understood[:5])}")
    if looked.withheld:
        sentences.append(f"{looked.withheld} found of people who have not been shown the welcome yet")
    return tuple(sentences)


def _why_unknown(unknown: Iterable[tuple[str, int, tuple[str, ...]]]) -> Iterable[str]:
    for source, places, reasons in unknown:
        if places:
            said = f" ({', '.join(reasons)})" if reasons else ""
            yield f"{source}: {places} {'place' if places == 1 else 'places'} could not be looked at{said}"
