"""PKCS #7 signed data as Authenticode and Apple use it: who signed, and which digest was signed. Pure.

This reads; it verifies no certificate and no RSA. What the callers do with the digest decides whether a signature that
was merely pasted into another file counts (`agent.inventory.signers`). Rules: RFC 5652, RFC 5280.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agent.inventory import der
from agent.inventory.der import CONTEXT_0, INTEGER, OCTETS, SEQUENCE, SET, Element

DIGESTS: Mapping[str, str] = {
    "1.3.14.3.2.26": "sha1",
    "2.16.840.1.101.3.4.2.1": "sha256",
    "2.16.840.1.101.3.4.2.2": "sha384",
    "2.16.840.1.101.3.4.2.3": "sha512",
}
MAX_NAME = 200
_SIGNED_DATA = "1.2.840.113549.1.7.2"
_MESSAGE_DIGEST = "1.2.840.113549.1.9.4"
_NAMES = {"2.5.4.3": "common_name", "2.5.4.11": "unit"}


class Subject(NamedTuple):
    """Whom the signer's certificate names. Empty text where it does not say."""

    common_name: str = ""
    unit: str = ""
    """The organisational unit: Apple writes the team there."""


class Signed(NamedTuple):
    """One signer, the first."""

    subject: Subject
    content_type: str
    content: Element | None
    """What was signed, where it stands inside; None where it stands elsewhere."""
    algorithm: str
    """`sha256`, as hashlib names it."""
    message_digest: bytes
    """The signed attribute: the digest of what was signed."""


def parse_signed(data: bytes) -> Signed:
    """Reads signed data.

    Raises:
        ValueError: it is none, or the certificate of its signer is not among those in it.
    """
    outer = der.read(data)
    if der.oid(der.at_path(outer, [(SEQUENCE, 0)])) != _SIGNED_DATA:
        raise ValueError("no signed data")
    parts = der.inside(der.at_path(outer, [(SEQUENCE, 1), (CONTEXT_0, 0)]), SEQUENCE)
    if len(parts) < 4:
        raise ValueError("no signed data")
    about = der.inside(parts[2], SEQUENCE)
    signer = der.inside(der.at_path(parts[-1], [(SET, 0)]), SEQUENCE)
    if not about or len(signer) < 5:
        raise ValueError("no signer")
    certificates = [one for part in parts[3:-1] if part.tag == CONTEXT_0 for one in der.inside(part, CONTEXT_0)]
    return Signed(
        subject=_subject(certificates, signer[1]),
        content_type=der.oid(about[0]),
        content=der.at_path(about[1], [(CONTEXT_0, 0)]) if len(about) > 1 else None,
        algorithm=digest_name(signer[2]),
        message_digest=_message_digest(signer[3]),
    )


def digest_name(algorithm: Element) -> str:
    """The name of a digest algorithm. Raises ValueError for one that is not known."""
    named = der.oid(der.at_path(algorithm, [(SEQUENCE, 0)]))
    if named not in DIGESTS:
        raise ValueError(f"digest algorithm {named}")
    return DIGESTS[named]


def _message_digest(attributes: Element) -> bytes:
    for attribute in der.inside(attributes, CONTEXT_0):
        kind, values = der.inside(attribute, SEQUENCE)[:2]
        if der.oid(kind) == _MESSAGE_DIGEST:
            value = der.at_path(values, [(SET, 0)])
            if value.tag == OCTETS:
                return value.body
    raise ValueError("no digest was signed")


def _subject(certificates: list[Element], signer: Element) -> Subject:
    """The subject of the certificate that the signer names by its issuer and number."""
    issuer, number = der.inside(signer, SEQUENCE)[:2]
    for certificate in certificates:
        fields = der.inside(der.at_path(certificate, [(SEQUENCE, 0)]), SEQUENCE)
        fields = fields[1:] if fields and fields[0].tag == CONTEXT_0 else fields
        # serial number, algorithm, issuer, validity, subject
        if len(fields) < 5 or fields[0].tag != INTEGER:
            continue
        if (fields[0].body, fields[2].body) == (number.body, issuer.body):
            return Subject(**dict(_names(fields[4])))
    raise ValueError("the signer's certificate is missing")


def _names(name: Element) -> Iterator[tuple[str, str]]:
    for group in der.inside(name, SEQUENCE):
        for pair in der.inside(group, SET):
            kind, value = der.inside(pair, SEQUENCE)[:2]
            known, written = _NAMES.get(der.oid(kind)), der.text(value)
            if known and written.isprintable() and len(written) <= MAX_NAME:
                yield known, written
