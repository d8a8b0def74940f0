"""Accounts as an admin sees and changes them: local ones, and those of the identity provider."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from console import audit
from console.access.roles import Role, Viewer, pack, unpack
from console.clock import Clock
from console.store.db import Database
from console.store.queries import access, identities

LISTED: Final = 1_000


class Account(NamedTuple):
    """Somebody who can sign in, or has."""

    name: str
    role: str
    groups: frozenset[str] | None
    local: bool
    since: int
    last_at: int | None
    """Their last sign-in by the provider; not kept for local accounts."""


class People:
    """The accounts of one console."""

    def __init__(self, *, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock

    def listed(self) -> list[Account]:
        """Everybody, local accounts first."""
        with self._database.read() as connection:
            local = connection.execute(access.users()).all()
            known = connection.execute(identities.listed(LISTED)).all()
        return [_local(row) for row in local] + [_provided(row) for row in known]

    def change(self, viewer: Viewer, name: str, role: Role, groups: frozenset[str] | None) -> bool:
        """Gives a local account another role. False: there is none, or it is one's own.

        Nobody changes themselves: so the last admin cannot lock everybody out by a slip.
        """
        if name == viewer.name:
            return False
        with self._database.write() as connection:
            values = {"role": role.value, "groups": pack(groups)}
            if connection.execute(access.set_user(name, values)).rowcount != 1:
                return False
            shown = role.value + ("" if groups is None else f" for {', '.join(sorted(groups))}")
            self._record(connection, viewer, what="role-changed", about=name, detail=shown)
        return True

    def remove(self, viewer: Viewer, name: str) -> bool:
        """Takes a local account away, and its sessions. False: there is none, or it is one's own."""
        if name == viewer.name:
            return False
        with self._database.write() as connection:
            if connection.execute(access.drop_user(name)).rowcount != 1:
                return False
            connection.execute(access.end_sessions(name, self._clock()))
            self._record(connection, viewer, what="user-removed", about=name)
        return True

    def let_go(self, viewer: Viewer, name: str) -> bool:
        """Frees the name of somebody of the provider for another account of it; their sessions end."""
        with self._database.write() as connection:
            if connection.execute(identities.let_go(name)).rowcount != 1:
                return False
            connection.execute(identities.end_sessions(name))
            self._record(connection, viewer, what="name-let-go", about=name)
        return True

    def _record(self, connection: Connection, viewer: Viewer, *, what: str, about: str, detail: str = "") -> None:
        audit.record(connection, self._clock(), who=viewer.name, what=what, about=about, detail=detail)


def _local(row: Any) -> Account:
    return Account(row.name, row.role, unpack(row.groups), True, row.created_at, None)


def _provided(row: Any) -> Account:
    return Account(row.name, row.role, unpack(row.groups), False, row.first_at, row.last_at)
