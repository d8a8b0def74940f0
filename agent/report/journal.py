"""The journal: what the agent remembers, in one SQLite file that one process opens.

Others read `machine.json` and `<uid>.json` (see `views`). One thread (the deciding one) writes. Everything that must
survive a kill between two steps is written in one transaction, such as a report together with what it covers.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import NamedTuple

from agent.errors import StateBroken, StateDamaged

_STEPS: tuple[str, ...] = (
    """
    CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
    CREATE TABLE highest (role TEXT PRIMARY KEY, version INTEGER NOT NULL) WITHOUT ROWID;
    CREATE TABLE cases (finding TEXT PRIMARY KEY, body TEXT NOT NULL, gone_at INTEGER) WITHOUT ROWID;
    CREATE TABLE persons (ban TEXT, tool TEXT, uid INTEGER, body TEXT NOT NULL, PRIMARY KEY (ban, tool, uid))
        WITHOUT ROWID;
    CREATE TABLE events (id INTEGER PRIMARY KEY, at INTEGER NOT NULL, uid INTEGER NOT NULL, body TEXT NOT NULL);
    CREATE TABLE pending (id INTEGER PRIMARY KEY, kind TEXT NOT NULL, body TEXT NOT NULL, sequence INTEGER);
    CREATE TABLE outbox (sequence INTEGER PRIMARY KEY, body BLOB NOT NULL, made_at INTEGER NOT NULL);
    CREATE TABLE sent (id INTEGER PRIMARY KEY, sequence INTEGER NOT NULL, body BLOB NOT NULL, sent_at INTEGER NOT NULL);
    """,
)
ESSENTIAL = frozenset({"brake", "clock-floor", "gate-serial", "journals-set-aside"})
"""Keys of what is remembered that cannot be found again by looking."""
_KEEP_EVENTS = 5000
_KEEP_SENT = 500


class _Database:
    """The connection; whatever goes wrong with the file is said as `StateBroken`."""

    def __init__(self, path: str) -> None:
        self._path = path
        self._connection = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        self.close = self._connection.close

    @property
    def in_transaction(self) -> bool:
        return self._connection.in_transaction

    def execute(self, query: str, values: Sequence[object] = ()) -> sqlite3.Cursor:
        with self._said():
            return self._connection.execute(query, values)

    def executemany(self, query: str, rows: Iterable[Sequence[object]]) -> None:
        with self._said():
            self._connection.executemany(query, rows)

    def executescript(self, script: str) -> None:
        with self._said():
            self._connection.executescript(script)

    @contextmanager
    def _said(self) -> Iterator[None]:
        try:
            yield
        except sqlite3.Error as error:
            kind = StateDamaged if _is_damage(error) else StateBroken
            raise kind(f"{self._path}: {error}", _advice(error)) from error


def _is_damage(error: sqlite3.Error) -> bool:
    damaged = (sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CORRUPT)
    return getattr(error, "sqlite_errorcode", 0) & 0xFF in damaged


def _advice(error: sqlite3.Error) -> str | None:
    """A full disk is emptied; a file that is no journal is moved aside, which the error says by itself."""
    if _is_damage(error):
        return None
    return "Make room on its disk and see who may write to it; nothing is done until then."


class EventRow(NamedTuple):
    """One line of the history: when (instant), whose (uid; -1 for the machine), what."""

    at: int
    uid: int
    body: Mapping[str, object]


class Journal:
    """Opens or makes the journal.

    Raises:
        StateDamaged: the file is not a journal, or is damaged.
        StateBroken: it was written by a newer agent, or cannot be opened.
    """

    def __init__(self, path: str) -> None:
        self._path = path
        self.essential_changes = 0
        """Grows whenever something is written that cannot be found again by looking (see `essence`)."""
        try:
            made = os.open(path, os.O_RDWR | os.O_CREAT | getattr(os, "O_CLOEXEC", 0), 0o600)
            os.close(made)
            self._db = _Database(path)
        except (sqlite3.Error, OSError) as error:
            raise StateBroken(f"{path}: {error}") from error
        try:
            self._db.execute("PRAGMA journal_mode=WAL")
            self._db.execute("PRAGMA synchronous=FULL")
            self._db.execute("PRAGMA cache_size=-512")
            self._upgrade()
        except (sqlite3.Error, OSError, StateBroken) as error:
            self._db.close()
            if isinstance(error, StateBroken):
                raise
            raise StateBroken(f"{path}: {error}") from error

    def close(self) -> None:
        """Ends the use of the file."""
        self._db.close()

    def check(self) -> None:
        """Looks through all of the file.

        Raises:
            StateDamaged: something in it is not as SQLite wrote it.
        """
        found = str(self._db.execute("PRAGMA quick_check(1)").fetchone()[0])
        if found != "ok":
            raise StateDamaged(f"{self._path}: {found}")

    @contextmanager
    def together(self) -> Iterator[None]:
        """Everything inside is written as a whole or not at all. May be nested."""
        if self._db.in_transaction:
            yield
            return
        self._db.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._db.execute("COMMIT")
        except BaseException:
            # SQLite has rolled back by itself where the disk is full.
            if self._db.in_transaction:
                self._db.execute("ROLLBACK")
            raise

    def meta(self, key: str) -> str:
        """A remembered text, empty when there is none."""
        row = self._db.execute("SELECT value FROM meta WHERE key = ?", (key,)).fetchone()
        return str(row[0]) if row else ""

    def set_meta(self, key: str, value: str) -> None:
        """Remembers a text; rewriting the same one costs nothing."""
        if self.meta(key) != value:
            self._db.execute("INSERT OR REPLACE INTO meta VALUES (?, ?)", (key, value))
            self.essential_changes += key in ESSENTIAL

    def highest(self) -> dict[str, int]:
        """The highest version of each TUF role that was ever verified here."""
        return {str(role): int(version) for role, version in self._db.execute("SELECT role, version FROM highest")}

    def raise_highest(self, versions: Mapping[str, int]) -> None:
        """Takes over versions that are higher than the remembered ones; never lowers."""
        rows = list(versions.items())
        self.essential_changes += 1
        self._db.executemany(
            "INSERT INTO highest VALUES (?, ?)"
            " ON CONFLICT (role) DO UPDATE SET version = max(version, excluded.version)",
            rows,
        )

    def bodies(self, table: str) -> Iterator[tuple[str, dict[str, object]]]:
        """Every case (`cases`) or person (`persons`) as (key, values); a damaged row is left out."""
        query = {
            "cases": "SELECT finding, body FROM cases",
            "persons": "SELECT ban || char(0) || tool || char(0) || uid, body FROM persons",
        }[table]
        for key, body in self._db.execute(query):
            try:
                values = json.loads(body)
            except ValueError:
                continue
            if isinstance(values, dict):
                yield str(key), values

    def put_case(self, finding: str, body: Mapping[str, object], gone_at: int | None) -> None:
        """Writes one case."""
        row = (finding, json.dumps(body, separators=(",", ":")), gone_at)
        self._db.execute("INSERT OR REPLACE INTO cases VALUES (?, ?, ?)", row)

    def drop_case(self, finding: str) -> None:
        """Forgets one case."""
        self._db.execute("DELETE FROM cases WHERE finding = ?", (finding,))

    def put_person(self, ban: str, tool: str, uid: int, body: Mapping[str, object]) -> None:
        """Writes what one person has been told."""
        self.put_person_as_written(ban, tool, uid, json.dumps(body, separators=(",", ":")))

    def put_person_as_written(self, ban: str, tool: str, uid: int, body: str) -> None:
        """The same, of another journal."""
        self.essential_changes += 1
        self._db.execute("INSERT OR REPLACE INTO persons VALUES (?, ?, ?, ?)", (ban, tool, uid, body))

    def essence(self) -> dict[str, list[list[object]]]:
        """What cannot be found again by looking: the highest versions, what people were told, the brake, the clock."""
        queries = {
            "highest": "SELECT role, version FROM highest ORDER BY role",
            "persons": "SELECT ban, tool, uid, body FROM persons ORDER BY ban, tool, uid",
            "meta": "SELECT key, value FROM meta ORDER BY key",
        }
        rows = {name: [list(row) for row in self._db.execute(query)] for name, query in queries.items()}
        return {**rows, "meta": [row for row in rows["meta"] if row[0] in ESSENTIAL]}

    def add_event(self, at: int, uid: int, body: Mapping[str, object]) -> None:
        """Adds a line to the history; the oldest beyond 5,000 go."""
        text = json.dumps(body, separators=(",", ":"))
        cursor = self._db.execute("INSERT INTO events (at, uid, body) VALUES (?, ?, ?)", (at, uid, text))
        self._db.execute("DELETE FROM events WHERE id <= ?", ((cursor.lastrowid or 0) - _KEEP_EVENTS,))

    def events(self, limit: int = 200) -> list[EventRow]:
        """The newest lines of the history, oldest first."""
        rows = self._db.execute("SELECT at, uid, body FROM events ORDER BY id DESC LIMIT ?", (limit,)).fetchall()
        return [EventRow(int(at), int(uid), json.loads(body)) for at, uid, body in reversed(rows)]

    def add_pending(self, kind: str, body: Mapping[str, object]) -> None:
        """Queues one line for the next report."""
        self._db.execute(
            "INSERT INTO pending (kind, body) VALUES (?, ?)", (kind, json.dumps(body, separators=(",", ":")))
        )

    def take_pending(self, sequence: int, limit: int) -> list[tuple[str, dict[str, object]]]:
        """Gives the oldest unsent lines to a report (its sequence number) and returns them."""
        rows = self._db.execute(
            "SELECT id, kind, body FROM pending WHERE sequence IS NULL ORDER BY id LIMIT ?", (limit,)
        ).fetchall()
        self._db.executemany("UPDATE pending SET sequence = ? WHERE id = ?", [(sequence, row[0]) for row in rows])
        return [(str(kind), json.loads(body)) for _, kind, body in rows]

    def pending_count(self) -> int:
        """Lines that no report covers yet."""
        return int(self._db.execute("SELECT count(*) FROM pending WHERE sequence IS NULL").fetchone()[0])

    def put_report(self, sequence: int, body: bytes, made_at: int) -> None:
        """Keeps a report until the console says that it is stored."""
        self._db.execute("INSERT OR REPLACE INTO outbox VALUES (?, ?, ?)", (sequence, body, made_at))

    def first_report(self) -> tuple[int, bytes] | None:
        """The oldest report that the console has not said to have stored."""
        row = self._db.execute("SELECT sequence, body FROM outbox ORDER BY sequence LIMIT 1").fetchone()
        return (int(row[0]), bytes(row[1])) if row else None

    def stored(self, up_to: int, now: int) -> int:
        """The console has everything up to this sequence number. Returns how many reports that were."""
        with self.together():
            done = self._db.execute("SELECT sequence, body FROM outbox WHERE sequence <= ?", (up_to,)).fetchall()
            self._db.executemany(
                "INSERT INTO sent (sequence, body, sent_at) VALUES (?, ?, ?)", [(s, b, now) for s, b in done]
            )
            self._db.execute("DELETE FROM outbox WHERE sequence <= ?", (up_to,))
            self._db.execute("DELETE FROM pending WHERE sequence <= ?", (up_to,))
            self._db.execute("DELETE FROM sent WHERE id <= (SELECT max(id) FROM sent) - ?", (_KEEP_SENT,))
        return len(done)

    def forget_unsent(self) -> None:
        """Drops reports and lines that were not stored: a new epoch's first report holds the whole state instead.

        What a person asked for is no state, and is sent again.
        """
        with self.together():
            self._db.execute("DELETE FROM outbox")
            self._db.execute("DELETE FROM pending WHERE kind <> 'request'")
            self._db.execute("UPDATE pending SET sequence = NULL")

    def sent(self, limit: int) -> list[tuple[int, bytes, int]]:
        """The newest reports that the console has stored, as (sequence, body, when), oldest first."""
        rows = self._db.execute("SELECT sequence, body, sent_at FROM sent ORDER BY id DESC LIMIT ?", (limit,))
        return [(int(s), bytes(b), int(at)) for s, b, at in reversed(rows.fetchall())]

    def row_count(self) -> int:
        """Rows in all tables that can grow: a figure for the heartbeat."""
        tables = ("cases", "events", "pending", "outbox", "sent")
        return sum(int(self._db.execute(f"SELECT count(*) FROM {table}").fetchone()[0]) for table in tables)

    def _upgrade(self) -> None:
        version = int(self._db.execute("PRAGMA user_version").fetchone()[0])
        if version > len(_STEPS):
            raise StateBroken(f"{self._path}: written by a newer agent (format {version})")
        for number, script in enumerate(_STEPS[version:], version + 1):
            self._db.executescript(f"BEGIN; {script}; PRAGMA user_version = {number}; COMMIT;")
