"""Opens the database and hands out transactions: many readers, writers one after the other."""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event
from sqlalchemy.exc import SQLAlchemyError

from console import audit
from console.errors import StoreUnusable

BUSY_MS = 10_000


class Database:
    """One database. `close` it when done: connections do not end by themselves."""

    def __init__(self, address: str) -> None:
        self.engine = create_engine(address)
        if self.engine.dialect.name == "sqlite":
            _set_up_sqlite(self.engine)
        self._writing = self.engine.execution_options(interdict_writes=True)

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """One consistent view; nothing is kept."""
        with self.engine.connect() as connection:
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


def open_database(address: str) -> Database:
    """Opens a database and touches it once.

    Raises:
        StoreUnusable: it cannot be opened.
    """
    database = Database(address)
    try:
        with database.read() as connection:
            connection.exec_driver_sql("SELECT 1")
    except SQLAlchemyError as error:
        database.close()
        raise StoreUnusable(f"the database {address} cannot be opened") from error
    return database


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
