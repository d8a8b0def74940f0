"""Who may look, and at what: sign-in, sessions, roles, tokens, limits."""

from __future__ import annotations

from console.access.door import Access
from console.access.guesses import Guesses
from console.access.passwords import hash_password, same
from console.access.rates import Limit, Rates
from console.access.roles import Role, Viewer
from console.access.sessions import SESSION_LASTS
from console.access.tokens import Scope

__all__ = [
    "SESSION_LASTS",
    "Access",
    "Guesses",
    "Limit",
    "Rates",
    "Role",
    "Scope",
    "Viewer",
    "hash_password",
    "same",
]
