"""The statements of sign-in by an identity provider: sign-ins under way, and who has come before."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Delete, Insert, Select, Update, delete, insert, select, update

from console.store.tables import session
from console.store.tables_access import identity, sign_in
from console.store.upsert import upsert


def begin(values: Mapping[str, Any]) -> Insert:
    """Somebody was sent to the provider."""
    return insert(sign_in).values(**values)


def begun(state: str, browser: str, now: int) -> Select[Any]:
    """The sign-in that this browser comes back from."""
    return select(sign_in).where(sign_in.c.state == state, sign_in.c.browser == browser, sign_in.c.expires_at > now)


def used(state: str) -> Delete:
    """It came back: a second time is none. The count of rows says whether we were first."""
    return delete(sign_in).where(sign_in.c.state == state)


def drop_old(now: int) -> Delete:
    """Those that never came back."""
    return delete(sign_in).where(sign_in.c.expires_at <= now)


def holder_of(name: str) -> Select[str]:
    """Whose name this is."""
    return select(identity.c.subject).where(identity.c.name == name)


def put(dialect: str) -> Insert:
    """Somebody has signed in, for the first time or again."""
    return upsert(dialect, identity, keep=("first_at",))


def let_go(name: str) -> Delete:
    """The name is free for another account."""
    return delete(identity).where(identity.c.name == name)


def listed(most: int) -> Select[Any]:
    """Who has signed in by the provider, by name."""
    return select(identity).order_by(identity.c.name).limit(most)


def set_standing(name: str, role: str, groups: str | None) -> Update:
    """What the provider says now holds for sessions that are open, too."""
    return update(session).where(session.c.name == name, session.c.source == "oidc").values(role=role, groups=groups)


def end_sessions(name: str) -> Delete:
    """They have no role any more."""
    return delete(session).where(session.c.name == name, session.c.source == "oidc")
