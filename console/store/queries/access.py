"""The statements of users, sessions, secrets, and the list of expected devices: small tables, no fleet."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Delete, Insert, Select, Update, and_, case, delete, func, insert, or_, select, update

from console.store.tables import enrolment_secret, expected_device, session, user
from console.store.tables_fleet import device_group
from console.store.upsert import upsert


def password_of(name: str) -> Select[str]:
    """The hash of a user's password."""
    return select(user.c.password).where(user.c.name == name)


def put_user(dialect: str) -> Insert:
    """A new user, or a new password for one who keeps their role."""
    return upsert(dialect, user, keep=("created_at", "role", "groups"))


def set_user(name: str, values: Mapping[str, Any]) -> Update:
    """Another role, or other groups."""
    return update(user).where(user.c.name == name).values(**values)


def drop_user(name: str) -> Delete:
    """They can no longer sign in."""
    return delete(user).where(user.c.name == name)


def users() -> Select[Any]:
    """Everybody with a password, by name."""
    return select(user.c.name, user.c.role, user.c.groups, user.c.created_at).order_by(user.c.name)


def user_named(name: str) -> Select[Any]:
    """Role and groups of one of them."""
    return select(user.c.name, user.c.role, user.c.groups).where(user.c.name == name)


def count_users() -> Select[int]:
    """How many can sign in."""
    return select(func.count()).select_from(user)


def add_session(values: Mapping[str, Any]) -> Insert:
    """Somebody has signed in."""
    return insert(session).values(**values)


def session_of(digest: str, now: int, idle_since: int) -> Select[Any]:
    """A session that has not run out. Local users have the role that they have now."""
    local = session.c.source == "local"
    return (
        select(
            session.c.digest,
            session.c.name,
            session.c.csrf,
            session.c.source,
            session.c.seen_at,
            case((local, user.c.role), else_=session.c.role).label("role"),
            case((local, user.c.groups), else_=session.c.groups).label("groups"),
        )
        .outerjoin(user, and_(local, user.c.name == session.c.name))
        .where(session.c.digest == digest, session.c.expires_at > now, session.c.seen_at > idle_since)
        .where(or_(~local, user.c.name.is_not(None)))
    )


def sessions(name: str, now: int, idle_since: int, most: int) -> Select[Any]:
    """Sessions that have not run out, of one name or of all, the newest first."""
    statement = select(session).where(session.c.expires_at > now, session.c.seen_at > idle_since)
    if name:
        statement = statement.where(session.c.name == name)
    return statement.order_by(session.c.seen_at.desc(), session.c.digest).limit(most)


def seen_session(digest: str, now: int) -> Update:
    """It was used."""
    return update(session).where(session.c.digest == digest).values(seen_at=now)


def end_session(digest: str) -> Delete:
    """Somebody has signed out."""
    return delete(session).where(session.c.digest == digest)


def end_sessions(name: str, now: int) -> Delete:
    """All sessions of somebody whose password changed, and whatever has run out."""
    return delete(session).where((session.c.name == name) | (session.c.expires_at <= now))


def groups_of(device_id: str) -> Select[str]:
    """The groups of a device: who sees only some groups must see one of these."""
    return select(device_group.c.group).where(device_group.c.device_id == device_id)


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
