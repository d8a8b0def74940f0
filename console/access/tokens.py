"""Tokens of programs: made by an admin, shown once, kept as a hash, for reading only, and only until a day."""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import Any, Final, NamedTuple

from console import audit
from console.access.passwords import digest
from console.access.roles import Role, Viewer, pack, unpack
from console.clock import Clock
from console.store.db import Database
from console.store.queries import tokens

PREFIX: Final = "interdict_"
"""So that a scanner for secrets knows one that was left lying about."""
LONGEST_LIFE: Final = 400 * 86_400
"""Seconds: a little more than a year, so that a yearly change is possible."""
USED_EVERY: Final = 60
LISTED: Final = 500


class Scope(StrEnum):
    """What a token is good for. None of them changes anything."""

    READ = "read"
    METRICS = "metrics"


class Token(NamedTuple):
    """A token as an admin sees it: all but the token."""

    id: int
    name: str
    scopes: frozenset[Scope]
    groups: frozenset[str] | None
    made_by: str
    made_at: int
    expires_at: int
    used_at: int | None
    ended_at: int | None


class Holder(NamedTuple):
    """A program that showed a token."""

    viewer: Viewer
    """What it may see: as somebody with the role of a viewer."""
    scopes: frozenset[Scope]


class Tokens:
    """The tokens of one console."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def make(self, who: str, name: str, scopes: frozenset[Scope], groups: frozenset[str] | None, lasts: int) -> str:
        """A new token, to be shown once. `lasts` in seconds.

        Raises:
            ValueError: no name, no scope, or a life without an end.
        """
        if not name.strip() or len(name) > 100:
            raise ValueError("a token needs a name of up to 100 characters")
        if not scopes:
            raise ValueError("a token without a scope opens nothing")
        if not 0 < lasts <= LONGEST_LIFE:
            raise ValueError(f"a token lives 1 to {LONGEST_LIFE // 86_400} days")
        text, now = PREFIX + secrets.token_urlsafe(32), self._clock()
        row = {
            "name": name,
            "digest": digest(text),
            "scopes": " ".join(sorted(scopes)),
            "groups": pack(groups),
            "made_by": who,
            "made_at": now,
            "expires_at": now + lasts,
        }
        with self._database.write() as connection:
            connection.execute(tokens.add(row))
            audit.record(connection, now, who=who, what="token-made", about=name, detail=str(row["scopes"]))
        return text

    def holder(self, text: str) -> Holder | None:
        """Whose token this is; None when it is none, has run out, or was ended."""
        if not text.startswith(PREFIX) or len(text) > 100:
            return None
        now = self._clock()
        with self._database.read() as connection:
            row = connection.execute(tokens.of(digest(text), now)).one_or_none()
        if row is None:
            return None
        if row.used_at is None or now - row.used_at >= USED_EVERY:
            with self._database.write() as connection:
                connection.execute(tokens.used(row.token_id, now))
        viewer = Viewer(f"token {row.name}", "", Role.VIEWER, unpack(row.groups))
        return Holder(viewer, _scopes(row.scopes))

    def listed(self) -> list[Token]:
        """All tokens, the newest first, those that are over too."""
        with self._database.read() as connection:
            return [_token(row) for row in connection.execute(tokens.listed(LISTED)).all()]

    def end(self, who: str, token_id: int) -> bool:
        """Ends a token. False: there is no such token, or it was ended before."""
        now = self._clock()
        with self._database.write() as connection:
            ended = connection.execute(tokens.end(token_id, now)).rowcount == 1
            if ended:
                name = connection.execute(tokens.name_of(token_id)).scalar_one()
                audit.record(connection, now, who=who, what="token-ended", about=name)
        return ended


def _scopes(text: str) -> frozenset[Scope]:
    return frozenset(Scope(word) for word in text.split())


def _token(row: Any) -> Token:
    return Token(
        row.token_id,
        row.name,
        _scopes(row.scopes),
        unpack(row.groups),
        row.made_by,
        row.made_at,
        row.expires_at,
        row.used_at,
        row.ended_at,
    )
