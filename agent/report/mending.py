"""A journal that is damaged is set aside, and another begins with what cannot be found again by looking.

That is: the highest versions ever seen (an older policy must not come back), what people were told and since when
(nobody is told twice, and nobody gets the time to object twice), the brake, and the floor under the clock. It is read
from what SQLite still reads of the damaged file, and from a second copy, `remembered.json`, which the daemon writes
within a second of each change: where the first page of a database is gone, nothing of it can be read. Findings are
found anew, and reports begin a new epoch with the whole state.
"""

from __future__ import annotations

import json
import os
import sqlite3
from collections.abc import Callable, Iterable
from contextlib import closing, suppress

from agent.errors import InterdictError, StateBroken, StateDamaged
from agent.host.files import read_bounded, write_atomically
from agent.report.journal import ESSENTIAL, Journal

SET_ASIDE = "journal-set-aside"
"""Key in the journal: why the one before it was set aside."""
TIMES = "journals-set-aside"
"""Key in the journal: how often that has happened on this machine."""
KEPT = 3
"""Damaged journals that are kept for whoever wants to know why."""
_COPY = "remembered.json"
_EVERY = 1.0
"""Seconds between two writings of the copy at the least."""
_MOST_ROWS = 20_000
_MOST_BYTES = 32 << 20
_QUERIES = {
    "highest": "SELECT role, version FROM highest",
    "persons": "SELECT ban, tool, uid, body FROM persons",
    "meta": "SELECT key, value FROM meta",
}
_Rows = dict[str, list[list[object]]]


class SecondCopy:
    """Writes down beside the journal what cannot be found again."""

    def __init__(self, journal: Journal, state_dir: str) -> None:
        self._journal, self._path = journal, os.path.join(state_dir, _COPY)
        self._written = -1
        self._at = 0.0

    def patience(self, at: float) -> float:
        """Seconds until `keep` has something to do; a minute when nothing has changed."""
        return 60.0 if self._journal.essential_changes == self._written else max(0.0, self._at - at)

    def keep(self, at: float) -> None:
        """Writes the copy if something has changed and the last writing is long enough ago (`at`: monotonic).

        Raises:
            InterdictError: it cannot be written.
        """
        changes = self._journal.essential_changes
        if changes == self._written or at < self._at:
            return
        data = json.dumps({"schema": 1, **self._journal.essence()}, separators=(",", ":")).encode() + b"\n"
        write_atomically(self._path, data, 0o600)
        self._written, self._at = changes, at + _EVERY


def open_journal(path: str, tell: Callable[[str], None]) -> Journal:
    """The journal, sound. `tell` is told why the one before it was set aside.

    Raises:
        StateBroken: it cannot be made or opened, and it is not its content that is wrong.
    """
    if not _is_there(path) and _is_there(os.path.join(os.path.dirname(path), _COPY)):
        return _instead_of(path, f"{path}: it was gone or empty", tell)
    try:
        journal = Journal(path)
    except StateDamaged as error:
        return _instead_of(path, str(error), tell)
    try:
        journal.check()
    except StateDamaged as error:
        journal.close()
        return _instead_of(path, str(error), tell)
    return journal


def _is_there(path: str) -> bool:
    try:
        return os.stat(path).st_size > 0
    except OSError:
        return False


def _instead_of(path: str, why: str, tell: Callable[[str], None]) -> Journal:
    aside = _move_aside(path)
    journal = Journal(path)
    with journal.together():
        # The copy may be a second older: what the damaged file still says comes after it, and counts.
        for rows in (_of_copy(os.path.dirname(path)), _of_database(aside)):
            _take_over(journal, rows)
        journal.set_meta(TIMES, str(int(journal.meta(TIMES) or 0) + 1))
        journal.set_meta(SET_ASIDE, why)
    tell(f"{why}; it is now {aside}")
    return journal


def _take_over(journal: Journal, rows: _Rows) -> None:
    """Whatever has the right form; anything may stand in a damaged file."""
    for row in rows.get("highest", ()):
        match row:
            case [str(role), int(version)]:
                journal.raise_highest({role: version})
    for row in rows.get("persons", ()):
        match row:
            case [str(ban), str(tool), int(uid), str(body)]:
                journal.put_person_as_written(ban, tool, uid, body)
    for row in rows.get("meta", ()):
        match row:
            case [str(key), str(value)] if key in ESSENTIAL and (key == "brake" or value.isdigit()):
                journal.set_meta(key, value)


def _move_aside(path: str) -> str:
    """Moves the file and what SQLite keeps beside it; the oldest beyond `KEPT` goes."""
    try:
        for number in range(KEPT, 0, -1):
            for end in ("", "-wal", "-shm"):
                newer = f"{path}.damaged-{number - 1}{end}" if number > 1 else path + end
                with suppress(FileNotFoundError):
                    os.replace(newer, f"{path}.damaged-{number}{end}")
    except OSError as error:
        raise StateBroken(f"{path}: it is damaged and cannot be set aside: {error.strerror}") from error
    return f"{path}.damaged-1"


def _of_database(path: str) -> _Rows:
    """What can still be read of it: each table up to the first damage."""
    found: _Rows = {name: [] for name in _QUERIES}
    for name, query in _QUERIES.items():
        with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as damaged:
            damaged.text_factory = _text
            _read_into(found[name], damaged.execute(query))
    return found


def _read_into(rows: list[list[object]], cursor: Iterable[tuple[object, ...]]) -> None:
    for row in cursor:
        if len(rows) == _MOST_ROWS:
            return
        rows.append(list(row))


def _text(data: bytes) -> str:
    return data.decode(errors="replace")


def _of_copy(folder: str) -> _Rows:
    try:
        value = json.loads(read_bounded(os.path.join(folder, _COPY), _MOST_BYTES))
    except (InterdictError, ValueError, RecursionError):
        return {}
    if not isinstance(value, dict):
        return {}
    return {
        name: [row for row in rows if isinstance(row, list)] for name, rows in value.items() if isinstance(rows, list)
    }
