"""What the verbs of `interdict-console` have in common: the database, files of the command line, and who uses it."""

from __future__ import annotations

import getpass
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sqlalchemy import URL
from sqlalchemy.exc import SQLAlchemyError

from console.errors import BadFile, StoreUnusable
from console.store import migrate as migrations
from console.store.address import address_of
from console.store.db import Database, open_database

LONGEST_FILE = 64 << 20


@contextmanager
def database(data: Path, *, create: bool = False) -> Iterator[Database]:
    """The database in its newest form.

    Raises:
        StoreUnusable: it is not there and shall not be made, or cannot be used.
    """
    address = address_of(data)
    if not create and address.drivername == "sqlite" and not Path(address.database or "").is_file():
        raise StoreUnusable(
            f"there is no console in {data}", "Say --data DIR, or begin with `interdict-console serve`."
        )
    migrated(data)
    opened = open_database(address)
    try:
        yield opened
    except SQLAlchemyError as error:
        raise StoreUnusable(f"the database {shown(address)} cannot be used: {str(error).splitlines()[0]}") from error
    finally:
        opened.close()


def migrated(data: Path) -> tuple[str | None, str]:
    """Brings the database to its newest form. Returns the revisions before and after.

    Raises:
        StoreUnusable: it cannot be used, or is newer than this program.
    """
    address = address_of(data)
    try:
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise StoreUnusable(f"{data} cannot be made: {error.strerror}") from error
    database = open_database(address)
    try:
        return migrations.migrate(database)
    except SQLAlchemyError as error:
        raise StoreUnusable(f"the database {shown(address)} cannot be used: {str(error).splitlines()[0]}") from error
    finally:
        database.close()


def shown(address: URL) -> str:
    """An address for a message: a file, or a server without its password."""
    return str(address.database) if address.drivername == "sqlite" else address.render_as_string(hide_password=True)


def lines_of(file: Path) -> list[str]:
    """The lines of a text file.

    Raises:
    BadFile: the file cannot be read as text.
    """
    try:
        with file.open("rb") as opened:
            data = opened.read(LONGEST_FILE + 1)
        if len(data) > LONGEST_FILE:
            raise BadFile(f"{file} has more than {LONGEST_FILE} bytes")
        return data.decode("utf-8-sig").splitlines()
    except OSError as error:
        raise BadFile(f"{file} cannot be read: {error.strerror}") from error
    except UnicodeError as error:
        raise BadFile(f"{file} is not UTF-8 text", "Save it as UTF-8.") from error


def who() -> str:
    """Who uses the command, for the record."""
    return f"uid {os.getuid()}" if hasattr(os, "getuid") else getpass.getuser()
