"""A SQLite file that another program keeps, read as it lies there: nothing is written, locked or trusted.

What it says about its own structure is not believed either: only plain tables are read, within bounds.
"""

from __future__ import annotations

import sqlite3
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from urllib.parse import quote

from agent.errors import Gone, InterdictError, NotRegular, TooBig
from agent.host.hostile_tree import Tree
from agent.host.oserrors import printable

_STEPS = 10_000
_MAX_TICKS = 50_000
"""Times 10,000 steps of SQLite's machine: a look into a real database needs a few hundred."""


class ForeignDatabase:
    """An open database. Every method raises InterdictError for what is no database, or is not as it should be."""

    def __init__(self, connection: sqlite3.Connection, path: str) -> None:
        self._connection = connection
        self._path = path

    def row_ids(self, table: str, limit: int) -> Iterator[int]:
        """The row ids of a table, ascending. Raises TooBig beyond `limit`."""
        self._plain(table)
        for count, row in enumerate(self._rows(f'SELECT rowid FROM "{table}"')):
            if count >= limit:
                raise TooBig(f"{printable(self._path)}: more than {limit} rows")
            if isinstance(row[0], int):
                yield row[0]

    def matching(self, table: str, key: bytes, columns: tuple[str, str], limit: int) -> Iterator[tuple[int, int]]:
        """Two whole numbers of each row whose column `key` is this text."""
        self._plain(table)
        names = ", ".join(f'"{name}"' for name in columns)
        text = key.decode("utf-8", "replace")
        for first, second in self._rows(f'SELECT {names} FROM "{table}" WHERE "key" = ? LIMIT ?', text, limit):
            if isinstance(first, int) and isinstance(second, int):
                yield first, second

    def blob(self, table: str, column: str, row: int, length: int) -> tuple[bytes, int]:
        """The first `length` bytes of a blob, and its whole length."""
        with self._refused(), self._connection.blobopen(table, column, row, readonly=True) as blob:
            return blob.read(length), len(blob)

    def _rows(self, query: str, *values: object) -> Iterator[tuple[object, ...]]:
        with self._refused():
            yield from self._connection.execute(query, values)

    def _plain(self, table: str) -> None:
        """A view of that name could compute for ever."""
        kinds = list(self._rows("SELECT type FROM sqlite_master WHERE name = ? LIMIT 2", table))
        if kinds != [("table",)]:
            raise NotRegular(f"{printable(self._path)}: has no table {table}")

    @contextmanager
    def _refused(self) -> Iterator[None]:
        try:
            yield
        except (sqlite3.Error, OverflowError, MemoryError) as error:
            raise NotRegular(f"{printable(self._path)}: cannot be read: {printable(str(error), 100)}") from error


@contextmanager
def open_database(tree: Tree, path: str, stopped: Callable[[], bool]) -> Iterator[ForeignDatabase]:
    """Opens a database of the tree. It must lie in a folder of root's: between check and use it could be swapped.

    What a writer has not yet brought over from its log (`-wal`) is not seen: ask `unfinished`.

    Raises:
        InterdictError: Gone, Denied, NotRegular, or this system cannot do it.
    """
    if sys.platform != "linux":
        raise NotRegular(f"{printable(path)}: databases of other programs are read on Linux only")
    ticks = 0

    def tick() -> int:
        nonlocal ticks
        ticks += 1
        return 1 if ticks > _MAX_TICKS or stopped() else 0

    with tree.open(path) as (fd, _):
        place = quote(f"/proc/self/fd/{fd}")
        try:
            connection = sqlite3.connect(f"file:{place}?mode=ro&immutable=1", uri=True, isolation_level=None)
        except sqlite3.Error as error:
            raise NotRegular(f"{printable(path)}: cannot be opened: {printable(str(error), 100)}") from error
        try:
            connection.set_progress_handler(tick, _STEPS)
            connection.setlimit(sqlite3.SQLITE_LIMIT_LENGTH, 256 << 20)
            database = ForeignDatabase(connection, path)
            list(database._rows("PRAGMA trusted_schema = OFF"))
            yield database
        finally:
            connection.close()


def unfinished(tree: Tree, path: str) -> bool:
    """True while a writer's log holds changes that are not in the database file."""
    try:
        return tree.facts(f"{path}-wal").size > 0
    except Gone:
        return False
    except InterdictError:
        return True
