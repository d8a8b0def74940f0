"""A copy of the whole database while it is used, and back again.

SQLite copies itself, page by page. For PostgreSQL its own programs do it (`pg_dump`, `pg_restore`), which must be
there; they get the password by the environment, never on their command line.
"""

from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
from glob import glob
from pathlib import Path
from typing import Final

from sqlalchemy import URL

from console.errors import BadCommand, BadFile, StoreUnusable

SQLITE: Final = b"SQLite format 3\0"
POSTGRES: Final = b"PGDMP"
BUSY_S: Final = 60.0


def backup(address: URL, file: Path) -> int:
    """Writes a copy of the database. Returns its bytes. It appears under its name when it is whole.

    Raises:
        BadFile: it cannot be written there.
        StoreUnusable: the copy failed.
    """
    if file.exists():
        raise BadFile(f"{file} exists", "Choose another name: a backup never replaces one.")
    part = file.with_name(file.name + ".part")
    try:
        part.touch(mode=0o600)
        if address.drivername == "sqlite":
            _copy(Path(str(address.database)), part)
        else:
            _run("pg_dump", address, ["--format=custom", "--no-owner", "--no-privileges", f"--file={part}"])
        os.replace(part, file)
    except OSError as error:
        raise BadFile(f"{file} cannot be written: {error.strerror}") from error
    finally:
        part.unlink(missing_ok=True)
    return file.stat().st_size


def restore(address: URL, file: Path) -> None:
    """Makes the database of a copy. Only where there is none yet: nothing is overwritten.

    Raises:
        BadFile: it is no backup of this kind of database.
        BadCommand: there is a database already.
        StoreUnusable: it failed.
    """
    kind = SQLITE if address.drivername == "sqlite" else POSTGRES
    try:
        with file.open("rb") as opened:
            begins = opened.read(len(kind))
    except OSError as error:
        raise BadFile(f"{file} cannot be read: {error.strerror}") from error
    if begins != kind:
        raise BadFile(f"{file} is no backup of {'SQLite' if kind is SQLITE else 'PostgreSQL'}", "Take the right file.")
    if address.drivername == "sqlite":
        _put_back(file, Path(str(address.database)))
    else:
        _refuse_tables(address)
        flags = ["--exit-on-error", "--single-transaction", "--no-owner", "--no-privileges"]
        _run("pg_restore", address, [*flags, f"--dbname={_target(address)}", str(file)])


def _copy(source: Path, to: Path) -> None:
    """Raises:
    StoreUnusable: the source cannot be read, or the copy is not whole.
    """
    try:
        reading = sqlite3.connect(f"{source.absolute().as_uri()}?mode=ro", uri=True, timeout=BUSY_S)
        writing = sqlite3.connect(to)
        try:
            reading.backup(writing, pages=2_000)
            writing.execute("PRAGMA journal_mode = DELETE")
            whole = writing.execute("PRAGMA integrity_check").fetchone()[0]
        finally:
            writing.close()
            reading.close()
    except sqlite3.Error as error:
        raise StoreUnusable(f"{source} cannot be copied: {error}") from error
    if whole != "ok":
        raise StoreUnusable(f"the copy of {source} is not whole: {whole}", "The database is damaged: look at its disk.")


def _put_back(file: Path, to: Path) -> None:
    if to.exists():
        raise BadCommand(f"{to} exists", "Stop the console and move the old database away first.")
    to.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
    part = to.with_name(to.name + ".part")
    part.touch(mode=0o600)
    try:
        _copy(file, part)
        os.replace(part, to)
    finally:
        part.unlink(missing_ok=True)


def _refuse_tables(address: URL) -> None:
    from console.store.db import open_database

    database = open_database(address)
    try:
        with database.read() as connection:
            there = connection.exec_driver_sql("SELECT to_regclass('alembic_version') IS NOT NULL").scalar_one()
    finally:
        database.close()
    if there:
        raise BadCommand("the database has tables already", "Make an empty one (createdb) and restore into that.")


def _run(name: str, address: URL, arguments: list[str]) -> None:
    environment = {**os.environ, "PGCONNECT_TIMEOUT": "10"}
    if address.password is not None:
        environment["PGPASSWORD"] = str(address.password)
    where = [f"--dbname={_target(address)}"] if name == "pg_dump" else []
    done = subprocess.run(
        [_program(name), *where, "--no-password", *arguments],
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        said = " ".join(done.stderr.split())[:300]
        raise StoreUnusable(f"{name} failed: {said}", "Mend that, then try again; nothing was changed.")


def _target(address: URL) -> str:
    """The address as PostgreSQL's own programs read it, without a password."""
    return address.set(drivername="postgresql", password=None).render_as_string()


def _program(name: str) -> str:
    found = shutil.which(name) or next(iter(sorted(glob(f"/usr/lib/postgresql/*/bin/{name}"), reverse=True)), None)
    if found is None:
        raise BadCommand(f"{name} is not installed here", "Install PostgreSQL's client programs (postgresql-client).")
    return found
