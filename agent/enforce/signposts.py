"""Signposts on the disk: put in the place of a command that was taken, known again, taken away again.

Written by descriptor with the file rights of the folder's owner, under a name at which nothing stands; taken away only
while it is byte for byte ours. It is never started by the agent.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable

from agent.enforce.manifest import Record
from agent.errors import Gone, InterdictError
from agent.host.as_owner import as_owner
from agent.host.folders import Before, FileKind, Folder, nothing, open_above
from policy_schema.notices.signpost import MAX_BYTES

MAX_POSTS = 16
_MODE = 0o755


def planned(text: str, commands: Iterable[str]) -> tuple[tuple[str, str], ...]:
    """(path, sha256) of the signposts to put; to be on the disk in the record before the first one is made."""
    if not text or len(text.encode()) > MAX_BYTES:
        return ()
    digest = hashlib.sha256(text.encode()).hexdigest()
    return tuple((path, digest) for path in list(dict.fromkeys(commands))[:MAX_POSTS])


def put(text: str, posts: Iterable[tuple[str, str]], before: Before = nothing) -> dict[str, int]:
    """Makes them; answers the mtime (ns) of each folder afterwards. One that cannot be made is simply not there."""
    after: dict[str, int] = {}
    for path, _ in posts:
        try:
            holder, name = open_above(path, before)
        except (InterdictError, ValueError):
            continue
        with holder:
            try:
                owner = holder.look_self()
                as_owner(owner.uid, owner.gid, lambda: _write(holder, name, text.encode()))  # noqa: B023  # runs now
                after[os.path.dirname(path)] = holder.look_self().mtime_ns
            except InterdictError:
                continue
    return after


def _write(holder: Folder, name: str, data: bytes) -> None:
    fd = holder.create(name, 0o600)
    with os.fdopen(fd, "wb") as file:
        file.write(data)
    holder.set_mode(name, _MODE)


def take_away(record: Record, before: Before = nothing) -> Record:
    """Removes those that are still ours; answers the record without them. A folder in which nothing else happened
    since counts as untouched afterwards too."""
    after = dict(record.after)
    left: list[tuple[str, str]] = []
    for path, digest in record.signposts:
        try:
            holder, name = open_above(path, before)
        except Gone:
            continue
        except (InterdictError, ValueError):
            left.append((path, digest))
            continue
        with holder:
            try:
                _remove(holder, name, digest, after)
            except Gone:
                continue
            except InterdictError:
                left.append((path, digest))
    return record._replace(signposts=tuple(left), after=after)


def _remove(holder: Folder, name: str, digest: str, after: dict[str, int]) -> None:
    if not is_ours(holder, name, digest):
        return
    facts = holder.look_self()
    as_owner(facts.uid, facts.gid, lambda: holder.unlink(name))
    now = holder.look_self().mtime_ns
    after.update({slot: now for slot, mtime in after.items() if mtime == facts.mtime_ns})


def is_ours(holder: Folder, name: str, digest: str) -> bool:
    """True while the file is byte for byte what we wrote. Raises Gone."""
    facts = holder.look(name)
    if facts.kind is not FileKind.FILE or facts.size > MAX_BYTES:
        return False
    return hashlib.sha256(holder.read_all(name, MAX_BYTES)).hexdigest() == digest


def still_there(records: Iterable[Record]) -> frozenset[str]:
    """The paths of all signposts that are still ours."""
    found: set[str] = set()
    for path, digest in (post for record in records for post in record.signposts):
        try:
            holder, name = open_above(path)
            with holder:
                if is_ours(holder, name, digest):
                    found.add(path)
        except (InterdictError, ValueError):
            continue
    return frozenset(found)
