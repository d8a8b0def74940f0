"""Ed25519 by libsodium: checking a signature takes half of the time that OpenSSL takes, and each report has one."""

from __future__ import annotations

from typing import Final

from nacl.bindings import crypto_sign_open
from nacl.exceptions import CryptoError

SIGNATURE: Final = 64
KEY: Final = 32
"""Bytes."""


def fits(key: bytes, signature: bytes, message: bytes) -> bool:
    """Whether a signature is that of a message. What libsodium does not take (keys of small order) does not fit."""
    if len(key) != KEY or len(signature) != SIGNATURE:
        return False
    try:
        crypto_sign_open(signature + message, key)
    except CryptoError:
        return False
    return True
