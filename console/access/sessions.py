"""Sessions: begun with a new token at each sign-in, ended by time, by their owner or by an admin."""

from __future__ import annotations

import secrets
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from console.access.passwords import digest
from console.access.roles import Role, Viewer, pack, role_named, unpack
from console.clock import Clock
from console.store.db import Database
from console.store.queries import access

SESSION_LASTS: Final = 12 * 3600
"""Seconds after which everybody signs in again."""
IDLE: Final = 2 * 3600
"""Seconds without a request after which a session is over."""
TOUCHED_EVERY: Final = 60
"""A session in use is written no more often than that."""
LISTED: Final = 500


class Person(NamedTuple):
    """Who has just proved who they are."""

    name: str
    role: Role
    groups: frozenset[str] | None
    source: str
    """`local`, or `oidc`."""


class Open(NamedTuple):
    """A session as its owner or an admin sees it."""

    id: str
    name: str
    source: str
    address: str
    begun_at: int
    seen_at: int
    expires_at: int


class Sessions:
    """The sessions of one console. Durations in seconds."""

    def __init__(self, *, database: Database, clock: Clock, lasts: int = SESSION_LASTS, idle: int = IDLE) -> None:
        self._database = database
        self._clock = clock
        self.lasts = lasts
        self._idle = idle

    def begin(self, connection: Connection, person: Person, address: str, replaces: str = "") -> str:
        """A new session's token. What the browser had before, `replaces`, is over."""
        token, now = secrets.token_urlsafe(32), self._clock()
        if replaces:
            connection.execute(access.end_session(digest(replaces)))
        values = {
            "digest": digest(token),
            "name": person.name,
            "csrf": secrets.token_urlsafe(32),
            "source": person.source,
            "role": person.role.value,
            "groups": pack(person.groups),
            "address": address[:64],
            "begun_at": now,
            "seen_at": now,
            "expires_at": now + self.lasts,
        }
        connection.execute(access.add_session(values))
        return token

    def viewer(self, token: str) -> Viewer | None:
        """Whose session this is; None when it is none, or over."""
        if not token or len(token) > 100:
            return None
        now = self._clock()
        with self._database.read() as connection:
            row = connection.execute(access.session_of(digest(token), now, now - self._idle)).one_or_none()
        if row is None:
            return None
        if now - row.seen_at >= TOUCHED_EVERY:
            with self._database.write() as connection:
                connection.execute(access.seen_session(row.digest, now))
        return Viewer(
            row.name, row.csrf, role_named(row.role), unpack(row.groups), row.digest, local=row.source == "local"
        )

    def listed(self, name: str = "") -> list[Open]:
        """The sessions that are not over: of one name, or of everybody."""
        now = self._clock()
        with self._database.read() as connection:
            rows = connection.execute(access.sessions(name, now, now - self._idle, LISTED)).all()
        return [_open(row) for row in rows]


def _open(row: Any) -> Open:
    return Open(row.digest, row.name, row.source, row.address, row.begun_at, row.seen_at, row.expires_at)
