"""What we ask the identity provider: its addresses, its keys, the tokens for a code, what it knows of somebody.

Each contact has one deadline and a bound; nothing is followed elsewhere. Addresses and keys are kept for an hour, so
that most sign-ins ask it for the tokens alone.
"""

from __future__ import annotations

import asyncio
import json
import ssl
from collections.abc import Mapping
from typing import Any, Final, NamedTuple

import httpx
import truststore
from authlib.oauth2.auth import ClientAuth  # type: ignore[import-untyped]
from authlib.oauth2.rfc6749.parameters import prepare_token_request  # type: ignore[import-untyped]
from authlib.oidc.discovery import OpenIDProviderMetadata, get_well_known_url  # type: ignore[import-untyped]

from console.access.oidc.refused import SignInRefused, Why
from console.access.oidc.settings import OidcSettings, is_safe
from console.clock import Clock

KEPT: Final = 3600
KEYS_AGAIN: Final = 30
"""Seconds: keys are not fetched more often than that, whatever key a token names."""
LONGEST: Final = 1 << 20
AT_ONCE: Final = 16


class Known(NamedTuple):
    """Something of the provider's, and when it was fetched."""

    value: Mapping[str, Any]
    at: int


class Provider:
    """One identity provider."""

    def __init__(self, settings: OidcSettings, clock: Clock) -> None:
        self._settings = settings
        self._clock = clock
        self._metadata: Known | None = None
        self._keys: Known | None = None
        self._busy = asyncio.Semaphore(AT_ONCE)
        self._tls: ssl.SSLContext | None = None

    async def metadata(self) -> Mapping[str, Any]:
        """Its addresses.

        Raises:
            SignInRefused: it does not answer, or with something else.
        """
        if not self._fresh(self._metadata, KEPT):
            found = await self._json("GET", get_well_known_url(self._settings.issuer, external=True))
            self._metadata = Known(self._checked(found), self._clock())
        assert self._metadata is not None
        return self._metadata.value

    async def keys(self, *, again: bool = False) -> Mapping[str, Any]:
        """Its public keys; `again` when a token names one that is not among them.

        Raises:
            SignInRefused: it does not answer, or with something else.
        """
        if not self._fresh(self._keys, KEYS_AGAIN if again else KEPT):
            found = await self._json("GET", (await self.metadata())["jwks_uri"])
            if not isinstance(found.get("keys"), list):
                raise SignInRefused(Why.ODD, "its keys are no list")
            self._keys = Known(found, self._clock())
        assert self._keys is not None
        return self._keys.value

    async def tokens(self, code: str, verifier: str) -> Mapping[str, Any]:
        """The tokens for a code.

        Raises:
            SignInRefused: it does not accept the code, does not answer, or with something else.
        """
        metadata, settings = await self.metadata(), self._settings
        body = prepare_token_request(
            "authorization_code", redirect_uri=settings.redirect, code=code, code_verifier=verifier
        )
        headers = {"Content-Type": "application/x-www-form-urlencoded", "Accept": "application/json"}
        address, headers, body = ClientAuth(settings.client_id, settings.client_secret, self._method(metadata)).prepare(
            "POST", metadata["token_endpoint"], headers, body
        )
        answer = await self._json("POST", address, headers=headers, content=body, refused=Why.CODE)
        if not all(isinstance(answer.get(name), str) for name in ("id_token", "access_token")):
            raise SignInRefused(Why.ODD, "an answer without tokens")
        return answer

    async def person(self, access_token: str) -> Mapping[str, Any]:
        """What else it says about whoever signed in; empty when it has no such address.

        Raises:
            SignInRefused: it does not answer, or with something else.
        """
        address = (await self.metadata()).get("userinfo_endpoint")
        if not address:
            return {}
        return await self._json("GET", address, headers={"Authorization": f"Bearer {access_token}"})

    def _method(self, metadata: Mapping[str, Any]) -> str:
        if not self._settings.client_secret:
            return "none"
        offered = metadata.get("token_endpoint_auth_methods_supported", ["client_secret_basic"])
        return "client_secret_basic" if "client_secret_basic" in offered else "client_secret_post"

    def _checked(self, found: Mapping[str, Any]) -> Mapping[str, Any]:
        try:
            metadata = OpenIDProviderMetadata(found)
            metadata.validate_response_types_supported()
        except (ValueError, TypeError) as error:
            raise SignInRefused(Why.ODD, f"its description: {error}") from error
        if found.get("issuer") != self._settings.issuer:
            raise SignInRefused(Why.ODD, f"it calls itself {str(found.get('issuer'))[:200]}")
        for name in ("authorization_endpoint", "token_endpoint", "jwks_uri", "userinfo_endpoint"):
            address = found.get(name)
            if (address is not None or name != "userinfo_endpoint") and not (
                isinstance(address, str) and is_safe(address)
            ):
                raise SignInRefused(Why.ODD, f"its {name} is no https address")
        return found

    def _fresh(self, known: Known | None, kept: int) -> bool:
        return known is not None and 0 <= self._clock() - known.at < kept

    async def _json(
        self,
        method: str,
        address: str,
        *,
        headers: Mapping[str, str] | None = None,
        content: str | None = None,
        refused: Why = Why.ODD,
    ) -> Mapping[str, Any]:
        try:
            async with asyncio.timeout(self._settings.timeout), self._busy, self._client() as client:
                status, body = await _bounded(client, method, address, dict(headers or {}), content)
        except (TimeoutError, httpx.HTTPError, ssl.SSLError, OSError) as error:
            raise SignInRefused(Why.UNREACHABLE, f"{address[:200]}: {type(error).__name__}") from error
        if status >= 500 or status == 429:
            raise SignInRefused(Why.UNREACHABLE, f"{address[:200]}: {status}")
        try:
            found = json.loads(body)
        except ValueError:
            found = None
        if status != 200 or not isinstance(found, dict):
            said = str(found.get("error", ""))[:80] if isinstance(found, dict) else ""
            raise SignInRefused(refused, f"{address[:200]}: {status} {said}")
        return found

    def _client(self) -> httpx.AsyncClient:
        if self._tls is None:
            self._tls = truststore.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
            if self._settings.ca_file:
                self._tls.load_verify_locations(self._settings.ca_file)
        return httpx.AsyncClient(
            verify=self._tls,
            proxy=self._settings.proxy or None,
            trust_env=False,
            follow_redirects=False,
            timeout=self._settings.timeout,
        )


async def _bounded(
    client: httpx.AsyncClient, method: str, address: str, headers: dict[str, str], content: str | None
) -> tuple[int, bytes]:
    """Status and body. Not compressed, so that its length is what it costs."""
    async with client.stream(
        method, address, headers={**headers, "Accept-Encoding": "identity"}, content=content
    ) as answer:
        body = bytearray()
        async for piece in answer.aiter_bytes():
            body += piece
            if len(body) > LONGEST:
                raise SignInRefused(Why.ODD, f"{address[:200]}: more than {LONGEST} bytes")
        return answer.status_code, bytes(body)
