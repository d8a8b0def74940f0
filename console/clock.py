"""The one place where the console reads the time. Everything else is handed a `Clock`."""

from __future__ import annotations

import time
from collections.abc import Callable

from policy_schema.rules.instant import Instant

Clock = Callable[[], Instant]


def wall_clock() -> Instant:
    """Seconds since the epoch, UTC."""
    return Instant(int(time.time()))
