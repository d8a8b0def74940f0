"""Who did what at the console. Written in the same transaction as what was done."""

from __future__ import annotations

from sqlalchemy import Connection

from console.store.queries import access


def record(connection: Connection, now: int, *, who: str, what: str, detail: str = "") -> None:
    """One line of the record. `what` is one of: enrolled, epoch, cloned, login, login-refused, logout, export,
    user-added, secret-made, devices-imported, device-removed."""
    connection.execute(access.add_audit(at=now, who=who[:120], what=what, detail=detail[:500]))
