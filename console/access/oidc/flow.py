"""Signing in by the provider, from the link on the login page to the session.

1. `begin`: state, nonce and PKCE verifier are made and kept, bound to this browser by a cookie; off to the provider.
2. `finish`: the state is this browser's, not too old, and is used up by this very answer.
3. The code is changed for tokens; the ID token is checked (`claims.py`); keys are fetched anew if none fits.
4. The person's groups give the role. No role: no session, and those that are open end.
"""

from __future__ import annotations

import hashlib
import secrets
from collections.abc import Mapping
from typing import Any, Final, NamedTuple
from urllib.parse import urlencode

from authlib.oauth2.rfc6749.parameters import prepare_grant_uri  # type: ignore[import-untyped]
from authlib.oauth2.rfc7636 import create_s256_code_challenge  # type: ignore[import-untyped]
from sqlalchemy import Connection
from sqlalchemy.exc import IntegrityError
from starlette.concurrency import run_in_threadpool

from console import audit
from console.access.oidc.claims import Expected, UnknownKey, checked, groups_of, name_of
from console.access.oidc.provider import Provider
from console.access.oidc.refused import SignInRefused, Why
from console.access.oidc.settings import OidcSettings, Standing, standing
from console.access.passwords import digest
from console.access.roles import pack
from console.access.sessions import Person, Sessions
from console.clock import Clock
from console.store.db import Database
from console.store.queries import access, identities

LASTS: Final = 600
"""Seconds that somebody has at the provider."""
LONGEST_PATH: Final = 2_000


class Departure(NamedTuple):
    """Where the browser goes, and what it keeps meanwhile."""

    address: str
    browser: str


class Arrival(NamedTuple):
    """Somebody has signed in: the token of their session, and where they wanted to go."""

    token: str
    following: str


class Back(NamedTuple):
    """What the provider sent back with the browser."""

    state: str
    code: str
    issuer: str
    error: str
    browser: str
    """From our own cookie."""


class Oidc:
    """Sign-in by one provider."""

    def __init__(self, *, settings: OidcSettings, database: Database, clock: Clock, sessions: Sessions) -> None:
        self.settings = settings
        self._database = database
        self._clock = clock
        self._sessions = sessions
        self._provider = Provider(settings, clock)

    async def begin(self, following: str) -> Departure:
        """Off to the provider, to come back to `following`.

        Raises:
            SignInRefused: it cannot be reached.
        """
        metadata, settings = await self._provider.metadata(), self.settings
        state, browser, nonce = (secrets.token_urlsafe(32) for _ in range(3))
        verifier = secrets.token_urlsafe(64)
        row = {
            "state": digest(state),
            "browser": digest(browser),
            "nonce": nonce,
            "verifier": verifier,
            "following": following if len(following) <= LONGEST_PATH else "/",
            "expires_at": self._clock() + LASTS,
        }
        await run_in_threadpool(self._keep, row)
        address = prepare_grant_uri(
            metadata["authorization_endpoint"],
            settings.client_id,
            "code",
            redirect_uri=settings.redirect,
            scope=" ".join(settings.scopes),
            state=state,
            nonce=nonce,
            code_challenge=create_s256_code_challenge(verifier),
            code_challenge_method="S256",
        )
        return Departure(address, browser)

    async def finish(self, back: Back, address: str, replaces: str) -> Arrival:
        """A session for whoever came back from the provider.

        Raises:
            SignInRefused: anything is not as it should be; it is on the record.
        """
        try:
            begun = await run_in_threadpool(self._begun, back)
            claims = await self._claims(back, begun)
            token = await run_in_threadpool(self._signed_in, claims, address, replaces)
        except SignInRefused as refused:
            await run_in_threadpool(self._record, refused, address)
            raise
        return Arrival(token, begun.following)

    async def farewell(self) -> str:
        """Where somebody ends their session at the provider too; empty when it has no such page or does not answer."""
        try:
            address = (await self._provider.metadata()).get("end_session_endpoint")
        except SignInRefused:
            return ""
        if not isinstance(address, str):
            return ""
        settings = self.settings
        after = settings.public_url.rstrip("/") + "/login"
        return str(prepare_farewell(address, settings.client_id, after))

    async def _claims(self, back: Back, begun: Any) -> Mapping[str, Any]:
        metadata = await self._provider.metadata()
        if back.issuer not in ("", self.settings.issuer) or (
            not back.issuer and metadata.get("authorization_response_iss_parameter_supported") is True
        ):
            raise SignInRefused(Why.STATE, "the answer comes from another provider")
        if back.error or not back.code:
            raise SignInRefused(Why.REFUSED, back.error[:80])
        tokens = await self._provider.tokens(back.code, begun.verifier)
        expected = Expected(begun.nonce, tokens["access_token"], self._clock())
        claims = await self._checked(tokens["id_token"], expected)
        if groups_of(claims, self.settings) is None or self.settings.name_claim not in claims:
            more = await self._provider.person(tokens["access_token"])
            if more and more.get("sub") != claims["sub"]:
                raise SignInRefused(Why.TOKEN, "what else it says is about somebody else")
            claims = {**more, **claims}
        return claims

    async def _checked(self, token: str, expected: Expected) -> Mapping[str, Any]:
        try:
            return checked(token, await self._provider.keys(), expected, self.settings)
        except UnknownKey:
            pass
        try:
            return checked(token, await self._provider.keys(again=True), expected, self.settings)
        except UnknownKey as error:
            raise SignInRefused(Why.TOKEN, str(error)) from error

    def _keep(self, row: Mapping[str, Any]) -> None:
        with self._database.write() as connection:
            connection.execute(identities.drop_old(self._clock()))
            connection.execute(identities.begin(row))

    def _begun(self, back: Back) -> Any:
        """The sign-in that this is the answer to; used up by looking."""
        with self._database.write() as connection:
            row = connection.execute(
                identities.begun(digest(back.state), digest(back.browser), self._clock())
            ).one_or_none()
            first = row is not None and connection.execute(identities.used(row.state)).rowcount == 1
        if row is None or not first:
            raise SignInRefused(Why.STATE)
        return row

    def _signed_in(self, claims: Mapping[str, Any], address: str, replaces: str) -> str:
        name = name_of(claims, self.settings)
        found = standing(groups_of(claims, self.settings) or frozenset(), self.settings.roles)
        subject, now = _subject(self.settings.issuer, claims["sub"]), self._clock()
        try:
            with self._database.write() as connection:
                self._is_theirs(connection, name, subject)
                if found is None:
                    connection.execute(identities.end_sessions(name))
                    token = ""
                else:
                    self._met(connection, name, subject, found, now)
                    person = Person(name, found.role, found.groups, "oidc")
                    token = self._sessions.begin(connection, person, address, replaces)
                    audit.record(connection, now, who=name, what="login", detail=f"as {found.role} from {address}")
        except IntegrityError as error:
            raise SignInRefused(Why.TAKEN, f"{name}, at the same moment") from error
        if found is None:
            raise SignInRefused(Why.NO_ROLE, name)
        return token

    def _is_theirs(self, connection: Connection, name: str, subject: str) -> None:
        """One name, one account: the record must never mean two people by it."""
        holder = connection.execute(identities.holder_of(name)).scalar_one_or_none()
        local = connection.execute(access.user_named(name)).one_or_none()
        if local is not None or holder not in (None, subject):
            raise SignInRefused(Why.TAKEN, name)

    def _met(self, connection: Connection, name: str, subject: str, found: Standing, now: int) -> None:
        packed = pack(found.groups)
        row = {
            "subject": subject,
            "name": name,
            "role": found.role.value,
            "groups": packed,
            "first_at": now,
            "last_at": now,
        }
        connection.execute(identities.put(connection.dialect.name), row)
        connection.execute(identities.set_standing(name, found.role.value, packed))

    def _record(self, refused: SignInRefused, address: str) -> None:
        with self._database.write() as connection:
            detail = f"{refused.why} from {address} {refused.detail}".strip()
            audit.record(connection, self._clock(), who="", what="login-refused", detail=detail)


def prepare_farewell(address: str, client_id: str, after: str) -> str:
    """The provider's page for signing out, by RP-initiated logout."""
    query = urlencode({"client_id": client_id, "post_logout_redirect_uri": after})
    return f"{address}{'&' if '?' in address else '?'}{query}"


def _subject(issuer: str, subject: object) -> str:
    """Who somebody is, whatever they are called: a hash, since nothing else is ever needed of it."""
    return hashlib.sha256(f"{issuer}\n{subject}".encode()).hexdigest()
