"""Where the database is: SQLite in the --data folder, or what --database or the environment names.

A password does not belong on a command line, where everybody on the machine can read it: it comes from a file, from
the environment, or from where PostgreSQL's own programs take it (~/.pgpass, PGPASSFILE).
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Final

from sqlalchemy import URL, make_url
from sqlalchemy.exc import ArgumentError

from console.errors import BadCommand, BadFile

ADDRESS: Final = "INTERDICT_CONSOLE_DATABASE"
PASSWORD_FILE: Final = "INTERDICT_CONSOLE_DATABASE_PASSWORD_FILE"
FORM: Final = "Use postgresql+psycopg://USER@HOST/NAME, or leave it out for SQLite in the --data folder."
FILE: Final = "console.sqlite3"


def use(address: str, password_file: Path | None) -> None:
    """What the command line says about the database goes before the environment, for this process.

    Raises:
        BadCommand: the address is none, or holds a password.
    """
    if address:
        if parsed(address).password is not None:
            raise BadCommand(
                "the password of the database would be visible to everybody on this machine",
                f"Put it into a file (--database-password-file), or the whole address into ${ADDRESS}.",
            )
        os.environ[ADDRESS] = address
    if password_file is not None:
        os.environ[PASSWORD_FILE] = str(password_file)


def address_of(data: Path) -> URL:
    """The address of the database of this console.

    Raises:
        BadCommand: the address is none.
        BadFile: the file with the password cannot be read.
    """
    named = os.environ.get(ADDRESS, "")
    if not named:
        return URL.create("sqlite", database=str(data / FILE))
    address = parsed(named)
    file = os.environ.get(PASSWORD_FILE, "")
    return address.set(password=_first_line(Path(file))) if file else address


def parsed(address: str) -> URL:
    """An address of one of the two databases, with the driver that we bring.

    Raises:
        BadCommand: it is none.
    """
    try:
        url = make_url(address)
    except (ArgumentError, ValueError) as error:
        raise BadCommand("the address of the database is none", FORM) from error
    if url.drivername == "postgresql":
        url = url.set(drivername="postgresql+psycopg")
    if url.drivername not in ("postgresql+psycopg", "sqlite"):
        raise BadCommand(f"{url.drivername} is no database that the console knows", FORM)
    return url


def _first_line(file: Path) -> str:
    try:
        return file.read_text(encoding="utf-8").splitlines()[0].strip()
    except (OSError, UnicodeError, IndexError) as error:
        raise BadFile(f"{file} holds no password") from error
