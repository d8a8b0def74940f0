"""What PostgreSQL needs beside the SQL that it shares with SQLite: how to connect, one at a time, time limits."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from sqlalchemy import URL, Connection, Engine, text

from console.errors import StoreUnusable

CONNECT_S: Final = 5
LOCK_MS: Final = 10_000
"""How long a statement waits for somebody else's lock, as with SQLite."""
IDLE_MS: Final = 600_000
"""A transaction that does nothing for so long is ended: an export whose reader went away must not hold old rows."""
DEAD_MS: Final = 15_000
"""After so long without an answer a connection is given up: the server was switched off, or another one took over."""
POOL: Final = 8
LOCKS: Final = {"migrate": 0x1D_0001, "maintain": 0x1D_0002}
"""Numbers of the advisory locks of the whole database."""
LOCK_PATIENCE_S: Final = 600.0


def arguments(url: URL) -> dict[str, Any]:
    """What `create_engine` is given beside the address. What the address itself says goes before.

    With several hosts in the address (`?host=db1:5432&host=db2:5432`) only the one that can be written to is taken:
    after a failover that is the new one, found by the next connection.
    """
    given = dict(url.query)
    limits = f"-c lock_timeout={LOCK_MS} -c idle_in_transaction_session_timeout={IDLE_MS} -c jit=off"
    ours: dict[str, Any] = {
        "connect_timeout": CONNECT_S,
        "target_session_attrs": "read-write",
        "application_name": "interdict-console",
        "keepalives_idle": 10,
        "tcp_user_timeout": DEAD_MS,
        "options": limits,
    }
    return {
        "connect_args": {key: value for key, value in ours.items() if key not in given},
        "pool_pre_ping": True,
        "pool_size": POOL,
        "max_overflow": POOL,
        "pool_timeout": CONNECT_S * 2,
        "pool_use_lifo": True,
    }


@contextmanager
def alone(engine: Engine, what: str) -> Iterator[None]:
    """Holds an advisory lock of the database, so that one process at a time does this.

    Asked for again and again instead of waited for: whoever waits inside a statement holds a snapshot, and
    `CREATE INDEX CONCURRENTLY` of the process that has the lock would wait for it for ever.

    Raises:
        StoreUnusable: somebody else has been at it for ten minutes.
    """
    with engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        until = time.monotonic() + LOCK_PATIENCE_S
        while not try_lock(connection, what):
            if time.monotonic() > until:
                raise StoreUnusable(f"another console has been at work ({what}) for ten minutes", "Look what it does.")
            time.sleep(0.2)
        try:
            yield
        finally:
            connection.execute(text("SELECT pg_advisory_unlock(:number)"), {"number": LOCKS[what]})


def try_lock(connection: Connection, what: str) -> bool:
    """Takes the lock for this connection if it is free."""
    return bool(connection.execute(text("SELECT pg_try_advisory_lock(:number)"), {"number": LOCKS[what]}).scalar_one())
