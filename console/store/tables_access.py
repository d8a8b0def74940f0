"""Tables of access: the head of the record's chain, tokens of programs, people of the identity provider, sign-ins that
are under way. None of them grows with the fleet."""

from __future__ import annotations

from sqlalchemy import BigInteger, Column, Integer, String, Table, Text

from console.store.tables import metadata

audit_head = Table(
    "audit_head",
    metadata,
    Column("one", Integer, primary_key=True, autoincrement=False),
    Column("place", BigInteger, nullable=False),
    Column("digest", String(64), nullable=False),
)
"""One row: the last line of the chain. Whoever chains lines locks it first."""

api_token = Table(
    "api_token",
    metadata,
    Column("token_id", Integer, primary_key=True),
    Column("name", String(120), nullable=False),
    Column("digest", String(64), nullable=False, unique=True),
    Column("scopes", String(80), nullable=False),
    Column("groups", Text),
    Column("made_by", String(120), nullable=False),
    Column("made_at", BigInteger, nullable=False),
    Column("expires_at", BigInteger, nullable=False),
    Column("used_at", BigInteger),
    Column("ended_at", BigInteger),
)

identity = Table(
    "identity",
    metadata,
    Column("subject", String(64), primary_key=True),
    Column("name", String(120), nullable=False, unique=True),
    Column("role", String(20), nullable=False),
    Column("groups", Text),
    Column("first_at", BigInteger, nullable=False),
    Column("last_at", BigInteger, nullable=False),
)
"""Who has signed in by the identity provider: a hash of issuer and subject, the name that it gave them, what they were
at the last sign-in. A name belongs to one subject, so that the record cannot mean two people by it."""

sign_in = Table(
    "sign_in",
    metadata,
    Column("state", String(64), primary_key=True),
    Column("browser", String(64), nullable=False),
    Column("nonce", String(64), nullable=False),
    Column("verifier", String(128), nullable=False),
    Column("following", String(2000), nullable=False),
    Column("expires_at", BigInteger, nullable=False),
)
"""Sign-ins that were sent to the identity provider and have not come back. `state` and `browser` are hashes."""

__all__ = ["api_token", "audit_head", "identity", "metadata", "sign_in"]
