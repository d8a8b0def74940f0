"""How passwords are kept, and tokens compared."""

from __future__ import annotations

import hashlib
import hmac
import secrets
from typing import Final

from argon2 import PasswordHasher
from argon2.exceptions import Argon2Error, InvalidHashError

from console.errors import BadCommand

SHORTEST_PASSWORD: Final = 12
LONGEST_PASSWORD: Final = 1_000
_hasher = PasswordHasher()
NOBODY: Final = _hasher.hash(secrets.token_hex(16))
"""Checked for a name that does not exist, so that the time of an answer does not tell who does."""


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


def fits(stored: str, password: str) -> bool:
    """Whether the password is the one that was stored."""
    try:
        return _hasher.verify(stored, password)
    except (Argon2Error, InvalidHashError):
        return False


def digest(token: str) -> str:
    """How a token is kept: long and random, so that a plain hash is enough."""
    return hashlib.sha256(token.encode()).hexdigest()
