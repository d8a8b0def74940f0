"""Signing keys: made, locked with a passphrase, unlocked, and the names of the people they belong to."""

from __future__ import annotations

import secrets
from enum import StrEnum
from typing import NamedTuple

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from cryptography.hazmat.primitives.serialization import load_pem_private_key

from policy_schema.errors import PolicyError
from policy_schema.trust.keyfile import encrypted_pem
from policy_schema.trust.library import CryptoSigner, Key, SSlibKey

OWNER_FIELD = "x-interdict-owner"
"""A field of a public key in the root, signed with it: whose key this is."""

SHORTEST_PASSPHRASE = 12
"""The key file may be copied and tried at leisure, so a short passphrase is none."""


class Use(StrEnum):
    """What a key is for. People hold a root key (rarely used, kept away) and a policy key; a server the on-line key."""

    ROOT = "root"
    POLICY = "policy"
    ONLINE = "online"
    EXCEPTIONS = "exceptions"
    """Signs exceptions and pauses, and nothing else: it can only weaken."""


class BadKey(PolicyError):
    """A key file cannot be used."""

    default_advice = "take the key file that `interdict-policy keys` names"


class PublicKeys(NamedTuple):
    """The two public keys of one signer."""

    name: str
    root: Key
    policy: Key


def make_key(owner: str) -> CryptoSigner:
    """A new Ed25519 key that says whose it is."""
    private = Ed25519PrivateKey.generate()
    return CryptoSigner(private, public_key(private.public_key(), owner))


def public_key(key: Ed25519PublicKey, owner: str) -> SSlibKey:
    """A public key that says whose it is. Its id follows from the key alone."""
    plain = SSlibKey.from_crypto(key)
    return SSlibKey(plain.keyid, plain.keytype, plain.scheme, plain.keyval, {OWNER_FIELD: owner})


def owner(key: Key) -> str:
    """Whose key it is: the name that stands beside it in the root, else the beginning of its id."""
    name = key.unrecognized_fields.get(OWNER_FIELD)
    return name if isinstance(name, str) and name.strip() else f"key {key.keyid[:8]}"


def lock(signer: CryptoSigner, passphrase: str) -> bytes:
    """The private key as an encrypted PEM file.

    Raises:
        BadKey: the passphrase is too short.
    """
    if len(passphrase) < SHORTEST_PASSPHRASE:
        raise BadKey(
            f"the passphrase has fewer than {SHORTEST_PASSPHRASE} characters",
            "take a longer one, four words for example",
        )
    return encrypted_pem(signer.private_bytes, passphrase.encode(), secrets.token_bytes(16), secrets.token_bytes(16))


def unlock(pem: bytes, passphrase: str, public: Key) -> CryptoSigner:
    """The signer of a locked key.

    Raises:
        BadKey: wrong passphrase, no key file, or the key of somebody else.
    """
    try:
        private = load_pem_private_key(pem, passphrase.encode())
    except TypeError:
        raise BadKey("the key file is not encrypted", "lock it with a passphrase: openssl pkcs8 -topk8") from None
    except ValueError as error:
        raise BadKey(f"the key does not open: {_why(error)}", "check the passphrase and the file") from None
    if not isinstance(public, SSlibKey) or not isinstance(private, Ed25519PrivateKey):
        raise BadKey("the key is not an Ed25519 key")
    try:
        return CryptoSigner(private, public)
    except ValueError:
        raise BadKey(f"the key file is not that of {owner(public)}") from None


def _why(error: ValueError) -> str:
    text = str(error).lower()
    return "the passphrase is wrong" if "password" in text or "decrypt" in text else "this is not a key file"
