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
ENOUGH: Final = 10
"""Jobs that are not kept waiting for more."""
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
        self._judge(at)

    def moment(self, waiting: int, at: float) -> float:
        """Seconds to wait for others before the next batch, when so many are there; 0: it would not pay."""
        self._judge(at)
        return MOMENT if waiting < ENOUGH and self._per_s * MOMENT >= WORTH else 0.0

    def _judge(self, at: float) -> None:
        if self._began is not None and at - self._began >= SPAN:
            self._per_s = self._count / (at - self._began)
            self._began, self._count = at, 0
