"""The statements of users, sessions, secrets, the record, and the list of expected devices: small tables, no fleet."""

from __future__ import annotations

from sqlalchemy import Delete, Insert, Select, delete, func, insert, select

from console.store.tables import audit, enrolment_secret, expected_device, session, user
from console.store.upsert import upsert


def add_audit(*, at: int, who: str, what: str, detail: str) -> Insert:
    """One line of the record."""
    return insert(audit).values(at=at, who=who, what=what, detail=detail)


def last_audit(most: int) -> Select[int, str, str, str]:
    """The newest lines of the record."""
    return select(audit.c.at, audit.c.who, audit.c.what, audit.c.detail).order_by(audit.c.audit_id.desc()).limit(most)


def password_of(name: str) -> Select[str]:
    """The hash of a user's password."""
    return select(user.c.password).where(user.c.name == name)


def put_user(dialect: str) -> Insert:
    """A new user, or a new password."""
    return upsert(dialect, user, keep=("created_at",))


def count_users() -> Select[int]:
    """How many can sign in."""
    return select(func.count()).select_from(user)


def add_session(*, digest: str, name: str, csrf: str, expires_at: int) -> Insert:
    """Somebody has signed in."""
    return insert(session).values(digest=digest, name=name, csrf=csrf, expires_at=expires_at)


def session_of(digest: str, now: int) -> Select[str, str]:
    """Name and form token of a session that has not run out."""
    return select(session.c.name, session.c.csrf).where(session.c.digest == digest, session.c.expires_at > now)


def end_session(digest: str) -> Delete:
    """Somebody has signed out."""
    return delete(session).where(session.c.digest == digest)


def end_sessions(name: str, now: int) -> Delete:
    """All sessions of somebody whose password changed, and whatever has run out."""
    return delete(session).where((session.c.name == name) | (session.c.expires_at <= now))


def add_secret(*, digest: str, uses: int, expires_at: int, now: int, who: str) -> Insert:
    """A new enrolment secret, by its hash."""
    return insert(enrolment_secret).values(
        digest=digest, uses_left=uses, expires_at=expires_at, created_at=now, created_by=who
    )


def put_expected(dialect: str) -> Insert:
    """Devices that the organisation says it has; for many rows at once."""
    return upsert(dialect, expected_device, keep=("imported_at",))


def drop_expected() -> Delete:
    """Forgets the list before a new one is imported."""
    return delete(expected_device)
