"""The statements of programs' tokens."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from sqlalchemy import Insert, Select, Update, insert, select, update

from console.store.tables_access import api_token


def add(values: Mapping[str, Any]) -> Insert:
    """A new token, by its hash."""
    return insert(api_token).values(**values)


def of(digest: str, now: int) -> Select[Any]:
    """The token with this hash, if it is still good."""
    return select(api_token).where(
        api_token.c.digest == digest, api_token.c.expires_at > now, api_token.c.ended_at.is_(None)
    )


def used(token_id: int, now: int) -> Update:
    """It was used."""
    return update(api_token).where(api_token.c.token_id == token_id).values(used_at=now)


def listed(most: int) -> Select[Any]:
    """All tokens, the newest first."""
    return select(api_token).order_by(api_token.c.token_id.desc()).limit(most)


def end(token_id: int, now: int) -> Update:
    """It is good for nothing any more."""
    return (
        update(api_token).where(api_token.c.token_id == token_id, api_token.c.ended_at.is_(None)).values(ended_at=now)
    )


def name_of(token_id: int) -> Select[str]:
    """What it is called."""
    return select(api_token.c.name).where(api_token.c.token_id == token_id)
