"""Opens the database and hands out transactions: many readers, writers one after the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, make_url
from sqlalchemy.exc import ArgumentError, SQLAlchemyError

from console import audit
from console.errors import StoreUnusable
from console.store import postgres

BUSY_MS = 10_000
ADDRESSES = "Use postgresql+psycopg://USER@HOST/NAME, or leave it out for SQLite in the --data folder."


class Database:
    """One database. `close` it when done: connections do not end by themselves."""

    def __init__(self, address: str | URL) -> None:
        url = make_url(address)
        if url.get_backend_name() == "postgresql":
            self.engine = create_engine(url, **postgres.arguments(url))
            self._reading: Engine = self.engine.execution_options(
                isolation_level="REPEATABLE READ", postgresql_readonly=True
            )
        else:
            self.engine = self._reading = create_engine(url)
            _set_up_sqlite(self.engine)
        self._writing = self.engine.execution_options(interdict_writes=True)

    @property
    def dialect(self) -> str:
        """`sqlite` or `postgresql`."""
        return self.engine.dialect.name

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; nothing is kept."""
        with self._reading.connect() as connection:
            yield connection

    @contextmanager
    def write(self) -> Iterator[Connection]:
        """A transaction that is committed at the end, or undone by an exception."""
        with self._writing.begin() as connection:
            try:
                yield connection
                audit.seal(connection)
            finally:
                audit.forget(connection)

    def close(self) -> None:
        """Ends all connections."""
        self.engine.dispose()


def open_database(address: str | URL) -> Database:
    """Opens a database and touches it once.

    Raises:
        StoreUnusable: it cannot be opened.
    """
    try:
        database = Database(address)
    except (ArgumentError, ImportError) as error:
        raise StoreUnusable("the address of the database cannot be used", ADDRESSES) from error
    try:
        with database.read() as connection:
            connection.exec_driver_sql("SELECT 1")
    except SQLAlchemyError as error:
        shown = database.engine.url.render_as_string(hide_password=True)
        database.close()
        raise StoreUnusable(f"the database {shown} cannot be opened{_why(error)}") from error
    return database


def _why(error: SQLAlchemyError) -> str:
    """The server's own words, in one line."""
    cause = getattr(error, "orig", None)
    words = " ".join(str(cause).split())[:200] if cause is not None else ""
    return f": {words}" if words else ""


def _set_up_sqlite(engine: Engine) -> None:
    """WAL so that pages do not wait for ingest; FULL so that an answered report survives a power cut.

    The driver's own way of beginning transactions is switched off: it would begin late, and a reader that becomes a
    writer is refused at once when another one was faster.
    """

    @event.listens_for(engine, "connect")
    def connect(connection: sqlite3.Connection, record: Any) -> None:
        connection.isolation_level = None
        connection.execute(f"PRAGMA busy_timeout = {BUSY_MS}")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")
        connection.execute("PRAGMA secure_delete = ON")

    @event.listens_for(engine, "begin")
    def begin(connection: Connection) -> None:
        writes = connection.get_execution_options().get("interdict_writes", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if writes else "BEGIN")
