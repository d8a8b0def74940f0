"""Whether a ban refuses far more than a tool: different programs of the system, within a minute. Pure.

Counted are programs that root owns, by the installation around them or by what nobody else can make up
(`Refused.file`): who copies a banned program to twenty names, binds it over others in a namespace of their own, or
starts each part of one tool has still named one thing. So nobody can let go of a ban.
"""

from __future__ import annotations

WITHIN = 60.0
"""Seconds."""
PROGRAMS = 6
"""Different things of root's that one ban may refuse within that time."""
_MOST = 256


class Widening:
    """Remembers the last minute's refusals of programs that root owns, by ban."""

    def __init__(self) -> None:
        self._seen: dict[str, dict[str, float]] = {}

    def add(self, ban: str, thing: str, owner: int, now: float) -> int:
        """A start was refused. How many things make it too many, else 0. `now` in monotonic seconds."""
        if owner != 0 or not thing:
            return 0
        rows = {known: at for known, at in self._seen.get(ban, {}).items() if now - at < WITHIN}
        if len(rows) < _MOST:
            rows[thing] = now
        self._seen[ban] = rows
        return len(rows) if len(rows) > PROGRAMS else 0

    def forget(self, ban: str) -> None:
        """It is held now: should somebody let it go, counting begins anew."""
        self._seen.pop(ban, None)
