"""libsodium's word on a signature against OpenSSL's: what libsodium takes, OpenSSL takes too, and nothing else fits."""

from __future__ import annotations

import pytest
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from hypothesis import given
from hypothesis import strategies as st

from console.ingest.ed25519 import fits

PRIVATE = Ed25519PrivateKey.from_private_bytes(b"k" * 32)
KEY = PRIVATE.public_key().public_bytes_raw()
MESSAGE = b"what was signed"
GOOD = PRIVATE.sign(MESSAGE)
AROUND = (int.from_bytes(GOOD[32:], "little") + 2**252 + 27742317777372353535851937790883648493).to_bytes(32, "little")
"""The same signature with another number (RFC 8032, 5.1.7 wants it below the order of the group)."""
SMALL = bytes(32)
"""A point of small order: with it as the key, one signature fits every eighth message."""
REFUSED = {
    "another message": (KEY, GOOD, b"what was not signed"),
    "another key": (Ed25519PrivateKey.generate().public_key().public_bytes_raw(), GOOD, MESSAGE),
    "no key": (b"", GOOD, MESSAGE),
    "half a key": (KEY[:16], GOOD, MESSAGE),
    "a key and more": (KEY + b"\0", GOOD, MESSAGE),
    "no signature": (KEY, b"", MESSAGE),
    "half a signature": (KEY, GOOD[:32], MESSAGE),
    "a signature that takes a byte of the message": (KEY, GOOD[:63], GOOD[63:] + MESSAGE),
    "a signature that gives a byte to the message": (KEY, GOOD + MESSAGE[:1], MESSAGE[1:]),
    "nothing but zeros": (KEY, bytes(64), MESSAGE),
    "its number and once around": (KEY, GOOD[:32] + AROUND, MESSAGE),
    "a key of small order": (SMALL, bytes(64), MESSAGE),
}


def by_openssl(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidSignature, ValueError):
        return False
    return True


def test_a_good_one_fits() -> None:
    assert fits(KEY, GOOD, MESSAGE)
    assert fits(KEY, PRIVATE.sign(b""), b"")


@pytest.mark.parametrize("name", REFUSED)
def test_does_not_fit(name: str) -> None:
    assert not fits(*REFUSED[name])


@given(place=st.integers(0, 95), bit=st.integers(0, 7), message=st.binary(max_size=200))
def test_one_bit_of_key_or_signature_is_enough(place: int, bit: int, message: bytes) -> None:
    both = bytearray(KEY + PRIVATE.sign(message))
    both[place] ^= 1 << bit
    assert not fits(bytes(both[:32]), bytes(both[32:]), message)


@given(key=st.binary(min_size=32, max_size=32), signature=st.binary(min_size=64, max_size=64), message=st.binary())
def test_what_fits_is_good_for_openssl_too(key: bytes, signature: bytes, message: bytes) -> None:
    assert not fits(key, signature, message) or by_openssl(key, signature, message)


@given(seed=st.binary(min_size=32, max_size=32), message=st.binary(max_size=500))
def test_what_openssl_signs_fits(seed: bytes, message: bytes) -> None:
    private = Ed25519PrivateKey.from_private_bytes(seed)
    assert fits(private.public_key().public_bytes_raw(), private.sign(message), message)
