"""Writes what a plan says, with a copy of each file beside it, and takes it back.

What was written is kept in `~/.local/state/interdict/move.json`, before the first file changes: paths, the names of the
copies and hashes, no content.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Iterable
from typing import NamedTuple

from agent.errors import Gone, InterdictError, StateBroken
from agent.host.files import printable, read_bounded, write_atomically
from agent.moving import json_settings
from agent.moving.home import Home
from agent.moving.plan import Change

RECORD = ".local/state/interdict/move.json"
_COPY = ".before-move"
_COPIES = 100


class Written(NamedTuple):
    """One file that was written; `copy` is empty for one that was not there before."""

    place: str
    copy: str
    sha256: str


def write(home: Home, changes: Iterable[Change]) -> tuple[Written, ...]:
    """Writes every change, if each file is still what the plan saw.

    Raises:
        StateBroken: one has changed since; nothing was written then.
        InterdictError: one cannot be written; what was written before it stands in the record.
    """
    wanted = tuple(changes)
    for change in wanted:
        file = home.read_target(change.place, json_settings.MOST)
        if (file.data if file else None) != change.before:
            raise StateBroken(f"{change.place} was changed meanwhile", "Nothing was written; start again.")
    done = tuple(Written(one.place, _copy_name(home, one), _sha256(one.after)) for one in wanted)
    _keep(home, done)
    for change, written in zip(wanted, done, strict=True):
        path = home.path + change.place[1:]
        os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
        if change.before is not None:
            write_atomically(written.copy, change.before, 0o600)
        write_atomically(path, change.after, change.mode)
    return done


def undo(home: Home) -> tuple[list[str], list[str]]:
    """Gives back what the last move changed. Answers what was given back, and a sentence for what was not.

    Raises:
        Gone: there is nothing to give back.
        StateBroken: the record cannot be read.
    """
    back: list[str] = []
    kept: list[Written] = []
    for one in _record(home):
        file = home.read_target(one.place, json_settings.MOST)
        if file is None or _sha256(file.data) != one.sha256:
            kept.append(one)
            continue
        if one.copy:
            write_atomically(file.path, read_bounded(one.copy, json_settings.MOST), file.mode & 0o777)
            os.unlink(one.copy)
        else:
            os.unlink(file.path)
        back.append(one.place)
    _keep(home, tuple(kept))
    copies = (f" What it was lies in {home.shown(one.copy)}." if one.copy else "" for one in kept)
    return back, [f"{one.place} was changed since, so it stays.{copy}" for one, copy in zip(kept, copies, strict=True)]


def _record(home: Home) -> tuple[Written, ...]:
    path = os.path.join(home.path, RECORD)
    try:
        value = json.loads(read_bounded(path, 1 << 20))
        rows = tuple(Written(str(row["place"]), str(row["copy"]), str(row["sha256"])) for row in value["files"])
    except Gone:
        rows = ()
    except (ValueError, TypeError, KeyError) as error:
        raise StateBroken(f"{printable(path)} cannot be read", "Put the files back from their copies.") from error
    if not rows:
        raise Gone("no move is there to undo", "Only the last one can be undone, once.")
    for row in rows:
        if row.copy and not row.copy.startswith(f"{home.path}{row.place[1:]}{_COPY}"):
            raise StateBroken(
                f"{printable(path)} names a file that no move made", "Put the files back from their copies."
            )
    return rows


def _keep(home: Home, rows: tuple[Written, ...]) -> None:
    path = os.path.join(home.path, RECORD)
    os.makedirs(os.path.dirname(path), mode=0o700, exist_ok=True)
    document = {"schema": 1, "files": [row._asdict() for row in rows]}
    write_atomically(path, json.dumps(document, indent=1).encode() + b"\n", 0o600)


def _copy_name(home: Home, change: Change) -> str:
    if change.before is None:
        return ""
    path = home.path + change.place[1:]
    names = (f"{path}{_COPY}", *(f"{path}{_COPY}.{number}" for number in range(2, _COPIES)))
    free = next((name for name in names if not os.path.lexists(name)), None)
    if free is None:
        raise InterdictError(f"{change.place} has {_COPIES} copies beside it", "Remove some of them.")
    return free


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
