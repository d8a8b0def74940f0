"""Databases of the console for tests: each a copy of one that was brought to the newest form once."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Self

import psycopg

from tests.fakes.postgres import Cluster, cluster

TEMPLATE = "in_newest_form"
FILLED = """SELECT relname FROM pg_class
    WHERE relnamespace = 'public'::regnamespace AND relkind = 'r' AND pg_relation_size(oid) > 0"""
KEEP = f"""
CREATE SCHEMA seeds;
DO $$ DECLARE r record; BEGIN
    FOR r IN {FILLED} LOOP EXECUTE format('CREATE TABLE seeds.%1$I AS TABLE public.%1$I', r.relname); END LOOP;
END $$
"""
"""Remembers the rows that the migrations themselves have written."""
EMPTY = f"""
DO $$ DECLARE r record; BEGIN
    FOR r IN {FILLED} LOOP EXECUTE format('TRUNCATE public.%I RESTART IDENTITY', r.relname); END LOOP;
    FOR r IN SELECT tablename FROM pg_tables WHERE schemaname = 'seeds' LOOP
        EXECUTE format('INSERT INTO public.%1$I TABLE seeds.%1$I', r.tablename); END LOOP;
END $$
"""
PARTS = "SELECT count(*) FROM pg_inherits"
"""Tables of single months."""


class Stores:
    """Makes them. Nothing is imported or started before the first one is asked for."""

    def __init__(self) -> None:
        self._end = ExitStack()
        self._file: Path | None = None
        self._cluster: Cluster | None = None
        self._used: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._end.close()

    @contextmanager
    def new(self, kind: str) -> Iterator[str]:
        """The address of a new one; what it held is gone afterwards."""
        if kind == "postgresql":
            name = self._taken()
            yield self.cluster.address(name)
            self._given_back(name)
            return
        with tempfile.TemporaryDirectory(prefix="store-") as folder:
            shutil.copy(self.file, f"{folder}/console.sqlite3")
            yield f"sqlite:///{folder}/console.sqlite3"

    @property
    def cluster(self) -> Cluster:
        """A server with a migrated database to copy."""
        if self._cluster is None:
            self._cluster = self._end.enter_context(cluster())
            self._cluster.ask(f"CREATE DATABASE {TEMPLATE}")
            _migrate(self._cluster.address(TEMPLATE))
            self._cluster.ask(KEEP, TEMPLATE)
        return self._cluster

    def _taken(self) -> str:
        return self._used.pop() if self._used else self.cluster.create(TEMPLATE)

    def _given_back(self, name: str) -> None:
        """Emptied, which is ten times as quick as a new one; one that a test has bent is thrown away."""
        try:
            self.cluster.ask(EMPTY, name)
            bent = self.cluster.ask(PARTS, name) != self.cluster.ask(PARTS, TEMPLATE)
        except psycopg.Error:
            bent = True
        if bent:
            self.cluster.drop(name)
        else:
            self._used.append(name)

    @property
    def file(self) -> Path:
        """A migrated file to copy."""
        if self._file is None:
            folder = self._end.enter_context(tempfile.TemporaryDirectory(prefix="store-"))
            self._file = Path(folder, "console.sqlite3")
            _migrate(f"sqlite:///{self._file}")
        return self._file


def _migrate(address: str) -> None:
    from console.store.db import Database
    from console.store.migrate import migrate

    database = Database(address)
    migrate(database)
    database.close()
