"""The gate's clock: the machine's, never earlier than the floor that the daemon hands over."""

from __future__ import annotations

import time
from collections.abc import Callable

from policy_schema.rules.instant import Instant

Wall = Callable[[], float]
"""Seconds since the epoch."""


def wall() -> float:
    """What the machine's clock says: for file times, which are of the same clock, and for messages."""
    return time.time()  # noqa: TID251 - the gate imports nothing of the agent, whose clock stands in agent/host


def now(floor: int, clock: Wall = wall) -> Instant:
    """The instant that stages are compared with: a clock set back does not end a ban."""
    return Instant(max(int(clock()), floor))
