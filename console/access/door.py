"""Signing in with a password, signing out, and what a session's token stands for."""

from __future__ import annotations

import threading
from typing import Final

from console import audit
from console.access.guesses import Guesses
from console.access.oidc.flow import Oidc
from console.access.passwords import LONGEST_PASSWORD, NOBODY, digest, fits
from console.access.roles import Viewer, role_named, unpack
from console.access.sessions import Open, Person, Sessions
from console.access.settings import DEFAULTS, AccessSettings
from console.access.tokens import Tokens
from console.clock import Clock
from console.store.db import Database
from console.store.queries import access
from console.store.queries import record as records
from policy_schema.messages.wire import clean

HASHES_AT_ONCE: Final = 4
"""A password costs 64 MB and much of a processor on purpose; more than these wait."""
SHOWN_FOR: Final = 24 * 3600
"""Seconds for which a local sign-in beside an identity provider stands on every page."""


class Access:
    """The door of one console."""

    def __init__(self, *, database: Database, clock: Clock, settings: AccessSettings = DEFAULTS) -> None:
        self._database = database
        self._clock = clock
        self.tokens = Tokens(database=database, clock=clock)
        self.sessions = Sessions(database=database, clock=clock, lasts=settings.session, idle=settings.idle)
        self.oidc: Oidc | None = None
        """Sign-in by the identity provider; a password is for emergencies then."""
        if settings.oidc is not None:
            self.oidc = Oidc(settings=settings.oidc, database=database, clock=clock, sessions=self.sessions)
        self._guesses = Guesses()
        self._hashing = threading.BoundedSemaphore(HASHES_AT_ONCE)

    def sign_in(self, name: str, password: str, address: str, replaces: str = "") -> str | None:
        """A new session's token, or None: the name or the password is wrong, or there were too many guesses."""
        now = self._clock()
        keys = (f"a:{address}", f"n:{address}:{name[:120]}")
        if not self._guesses.allowed(keys, now) or len(password) > LONGEST_PASSWORD or name != clean(name):
            return None
        person = self._proved(name, password)
        if person is None:
            self._guesses.failed(keys, now)
            self._record(now, name, "login-refused", f"from {address}")
            return None
        self._guesses.forget(keys)
        return self._begin(person, address, replaces, now)

    def _proved(self, name: str, password: str) -> Person | None:
        with self._database.read() as connection:
            row = connection.execute(access.user_named(name)).one_or_none()
            stored = connection.execute(access.password_of(name)).scalar_one_or_none()
        with self._hashing:
            right = fits(stored or NOBODY, password)
        return Person(row.name, role_named(row.role), unpack(row.groups), "local") if row and right else None

    def _begin(self, person: Person, address: str, replaces: str, now: int) -> str:
        with self._database.write() as connection:
            token = self.sessions.begin(connection, person, address, replaces)
            what = "login" if self.oidc is None else "break-glass"
            audit.record(connection, now, who=person.name, what=what, detail=f"from {address}")
        return token

    def viewer(self, token: str) -> Viewer | None:
        """Whose session this is."""
        return self.sessions.viewer(token)

    def sign_out(self, token: str, name: str) -> None:
        """Ends the session for good, at the server too."""
        with self._database.write() as connection:
            connection.execute(access.end_session(digest(token)))
            audit.record(connection, self._clock(), who=name, what="logout")

    def end(self, session: Open, viewer: Viewer) -> None:
        """Ends somebody's session, one's own or, as an admin, another's."""
        with self._database.write() as connection:
            connection.execute(access.end_session(session.id))
            audit.record(
                connection,
                self._clock(),
                who=viewer.name,
                what="session-ended",
                about=session.name,
                detail=f"from {session.address}",
            )

    def broken_glass(self) -> list[tuple[str, int]]:
        """Who signed in with a password beside the identity provider within the last day, each with the newest time."""
        with self._database.read() as connection:
            rows = connection.execute(records.lately("break-glass", self._clock() - SHOWN_FOR, 20)).all()
        newest: dict[str, int] = {}
        for row in rows:
            newest.setdefault(row.who, row.at)
        return list(newest.items())[:5]

    def _record(self, now: int, who: str, what: str, detail: str) -> None:
        with self._database.write() as connection:
            audit.record(connection, now, who=who, what=what, detail=detail)
