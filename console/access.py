"""Who may look: passwords, sessions, and a limit to guessing."""

from __future__ import annotations

import hashlib
import hmac
import secrets
import threading
from collections import OrderedDict
from typing import Final, NamedTuple

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from console import audit
from console.clock import Clock
from console.errors import BadCommand
from console.store.db import Database
from console.store.queries import access

SESSION_LASTS: Final = 12 * 3600
SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 1_000
_hasher = PasswordHasher()
_NOBODY: Final = _hasher.hash(secrets.token_hex(16))
"""Checked for a name that does not exist, so that the time of an answer does not tell who does."""


class Viewer(NamedTuple):
    """Somebody who is signed in. `csrf` stands in every form of theirs."""

    name: str
    csrf: str


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
        if not _fits(stored or _NOBODY, password) or stored is None:
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
                    digest=_digest(token), name=name, csrf=secrets.token_urlsafe(32), expires_at=now + SESSION_LASTS
                )
            )
            audit.record(connection, now, who=name, what="login")
        return token

    def viewer(self, token: str) -> Viewer | None:
        """Whose session this is."""
        if not token or len(token) > 100:
            return None
        with self._database.read() as connection:
            row = connection.execute(access.session_of(_digest(token), self._clock())).one_or_none()
        return None if row is None else Viewer(row.name, row.csrf)

    def sign_out(self, token: str, name: str) -> None:
        """Ends the session for good, at the server too."""
        with self._database.write() as connection:
            connection.execute(access.end_session(_digest(token)))
            audit.record(connection, self._clock(), who=name, what="logout")

    def _record(self, now: int, who: str, what: str, detail: str) -> None:
        with self._database.write() as connection:
            audit.record(connection, now, who=who, what=what, detail=detail)


class Guesses:
    """Counts failures in memory: a few for one name, more for one address, within a quarter of an hour."""

    WITHIN: Final = 15 * 60
    FOR_A_NAME: Final = 5
    FOR_AN_ADDRESS: Final = 20
    REMEMBERED: Final = 10_000

    def __init__(self) -> None:
        self._failures: OrderedDict[str, list[int]] = OrderedDict()
        self._lock = threading.Lock()

    def allowed(self, keys: tuple[str, str], now: int) -> bool:
        """False while there were too many failures for the address, or for the name from this address."""
        with self._lock:
            of_address, of_name = (self._recent(key, now) for key in keys)
        return of_address < self.FOR_AN_ADDRESS and of_name < self.FOR_A_NAME

    def failed(self, keys: tuple[str, str], now: int) -> None:
        """One more failure."""
        with self._lock:
            for key in keys:
                self._failures.setdefault(key, []).append(now)
                self._failures.move_to_end(key)
            while len(self._failures) > self.REMEMBERED:
                self._failures.popitem(last=False)

    def forget(self, keys: tuple[str, str]) -> None:
        """The name's failures, after the right password. The address's stay."""
        with self._lock:
            self._failures.pop(keys[1], None)

    def _recent(self, key: str, now: int) -> int:
        recent = [at for at in self._failures.get(key, []) if now - at < self.WITHIN]
        if recent:
            self._failures[key] = recent
        else:
            self._failures.pop(key, None)
        return len(recent)


def hash_password(password: str) -> str:
    """How a password is stored.

    Raises:
        BadCommand: it is too short or endless.
    """
    if not SHORTEST_PASSWORD <= len(password) <= LONGEST_PASSWORD:
        raise BadCommand(
            f"the password has {len(password)} characters",
            f"Take one of {SHORTEST_PASSWORD} to {LONGEST_PASSWORD}; several words are easier than signs.",
        )
    return _hasher.hash(password)


def same(one: str, other: str) -> bool:
    """Compares tokens without telling by the time where they differ. Two empty ones are not the same."""
    return bool(one) and hmac.compare_digest(one.encode(), other.encode())


def _fits(stored: str, password: str) -> bool:
    try:
        return _hasher.verify(stored, password)
    except (Argon2Error, InvalidHashError):
        return False


def _digest(token: str) -> str:
    return hashlib.sha256(token.encode()).hexdigest()
