"""The totals of each day, so that a burn-down needs no look through the history, and stays true when that is forgotten.

The row of today is written anew each hour; the last one of a day stands for its end.
"""

from __future__ import annotations

from typing import Final

from sqlalchemy import Connection

from console.store.queries import upkeep
from console.store.queries.fleet import Silence
from policy_schema.rules.instant import Instant, format_instant

EVERY: Final = 3600
MOVED: Final = "moved"


def day_of(now: int) -> str:
    """The day in UTC, `2026-07-10`."""
    return format_instant(Instant(now))[:10]


def write(connection: Connection, silence: Silence) -> int:
    """Replaces today's totals by what is true now. Returns how many rows they are."""
    found: list[tuple[str, str, str, int]] = []
    found += [("", "", state, number) for state, number in connection.execute(upkeep.states(silence))]
    found += [
        ("", group, state, number) for group, state, number in connection.execute(upkeep.states_by_group(silence))
    ]
    for by_group in (False, True):
        rows = connection.execute(upkeep.moved(by_group=by_group)).all()
        found += [("", group, MOVED, number) for group, number in rows if number]
        rows = connection.execute(upkeep.bans(by_group=by_group)).all()
        found += [(ban, group, state, number) for ban, group, state, number in rows]
    day = day_of(silence.now)
    connection.execute(upkeep.drop_totals(day))
    values = [
        {"day": day, "ban": ban, "group": group, "state": state, "devices": number}
        for ban, group, state, number in found
    ]
    if values:
        connection.execute(upkeep.put_totals(connection.dialect.name), values)
    return len(values)
