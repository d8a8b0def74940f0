"""A real PostgreSQL server in a folder of its own, on a socket there: started, stopped, killed, copied, promoted.

The server refuses to run as root, so then it is the system's `postgres` (or `nobody`), and the folder is theirs.
"""

from __future__ import annotations

import itertools
import os
import pwd
import shutil
import signal
import subprocess
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from glob import glob
from pathlib import Path
from typing import Any

import psycopg

PATIENCE = 60.0
SETTINGS = {
    "listen_addresses": "''",
    "fsync": "off",
    "full_page_writes": "off",
    "shared_buffers": "32MB",
    "max_connections": "60",
    "max_wal_senders": "4",
    "wal_level": "replica",
    "max_wal_size": "256MB",
    "log_min_messages": "fatal",
    "autovacuum_naptime": "1h",
}
"""Nothing here survives a power cut, and nothing has to; a killed server loses nothing all the same."""


def program(name: str) -> str:
    """Where a program of the server lies: Debian keeps them out of the way."""
    return shutil.which(name) or sorted(glob(f"/usr/lib/postgresql/*/bin/{name}"))[-1]


def unprivileged() -> dict[str, Any]:
    """How a process of the server is started."""
    if os.geteuid() != 0:
        return {}
    names = {entry.pw_name for entry in pwd.getpwall()}
    entry = pwd.getpwnam("postgres" if "postgres" in names else "nobody")
    return {"user": entry.pw_uid, "group": entry.pw_gid, "extra_groups": []}


class Cluster:
    """One server with its data. `folder` is short: the path of a socket has 107 bytes at most."""

    def __init__(self, folder: Path, settings: dict[str, str] | None = None) -> None:
        self.folder = folder
        self.data = folder / "data"
        self.settings = {**SETTINGS, **(settings or {})}
        self._process: subprocess.Popen[bytes] | None = None
        self._names = itertools.count(1)

    def address(self, name: str = "postgres", host: str = "") -> str:
        """The address of a database, as SQLAlchemy writes it."""
        return f"postgresql+psycopg://interdict@/{name}?host={host or self.folder}"

    def make(self) -> None:
        """An empty server."""
        user = unprivileged()
        if user:
            os.chown(self.folder, user["user"], user["group"])
        command = [program("initdb"), "-D", self.data, "-U", "interdict", "-A", "trust", "-E", "UTF8", "--no-sync"]
        subprocess.run([*command, "--locale=C.UTF-8"], check=True, capture_output=True, cwd="/", **user)

    def copy_of(self, other: Cluster) -> None:
        """A standby that follows `other`."""
        user = unprivileged()
        if user:
            os.chown(self.folder, user["user"], user["group"])
        command = [program("pg_basebackup"), "-D", self.data, "-h", other.folder, "-U", "interdict", "-R", "-c", "fast"]
        subprocess.run([*command, "-X", "stream"], check=True, capture_output=True, cwd="/", **user)

    def start(self) -> None:
        """Starts it and waits until it answers; after a kill it first mends itself."""
        options = [f"--{name}={value.strip(chr(39))}" for name, value in self.settings.items()]
        command = [program("postgres"), "-D", str(self.data), "-k", str(self.folder), *options]
        ended = threading.Event()
        for _ in range(int(PATIENCE * 5)):
            if self._process is None or self._process.poll() is not None:
                # Processes of a killed server may still be ending: it then refuses to start, and is asked again.
                with (self.folder / "log").open("ab") as log:
                    self._process = subprocess.Popen(
                        command, stdout=subprocess.DEVNULL, stderr=log, cwd="/", **unprivileged()
                    )
            with suppress(psycopg.OperationalError):
                self.ask("SELECT 1")
                return
            ended.wait(0.2)
        raise AssertionError((self.folder / "log").read_text()[-2000:])

    def stop(self) -> None:
        """In order: who is connected is sent away."""
        self._end(signal.SIGINT)

    def kill(self) -> None:
        """Without a chance to tidy up."""
        self._end(signal.SIGKILL)

    def promote(self) -> None:
        """A standby becomes a server that can be written to."""
        self.ask("SELECT pg_promote(true, 60)")

    def ask(self, statement: str, name: str = "postgres") -> list[tuple[Any, ...]]:
        """One statement, outside of transactions."""
        with psycopg.connect(
            host=str(self.folder), user="interdict", dbname=name, autocommit=True, connect_timeout=5
        ) as connection:
            cursor = connection.execute(statement.encode())
            return cursor.fetchall() if cursor.description else []

    def create(self, template: str = "template1") -> str:
        """A new database; its name."""
        name = f"made_{next(self._names)}"
        self.ask(f"CREATE DATABASE {name} TEMPLATE {template}")
        return name

    def drop(self, name: str) -> None:
        """Ends a database and whoever uses it."""
        self.ask(f"DROP DATABASE {name} WITH (FORCE)")

    def _end(self, by: signal.Signals) -> None:
        process, self._process = self._process, None
        if process is not None and process.poll() is None:
            process.send_signal(by)
            process.wait(PATIENCE)


@contextmanager
def folder() -> Iterator[Path]:
    """A folder with a short name that the server may enter."""
    made = Path(tempfile.mkdtemp(prefix="pg-", dir="/tmp"))
    made.chmod(0o700)
    try:
        yield made
    finally:
        shutil.rmtree(made, ignore_errors=True)


@contextmanager
def cluster(settings: dict[str, str] | None = None) -> Iterator[Cluster]:
    """A running server, gone afterwards."""
    with folder() as place:
        made = Cluster(place, settings)
        made.make()
        made.start()
        try:
            yield made
        finally:
            made.stop()
