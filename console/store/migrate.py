"""Brings a database to the form that this program expects. The steps stand in `migrations/versions`."""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError
from psycopg.errors import LockNotAvailable
from sqlalchemy import Connection, text
from sqlalchemy.exc import OperationalError

from console.errors import StoreUnusable
from console.store import postgres
from console.store.db import Database

SCRIPTS = Path(__file__).parent / "migrations"
LOCK_MS = 3_000
"""So long a step waits for a lock, and everybody who comes after it waits with it."""
TRIES = 100


def migrate(database: Database, to: str = "head") -> tuple[str | None, str]:
    """Runs every step that is missing, up to a revision. Returns the revisions before and after.

    One process at a time does this; the others wait and find nothing left to do. On SQLite all steps are one
    transaction. On PostgreSQL each step is one of its own, so that it can make indexes while others read and write; a
    step that cannot have a lock within seconds lets the others go on first and tries again.

    Raises:
        StoreUnusable: the database was made by a newer program.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    if database.dialect != "postgresql":
        with database.write() as connection:
            return _upgraded(connection, to)
    with postgres.alone(database.engine, "migrate"), database.engine.connect() as connection:
        connection.execute(text(f"SET lock_timeout = {LOCK_MS}"))
        connection.commit()
        for _ in range(TRIES):
            try:
                return _upgraded(connection, to)
            except OperationalError as error:
                if not isinstance(error.orig, LockNotAvailable):
                    raise
                connection.rollback()
        raise StoreUnusable("a table is locked by somebody for too long", "Look at pg_stat_activity, then try again.")


def revision_of(connection: Connection) -> str | None:
    """The revision that the database has; None when it has no tables yet."""
    return MigrationContext.configure(connection).get_current_revision()


def _upgraded(connection: Connection, to: str) -> tuple[str | None, str]:
    before = revision_of(connection)
    if connection.dialect.name == "postgresql":
        connection.commit()
    config = _config()
    config.attributes["connection"] = connection
    try:
        command.upgrade(config, to)
    except CommandError as error:
        raise StoreUnusable(
            f"the database has the revision {before}, which this program does not know",
            "Upgrade interdict; a database is never taken back to an older form.",
        ) from error
    return before, newest() if to == "head" else to


def newest() -> str:
    """The revision that this program expects."""
    head = ScriptDirectory.from_config(_config()).get_current_head()
    assert head is not None, "the migrations are part of the program"
    return head


def _config() -> Config:
    config = Config()
    # A percent sign in the path would be read as an interpolation.
    config.set_main_option("script_location", str(SCRIPTS).replace("%", "%%"))
    return config
