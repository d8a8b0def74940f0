"""Signing in and out with a local account, and whose session a token is."""

from __future__ import annotations

import secrets
from typing import Final

from console import audit
from console.access.guesses import Guesses
from console.access.passwords import LONGEST_PASSWORD, NOBODY, digest, fits
from console.access.roles import Role, Viewer
from console.clock import Clock
from console.store.db import Database
from console.store.queries import access

SESSION_LASTS: Final = 12 * 3600


class Access:
    """Signing in and out."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._guesses = Guesses()

    def sign_in(self, name: str, password: str, address: str) -> str | None:
        """A new session's token, or None: the name or the password is wrong, or there were too many guesses."""
        now = self._clock()
        keys = (f"a:{address}", f"n:{address}:{name[:120]}")
        if not self._guesses.allowed(keys, now) or len(password) > LONGEST_PASSWORD:
            return None
        with self._database.read() as connection:
            stored = connection.execute(access.password_of(name)).scalar_one_or_none()
        if not fits(stored or NOBODY, password) or stored is None:
            self._guesses.failed(keys, now)
            self._record(now, name, "login-refused", f"from {address}")
            return None
        self._guesses.forget(keys)
        return self._begin(name, now)

    def _begin(self, name: str, now: int) -> str:
        token = secrets.token_urlsafe(32)
        with self._database.write() as connection:
            connection.execute(
                access.add_session(
                    digest=digest(token), name=name, csrf=secrets.token_urlsafe(32), expires_at=now + SESSION_LASTS
                )
            )
            audit.record(connection, now, who=name, what="login")
        return token

    def viewer(self, token: str) -> Viewer | None:
        """Whose session this is."""
        if not token or len(token) > 100:
            return None
        with self._database.read() as connection:
            row = connection.execute(access.session_of(digest(token), self._clock())).one_or_none()
        return None if row is None else Viewer(row.name, row.csrf, Role.ADMIN)

    def sign_out(self, token: str, name: str) -> None:
        """Ends the session for good, at the server too."""
        with self._database.write() as connection:
            connection.execute(access.end_session(digest(token)))
            audit.record(connection, self._clock(), who=name, what="logout")

    def _record(self, now: int, who: str, what: str, detail: str) -> None:
        with self._database.write() as connection:
            audit.record(connection, now, who=who, what=what, detail=detail)
