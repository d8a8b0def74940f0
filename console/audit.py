"""Who did what at the console, as a chain: each line's hash covers the line before, so that a line which was changed,
taken out or moved is seen (`interdict-console audit verify`).

A line is written in the transaction of what was done. At that transaction's end, `seal` gives its lines their places
in the chain, holding the row of the chain's head: last of all, so that nobody waits for somebody who waits for them,
and one chain stays one however many processes write. A line that nobody sealed gets its place with the next one.

The hash is that of a plain list in JSON (`line_digest`), so that an auditor needs nothing of ours to check it.
"""

from __future__ import annotations

import hashlib
import json
from typing import Final

from sqlalchemy import Connection

from console.store.queries import record as records
from policy_schema.messages.wire import clean

FIRST: Final = "0" * 64
"""What the first line of all follows."""
_WRITTEN: Final = "interdict_audit"


def record(connection: Connection, now: int, *, who: str, what: str, detail: str = "", about: str = "") -> None:
    """One line of the record; `what` is one of those on the page Audit, `about` the device, person or account."""
    line = {"at": now, "who": clean(who, 120), "what": what, "about": clean(about, 120), "detail": clean(detail, 500)}
    connection.execute(records.add_line(line))
    connection.info[_WRITTEN] = True


def seal(connection: Connection) -> None:
    """Chains the lines that this transaction wrote. `Database.write` calls it before it commits."""
    if not connection.info.pop(_WRITTEN, False):
        return
    head = connection.execute(records.lock_head()).one()
    place, digest, sealed = head.place, head.digest, []
    for line in connection.execute(records.unsealed()).all():
        place += 1
        digest = line_digest(digest, place, line.at, line.who, line.what, line.about, line.detail)
        sealed.append({"line": line.audit_id, "at_place": place, "hashed": digest})
    if sealed:
        connection.execute(records.seal_line(), sealed)
        connection.execute(records.set_head(place, digest))


def forget(connection: Connection) -> None:
    """Nothing is left to chain: the transaction was undone."""
    connection.info.pop(_WRITTEN, None)


def line_digest(before: str, place: int, at: int, who: str, what: str, about: str, detail: str) -> str:
    """SHA-256 of the line and the hash before it."""
    line = json.dumps([before, place, at, who, what, about, detail], ensure_ascii=True, separators=(",", ":"))
    return hashlib.sha256(line.encode()).hexdigest()
