"""Brings a database to the form that this program expects. The steps stand in `migrations/versions`."""

from __future__ import annotations

import logging
from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from alembic.util.exc import CommandError

from console.errors import StoreUnusable
from console.store.db import Database

SCRIPTS = Path(__file__).parent / "migrations"


def migrate(database: Database) -> tuple[str | None, str]:
    """Runs every step that is missing, in one transaction. Returns the revisions before and after.

    Raises:
        StoreUnusable: the database was made by a newer program.
    """
    logging.getLogger("alembic").setLevel(logging.WARNING)
    config = _config()
    with database.write() as connection:
        before = MigrationContext.configure(connection).get_current_revision()
        config.attributes["connection"] = connection
        try:
            command.upgrade(config, "head")
        except CommandError as error:
            raise StoreUnusable(
                f"the database has the revision {before}, which this program does not know",
                "Upgrade interdict; a database is never taken back to an older form.",
            ) from error
    return before, newest()


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
