"""A journal that is damaged is set aside, and another begins with what could still be read of the old one.

What is worth saving is what cannot be found again by looking: the highest versions ever seen (an older policy must not
come back), what people were told and since when (nobody is told twice, and nobody gets the time to object twice), the
brake, and the floor under the clock. Findings are found anew, and reports begin a new epoch with the whole state.
"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, suppress

from agent.errors import StateDamaged
from agent.report.journal import Journal

SET_ASIDE = "journal-set-aside"
"""Key in the journal: when and why the one before it was set aside."""
KEPT = 3
"""Damaged journals that are kept for whoever wants to know why."""
_SAVED_META = ("brake", "clock-floor", "gate-serial")
_MOST_ROWS = 20_000


def open_journal(path: str, tell: Callable[[str], None]) -> Journal:
    """The journal, sound. `tell` is told why the one before it was set aside.

    Raises:
        StateBroken: it cannot be made or opened, and it is not its content that is wrong.
    """
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


def _instead_of(path: str, why: str, tell: Callable[[str], None]) -> Journal:
    aside = _move_aside(path)
    journal = Journal(path)
    with journal.together():
        for role, version in _rows(aside, "SELECT role, version FROM highest"):
            if isinstance(role, str) and isinstance(version, int):
                journal.raise_highest({role: version})
        for ban, tool, uid, body in _rows(aside, "SELECT ban, tool, uid, body FROM persons"):
            if isinstance(uid, int):
                journal.put_person_as_written(str(ban), str(tool), uid, str(body))
        for key, value in _rows(aside, "SELECT key, value FROM meta"):
            if key in _SAVED_META:
                journal.set_meta(str(key), str(value))
        journal.set_meta(SET_ASIDE, why)
    tell(f"{why}; it is now {aside}")
    return journal


def _move_aside(path: str) -> str:
    """Moves the file and what SQLite keeps beside it; the oldest beyond `KEPT` goes."""
    for number in range(KEPT, 0, -1):
        for end in ("", "-wal", "-shm"):
            newer = f"{path}.damaged-{number - 1}{end}" if number > 1 else path + end
            with suppress(FileNotFoundError):
                os.replace(newer, f"{path}.damaged-{number}{end}")
    return f"{path}.damaged-1"


def _rows(path: str, query: str) -> Iterator[tuple[object, ...]]:
    """What can still be read of a table, up to the first damage."""
    with suppress(sqlite3.Error), closing(sqlite3.connect(path)) as damaged:
        cursor = damaged.execute(query)
        for _ in range(_MOST_ROWS):
            row = cursor.fetchone()
            if row is None:
                return
            yield row
