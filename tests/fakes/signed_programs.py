"""Signed programs: the samples that real tools signed, and Mach-O files signed here with a certificate of nobody's."""

from __future__ import annotations

import hashlib
import struct
from datetime import UTC, datetime
from functools import cache
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import pkcs7

SAMPLES = Path(__file__).parents[1] / "samples" / "signed_programs"
TEAM, IDENTIFIER = "TEAM123456", "com.example.tool"
APPLE = f"apple:{TEAM}/{IDENTIFIER}"
AUTHENTICODE = "authenticode:Example, Inc./Example Tool"
PAGE = 4096
_OIDS = {"O": "2.5.4.10", "OU": "2.5.4.11", "CN": "2.5.4.3"}


def sample(name: str) -> bytes:
    """One of the files that `make.sh` beside them made."""
    return (SAMPLES / name).read_bytes()


def signed_macho(
    arch: str = "arm64",
    *,
    team: str = TEAM,
    unit: str = TEAM,
    identifier: str = IDENTIFIER,
    flags: int = 0x10000,
    sha1_first: bool = False,
    with_cms: bool = True,
    covered: int | None = None,
) -> bytes:
    """The sample of this processor, signed anew as by Developer ID: `unit` is the team in the certificate.

    `covered`: how many bytes are signed, instead of all.
    """
    program = bytearray(sample(f"adhoc-{arch}"))
    command = _signature_command(program)
    (start,) = struct.unpack_from("<I", program, command + 8)
    length = 4096
    struct.pack_into("<I", program, command + 12, length)
    code = bytes(program[:start])
    kinds = ["sha1", "sha256"] if sha1_first else ["sha256"]
    directories = [directory(code[:covered], identifier, team, flags, kind) for kind in kinds]
    blobs = list(zip((0, 0x1000), directories, strict=False))
    if with_cms:
        cms = detached(directories[0], unit)
        blobs.append((0x10000, struct.pack(">II", 0xFADE0B01, 8 + len(cms)) + cms))
    return code + super_blob(blobs).ljust(length, b"\0")


def directory(code: bytes, identifier: str, team: str, flags: int, kind: str) -> bytes:
    """A code directory over these bytes, of version 0x20400."""
    number, size = {"sha1": (1, 20), "sha256": (2, 32)}[kind]
    pages = [hashlib.new(kind, code[at : at + PAGE]).digest() for at in range(0, len(code), PAGE)]
    names = identifier.encode() + b"\0" + team.encode() + b"\0"
    head = 88
    team_at = head + len(identifier) + 1 if team else 0
    digests_at = head + len(names)
    fields = (0x20400, flags, digests_at, head, 0, len(pages), len(code), size, number, 0, 12, 0, 0, team_at, 0, 0)
    body = struct.pack(">IIIIIIIBBBBIIIIQ", *fields).ljust(head - 8, b"\0") + names + b"".join(pages)
    return struct.pack(">II", 0xFADE0C02, 8 + len(body)) + body


def super_blob(blobs: list[tuple[int, bytes]]) -> bytes:
    """The blobs with their index in front."""
    at, index = 12 + 8 * len(blobs), b""
    for kind, blob in blobs:
        index += struct.pack(">II", kind, at)
        at += len(blob)
    return struct.pack(">III", 0xFADE0CC0, at, len(blobs)) + index + b"".join(blob for _, blob in blobs)


def detached(data: bytes, unit: str) -> bytes:
    """Signed data about these bytes, without them."""
    key, certificate = _certificate(unit)
    builder = pkcs7.PKCS7SignatureBuilder().set_data(data).add_signer(certificate, key, hashes.SHA256())
    options = [pkcs7.PKCS7Options.DetachedSignature, pkcs7.PKCS7Options.Binary, pkcs7.PKCS7Options.NoCapabilities]
    return builder.sign(serialization.Encoding.DER, options)


@cache
def _certificate(unit: str) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    parts = {"O": "Example, Inc.", "OU": unit, "CN": f"Developer ID Application: Example, Inc. ({unit})"}
    name = x509.Name([x509.NameAttribute(x509.ObjectIdentifier(_OIDS[k]), v) for k, v in parts.items()])
    made = x509.CertificateBuilder().subject_name(name).issuer_name(name).public_key(key.public_key())
    made = made.serial_number(7).not_valid_before(datetime(2026, 1, 1, tzinfo=UTC))
    return key, made.not_valid_after(datetime(2046, 1, 1, tzinfo=UTC)).sign(key, hashes.SHA256())


def _signature_command(program: bytes | bytearray) -> int:
    (count,) = struct.unpack_from("<I", program, 16)
    at = 32
    for _ in range(count):
        kind, length = struct.unpack_from("<II", program, at)
        if kind == 0x1D:
            return at
        at += length
    raise AssertionError("the sample is not signed")
