"""What a provider's ID token says, once everything about it was checked. Pure: the time and the keys come in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final, NamedTuple

from authlib.oidc.core import CodeIDToken  # type: ignore[import-untyped]
from joserfc import jwt
from joserfc.errors import ExpiredTokenError, InvalidClaimError, JoseError, MissingClaimError
from joserfc.jwk import JWKRegistry, KeySet

from console.access.oidc.refused import SignInRefused, Why
from console.access.oidc.settings import OidcSettings
from policy_schema.messages.wire import clean

ALGORITHMS: Final = (
    "RS256",
    "RS384",
    "RS512",
    "PS256",
    "PS384",
    "PS512",
    "ES256",
    "ES384",
    "ES512",
    "Ed25519",
    "EdDSA",
)
"""Signatures with a key that the provider alone holds: never `none`, never one made with the client's secret."""
MOST_GROUPS: Final = 10_000
LONGEST_NAME: Final = 100


class UnknownKey(Exception):
    """None of the keys made this signature: the provider may have changed them."""


class Expected(NamedTuple):
    """What an ID token must say."""

    nonce: str
    access_token: str
    now: int


def checked(token: str, keys: Mapping[str, Any], expected: Expected, settings: OidcSettings) -> Mapping[str, Any]:
    """The claims of a token: signature, issuer, audience, times, nonce and the hash of the access token are right.

    Raises:
        UnknownKey: no key fits.
        SignInRefused: anything else is wrong.
    """
    try:
        opened = jwt.decode(token, _usable(keys), algorithms=list(ALGORITHMS))
    except (JoseError, ValueError, TypeError, KeyError) as error:
        raise UnknownKey(str(error)) from error
    options: Any = {
        "iss": {"essential": True, "value": settings.issuer},
        "aud": {"essential": True, "value": settings.client_id},
        "sub": {"essential": True},
    }
    params = {"nonce": expected.nonce, "client_id": settings.client_id, "access_token": expected.access_token}
    claims = CodeIDToken(opened.claims, opened.header, options, params)
    try:
        claims.validate(now=expected.now, leeway=settings.clock_skew)
    except ExpiredTokenError as error:
        raise SignInRefused(Why.EXPIRED, str(error)) from error
    except (InvalidClaimError, MissingClaimError) as error:
        raise SignInRefused(Why.NONCE if "nonce" in str(error) else Why.TOKEN, str(error)) from error
    except (JoseError, ValueError, TypeError) as error:
        raise SignInRefused(Why.TOKEN, str(error)) from error
    return opened.claims


def name_of(claims: Mapping[str, Any], settings: OidcSettings) -> str:
    """What somebody is called on pages and in the record.

    Raises:
        SignInRefused: they have no such name, or the provider has not verified the address that is their name.
    """
    name = claims.get(settings.name_claim)
    if not isinstance(name, str) or not name.strip() or len(name) > LONGEST_NAME or name != clean(name):
        raise SignInRefused(Why.NAME, f"the claim {settings.name_claim} is missing or no name")
    if settings.name_claim == "email" and claims.get("email_verified") is not True:
        raise SignInRefused(Why.NAME, "the address is not verified")
    return name.strip()


def groups_of(claims: Mapping[str, Any], settings: OidcSettings) -> frozenset[str] | None:
    """Their groups; None when the claim is not there. A dot in the claim's name leads into an object."""
    found: Any = claims.get(settings.groups_claim)
    if found is None:
        found = claims
        for part in settings.groups_claim.split("."):
            found = found.get(part) if isinstance(found, Mapping) else None
    if found is None:
        return None
    listed = [found] if isinstance(found, str) else found
    if not isinstance(listed, list) or len(listed) > MOST_GROUPS:
        raise SignInRefused(Why.TOKEN, f"the claim {settings.groups_claim} is no list of groups")
    return frozenset(one for one in listed if isinstance(one, str))


def _usable(keys: Mapping[str, Any]) -> KeySet:
    """The keys that we understand and that are for signatures; others may stand beside them."""
    usable = []
    for one in keys["keys"]:
        if isinstance(one, dict) and one.get("kty") != "oct" and one.get("use", "sig") == "sig":
            try:
                usable.append(JWKRegistry.import_key(one))
            except (JoseError, ValueError, TypeError, KeyError):
                continue
    return KeySet(usable)
