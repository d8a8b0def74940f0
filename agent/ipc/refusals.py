"""Refused starts, counted: a loop that tries a banned program a thousand times a second is one line a minute. Pure."""

from __future__ import annotations

from typing import NamedTuple

from agent.ipc.gate_messages import Refused

EVERY = 60.0
"""Seconds for which further refusals of the same thing are only counted."""
MOST = 512
"""Different things that are counted at the same time; what is beyond goes into the count of all."""


class Refusals(NamedTuple):
    """So many starts of the same thing by the same user; `last` stands for all of them."""

    last: Refused
    number: int


_Key = tuple[int, str, str, str]


class Tally:
    """The first refusal of a thing is told at once, the following ones together once a minute. `total` counts all."""

    def __init__(self) -> None:
        self._since: dict[_Key, float] = {}
        self._more: dict[_Key, Refusals] = {}
        self.total = 0

    def add(self, event: Refused, now: float) -> Refusals | None:
        """A start was refused; what is to be told now. `now` in monotonic seconds."""
        self.total += 1
        key = (event.uid, event.ban, event.tool, event.path)
        if key in self._since:
            self._more[key] = Refusals(event, self._more[key].number + 1 if key in self._more else 1)
            return None
        if len(self._since) >= MOST:
            # Whoever makes up so many paths is told of by the count of all.
            return None
        self._since[key] = now
        return Refusals(event, 1)

    def due(self, now: float) -> list[Refusals]:
        """What has been counted and is told now."""
        over = [key for key, since in self._since.items() if now - since >= EVERY]
        found: list[Refusals] = []
        for key in over:
            more = self._more.pop(key, None)
            if more is None:
                del self._since[key]
            else:
                self._since[key] = now
                found.append(more)
        return found
