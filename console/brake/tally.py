"""Counts what is new, in the transaction of the report that brought it: five minutes a slot, a row a process."""

from __future__ import annotations

import secrets
from collections.abc import Iterable
from typing import Final

from sqlalchemy import Connection

from console.store.queries import brake

SLOT: Final = 300
SHARD: Final = secrets.randbelow(1 << 30)
"""This process's own row in each slot: two that write at the same time do not wait for each other."""


def count(connection: Connection, bans: Iterable[str], now: int) -> None:
    """One device has something new of these bans."""
    rows = [{"ban": ban, "slot": now - now % SLOT, "shard": SHARD, "hits": 1} for ban in sorted(set(bans)) if ban]
    if rows:
        connection.execute(brake.add_hits(connection.dialect.name), rows)
