"""Whether it pays to wait a moment for more to store. Pure: times come in.

A transaction costs two milliseconds of processor whether it stores one report or ten. When reports come thick, the
writer waits a moment before it begins, so that each of them costs half; a lone report never waits.
"""

from __future__ import annotations

from typing import Final

MOMENT: Final = 0.01
"""Seconds that are waited."""
WORTH: Final = 2.0
"""Others that must be expected in that time."""
SPAN: Final = 0.5
"""Seconds over which arrivals are judged; a burst that has passed is forgotten as quickly."""


class Arrivals:
    """How thick reports come, as one thread sees that takes them in batches."""

    def __init__(self) -> None:
        self._began: float | None = None
        self._count = 0
        self._per_s = 0.0

    def taken(self, jobs: int, at: float) -> None:
        """So many were taken, at this instant of the monotonic clock."""
        if self._began is None:
            self._began = at
        self._count += jobs
        if at - self._began >= SPAN:
            self._per_s = self._count / (at - self._began)
            self._began, self._count = at, 0

    def moment(self) -> float:
        """Seconds to wait for others before the next batch; 0: nobody would come."""
        return MOMENT if self._per_s * MOMENT >= WORTH else 0.0
