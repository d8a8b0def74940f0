"""How a device signs what it sends (RFC 9421, Ed25519), and how the console checks it.

A strict wrapper: the library's defaults would accept a signature that covers nothing. Always covered are the method,
the path, the digest of the body as sent, and the report's number; never the host, which a proxy that ends TLS changes.
What binds key and device is the enrolment; what stops a replay is the number, so there is no nonce.

Only the agent's adopter child and the console import this: it loads `cryptography`.
"""

from __future__ import annotations

import base64
import binascii
import hashlib
import re
from collections.abc import Callable, Iterable, Mapping
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from typing import Any, Final, NamedTuple

from cryptography.exceptions import InvalidSignature as InvalidEd25519Signature
from cryptography.exceptions import UnsupportedAlgorithm
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey, Ed25519PublicKey
from http_message_signatures import (
    HTTPMessageSigner,
    HTTPMessageVerifier,
    HTTPSignatureKeyResolver,
    InvalidSignature,
    algorithms,
)
from http_message_signatures.exceptions import HTTPMessageSignaturesException

from policy_schema.messages.kinds import MAX_COUNT

COMPONENTS: Final = ("@method", "@path", "content-digest", "interdict-sequence")
TAG: Final = "interdict-v1"
LABEL: Final = "interdict"
MAX_AGE: Final = 5 * 60
"""Seconds a signature may be old, and seconds the device's clock may be ahead."""
MAX_HEADER: Final = 2_000
SEQUENCE_HEADER: Final = "Interdict-Sequence"
Fits = Callable[[bytes, bytes, bytes], bool]
"""Whether, for a raw public key, an Ed25519 signature is that of a message. Never raises."""


class Refusal(StrEnum):
    """Why a signature was refused. `clock` alone can be mended by the sender: sign again with the server's time."""

    MISSING = "missing"
    MALFORMED = "malformed"
    CLOCK = "clock"
    UNKNOWN_KEY = "unknown-key"
    NOT_COVERED = "not-covered"
    DIGEST = "digest"
    WRONG = "wrong"


class SignatureRefused(Exception):
    """A request is not signed as it must be. `code` says why."""

    def __init__(self, code: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.code = code

    def advice(self) -> str:
        """What the sender can do."""
        if self.code is Refusal.CLOCK:
            return "Sign again with the time of the answer's Date header, or set the machine's clock."
        if self.code is Refusal.UNKNOWN_KEY:
            return "Enrol the device again."
        return "Sign method, path, Content-Digest and Interdict-Sequence with the device's own key."


class Verified(NamedTuple):
    """What a good signature vouches for."""

    device: str
    sequence: int
    created: int


def sign(
    key: Ed25519PrivateKey, *, device: str, method: str, path: str, sequence: int, body: bytes, now: int
) -> dict[str, str]:
    """The four headers that sign a request; `body` is what goes over the wire, so after gzip."""
    message = _Message(method, path, {SEQUENCE_HEADER: str(sequence)})
    signer = HTTPMessageSigner(signature_algorithm=algorithms.ED25519, key_resolver=_Keys(private=key))
    signer.sign(
        message,
        key_id=device,
        created=datetime.fromtimestamp(now, UTC),
        label=LABEL,
        tag=TAG,
        covered_component_ids=COMPONENTS,
        body=body,
    )
    return message.headers


def verify(
    *,
    method: str,
    path: str,
    headers: Iterable[tuple[str, str]],
    body: bytes,
    find_key: Callable[[str], bytes | None],
    now: int,
    fits: Fits | None = None,
) -> Verified:
    """Checks a request against the key that `find_key` has for its device. The body is not inflated or read before.

    `fits` may say that an Ed25519 signature is good, where there is a quicker library for that; what it does not
    accept is judged as if it were not there.

    1. The headers are there, once each, and of bearable length.
    2. Exactly one signature, exactly our tag.
    3. Made at most `MAX_AGE` seconds ago and not from the future.
    4. By an enrolled device's key, Ed25519.
    5. Over method, path, digest and number.
    6. The digest is that of this body.

    Callers MUST still compare the number and the device with those in the body.

    Raises:
        SignatureRefused: with the code of the first step that failed.
    """
    wanted = _signature_headers(headers)
    sequence = _sequence(wanted[SEQUENCE_HEADER.lower()])
    if verified := _as_written_by_us(method, path, wanted, body, find_key, now, fits or _fits):
        return verified
    verifier = _Verifier(now=now, keys=_Keys(find=find_key))
    message = _Message(method, path, wanted)
    try:
        results = verifier.verify(message, max_age=timedelta(seconds=MAX_AGE), expect_tag=TAG)
        if len(results) != 1:
            raise SignatureRefused(Refusal.MALFORMED, "more than one signature")
        covered = results[0].covered_components
        if any(f'"{name}"' not in covered for name in COMPONENTS):
            raise SignatureRefused(Refusal.NOT_COVERED, "the signature does not cover everything it must")
    except SignatureRefused:
        raise
    except InvalidSignature as error:
        raise _as_refused(error) from error
    except (HTTPMessageSignaturesException, ValueError, RecursionError) as error:
        raise SignatureRefused(Refusal.MALFORMED, "the signature headers cannot be read") from error
    try:
        verifier.verify_body(message, results, body)
    except (HTTPMessageSignaturesException, InvalidSignature, ValueError) as error:
        raise SignatureRefused(Refusal.DIGEST, "Content-Digest is not that of this body") from error
    parameters = results[0].parameters
    return Verified(str(parameters["keyid"]), sequence, int(parameters["created"]))


def raw_public_key(key: Ed25519PrivateKey) -> bytes:
    """The 32 bytes of the public half."""
    return key.public_key().public_bytes_raw()


def decode_public_key(text: str) -> bytes:
    """The raw key from a message.

    Raises:
        ValueError: not 32 bytes of base64, or not a point that Ed25519 accepts.
    """
    try:
        raw = base64.b64decode(text, validate=True)
        Ed25519PublicKey.from_public_bytes(raw)
    except (binascii.Error, UnsupportedAlgorithm) as error:
        raise ValueError("not an Ed25519 public key in base64") from error
    return raw


def encode_public_key(raw: bytes) -> str:
    """The form of a raw key in messages."""
    return base64.b64encode(raw).decode("ascii")


def _fits(key: bytes, signature: bytes, message: bytes) -> bool:
    try:
        Ed25519PublicKey.from_public_bytes(key).verify(signature, message)
    except (InvalidEd25519Signature, ValueError):
        return False
    return True


def _as_written_by_us(
    method: str,
    path: str,
    wanted: Mapping[str, str],
    body: bytes,
    find_key: Callable[[str], bytes | None],
    now: int,
    fits: Fits,
) -> Verified | None:
    """The same checks for the one spelling that `sign` writes, without parsing it: a third of the time.

    It only ever accepts. Whatever is written in another way, or is wrong, is judged by the library: None.
    """
    found = _OUR_INPUT.fullmatch(wanted["signature-input"])
    if found is None or not _OUR_PATH.fullmatch(path) or not method.isalpha() or method != method.upper():
        return None
    digest = f"sha-256=:{base64.b64encode(hashlib.sha256(body).digest()).decode('ascii')}:"
    given = wanted["signature"]
    if abs(now - int(found["created"])) > MAX_AGE or wanted["content-digest"] != digest:
        return None
    sequence = wanted[SEQUENCE_HEADER.lower()]
    values = {"@method": method, "@path": path, "content-digest": digest, "interdict-sequence": sequence}
    lines = [f'"{name}": {values[name]}' for name in COMPONENTS]
    base = "\n".join([*lines, f'"@signature-params": {found["parameters"]}']).encode("ascii")
    try:
        raw = base64.b64decode(given.removeprefix(f"{LABEL}=:").removesuffix(":"), validate=True)
        if given != f"{LABEL}=:{base64.b64encode(raw).decode('ascii')}:":
            return None
    except (binascii.Error, ValueError):
        return None
    key = find_key(found["device"])
    if key is None or not fits(key, raw, base):
        return None
    return Verified(found["device"], int(sequence), int(found["created"]))


_OUR_INPUT: Final = re.compile(
    LABEL
    + r"=(?P<parameters>\("
    + " ".join(f'"{name}"' for name in COMPONENTS)
    + r"\);created=(?P<created>0|[1-9][0-9]{0,11});keyid=\"(?P<device>d-[0-9a-f]{24})\";alg=\"ed25519\";tag=\""
    + TAG
    + r"\")",
    re.ASCII,
)
_OUR_PATH: Final = re.compile(r"/[a-z0-9/]+", re.ASCII)


class _Message:
    """A request as the library wants to see it. The host is a placeholder: it is never covered."""

    def __init__(self, method: str, path: str, headers: Mapping[str, str]) -> None:
        self.method = method
        self.url = f"https://placeholder.invalid{path}"
        self.headers = dict(headers)


class _Keys(HTTPSignatureKeyResolver):
    """One private key to sign with, or a way to find public ones."""

    def __init__(
        self, *, private: Ed25519PrivateKey | None = None, find: Callable[[str], bytes | None] | None = None
    ) -> None:
        self._private = private
        self._find = find

    def resolve_private_key(self, key_id: str) -> Ed25519PrivateKey:
        """The one private key, whatever it is called."""
        if self._private is None:
            raise KeyError(key_id)
        return self._private

    def resolve_public_key(self, key_id: str) -> Ed25519PublicKey:
        """The enrolled key of a device."""
        raw = self._find(key_id) if self._find and len(key_id) <= 64 else None
        if raw is None:
            raise _Stop(Refusal.UNKNOWN_KEY, "no device with this key is enrolled")
        return Ed25519PublicKey.from_public_bytes(raw)


class _Stop(InvalidSignature):  # type: ignore[misc,unused-ignore]
    """A refusal of ours that travels through the library."""

    def __init__(self, code: Refusal, detail: str) -> None:
        super().__init__(detail)
        self.code = code


class _Verifier(HTTPMessageVerifier):
    """The library's verifier with a clock that is handed in, the same tolerance on both sides."""

    def __init__(self, *, now: int, keys: HTTPSignatureKeyResolver) -> None:
        super().__init__(signature_algorithm=algorithms.ED25519, key_resolver=keys)
        self._now = now

    def validate_created_and_expires(self, sig_input: Any, max_age: timedelta | None = None) -> None:
        """Step 3. `expires` is not ours: the age alone decides."""
        created = sig_input.params.get("created")
        if type(created) is not int:
            raise _Stop(Refusal.MALFORMED, "the signature does not say when it was made")
        if abs(self._now - created) > MAX_AGE:
            raise _Stop(Refusal.CLOCK, f"made at {created}, it is {self._now}")


def _signature_headers(headers: Iterable[tuple[str, str]]) -> dict[str, str]:
    """Step 1. Other headers are not looked at, so nothing in them can confuse the library."""
    found: dict[str, str] = {}
    names = ("content-digest", SEQUENCE_HEADER.lower(), "signature", "signature-input")
    for name, value in headers:
        lowered = name.lower()
        if lowered not in names:
            continue
        if lowered in found or len(value) > MAX_HEADER or not value.isascii():
            raise SignatureRefused(Refusal.MALFORMED, f"{lowered} is there twice, too long or not ASCII")
        found[lowered] = value
    for name in names:
        if name not in found:
            raise SignatureRefused(Refusal.MISSING, f"the header {name} is missing")
    return found


def _sequence(text: str) -> int:
    """The number in its header: decimal digits, no sign, no leading zero."""
    if not (text.isascii() and text.isdigit()) or len(text) > 16 or text != str(int(text)) or int(text) > MAX_COUNT:
        raise SignatureRefused(Refusal.MALFORMED, "Interdict-Sequence is not a number")
    return int(text)


def _as_refused(error: Exception) -> SignatureRefused:
    """The library's one error, told apart as far as a caller needs it."""
    cause: BaseException | None = error
    while cause is not None:
        if isinstance(cause, _Stop):
            return SignatureRefused(cause.code, str(cause))
        cause = cause.__cause__
    return SignatureRefused(Refusal.WRONG, "the signature does not fit the request and the device's key")
