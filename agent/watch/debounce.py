"""When a folder that changed is looked at: pure, the time comes in as a parameter (monotonic seconds).

A look comes when it has been quiet for a moment, so that one install is one look; under a stream of changes that does
not end it comes all the same, at growing distances; and single changes that come all day use up a store of prompt
looks, so that no program can keep the agent busy by writing a file every second.
"""

from __future__ import annotations

QUIET = 0.15
"""Seconds without a change after which a folder is looked at."""
LONGEST = 0.6
"""Seconds after which it is looked at for the first time while changes go on."""
STREAM_LIMIT = 10.0
"""The longest distance of looks under a stream of changes, in seconds."""
PROMPT = 100.0
"""How many looks may come promptly in a row: an install is two or three."""
REFILL = 5.0
"""Seconds after which one more prompt look is allowed; the distance of looks when there is none left."""


class Debounce:
    """One folder's changes and looks."""

    def __init__(self) -> None:
        self._first: float | None = None
        self._last = 0.0
        self._longest = LONGEST
        self._looked = float("-inf")
        self._prompt = PROMPT

    def changed(self, now: float) -> None:
        """Something changed."""
        if self._first is None:
            self._first = now
        self._last = now

    def due(self) -> float | None:
        """When to look; None while nothing changed."""
        if self._first is None:
            return None
        due = min(self._last + QUIET, self._first + self._longest)
        return due if self._prompt >= 1 else max(due, self._looked + REFILL)

    def looked(self, now: float) -> None:
        """The look is made now; the next change starts anew."""
        streaming = self._first is not None and self._last + QUIET > now
        self._longest = min(self._longest * 2, STREAM_LIMIT) if streaming else LONGEST
        if self._looked > float("-inf"):
            self._prompt = min(PROMPT, self._prompt + (now - self._looked) / REFILL)
        self._prompt = max(0.0, self._prompt - 1)
        self._looked = now
        self._first = None
