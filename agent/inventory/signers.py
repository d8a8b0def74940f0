"""Who signed a program of macOS or Windows: `apple:TEAM/IDENTIFIER`, `authenticode:SUBJECT/PRODUCT`. Pure, by a reader.

First the names are read, which costs headers only; a program that names no wanted signer is done with. Of the others
every signed byte is compared with the digests in the signature:

1. Mach-O: the signature is not ad hoc, the certificate of its signer names the team of the code directory, the signed
   digest is that of the code directory, and each page has the digest that stands there for it.
2. PE: the signed digest is that of the text in which the file's digest stands, and the file has that digest. The
   product's name is part of the file.

So a signature that was pasted into another file, or whose file was changed, does not count. No certificate is verified,
no RSA computed, nobody asked whether it was revoked: who makes a certificate that bears another's name can write what
he likes into a program of his own. All that it gets him is to be taken for that tool. Nothing is ever allowed by a
signer here, only recognised.
"""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator
from typing import NamedTuple, Protocol

from agent.inventory.macho_files import AppleSignature, parse_signatures
from agent.inventory.pe_files import parse_authenticode, parse_headers, parse_version, short_version
from policy_schema.rules.binary import HEAD_SIZE, Kind, kind_of

MAX_SIGNED = 1 << 30
"""Bytes of a program that are compared at most; of a larger one nothing is said. The largest seen so far has 388 MB."""
_CHUNK = 1 << 20


class Program(Protocol):
    """An open file, as `policy_schema.rules.descriptor.DescriptorReader` is one."""

    @property
    def size(self) -> int:
        """In bytes."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on."""


class Signer(NamedTuple):
    """Who signed, and the version that the signed program gives itself. Empty: nobody that is wanted."""

    key: str = ""
    version: str = ""


class _Claim(NamedTuple):
    """What a signature says, and the check whether it is about these very bytes."""

    signer: Signer
    signed_bytes: int
    holds: Callable[[], bool]


def signer_of(program: Program, wanted: frozenset[str], stopped: Callable[[], bool]) -> Signer:
    """The wanted signer whose signature is about these very bytes; an empty one if there is none.

    `stopped` is asked once in each megabyte; an answer after it said yes means "did not look".

    Raises:
        OSError: the file cannot be read.
    """
    for claim in _claims(program, stopped):
        if claim.signer.key in wanted and claim.signed_bytes <= MAX_SIGNED and claim.holds():
            return claim.signer
    return Signer()


def is_signable(head: bytes) -> bool:
    """True for the first HEAD_SIZE bytes of a file that can carry such a signature."""
    return kind_of(head[:HEAD_SIZE]) in (Kind.MACHO, Kind.PE)


def _claims(program: Program, stopped: Callable[[], bool]) -> Iterator[_Claim]:
    kind = kind_of(program.read_at(0, HEAD_SIZE))
    if kind is Kind.MACHO:
        yield from (_apple(program, found, stopped) for found in parse_signatures(program.read_at, program.size))
    elif kind is Kind.PE:
        yield from _authenticode(program, stopped)


def _apple(program: Program, found: AppleSignature, stopped: Callable[[], bool]) -> _Claim:
    directory, signed = found.directory, found.signed
    if directory.adhoc or not directory.team or signed is None or signed.subject.unit != directory.team:
        return _Claim(Signer(), 0, lambda: False)

    def holds() -> bool:
        about = hashlib.new(signed.algorithm, directory.whole).digest()
        return about == signed.message_digest and all(_pages_hold(program, found, stopped))

    return _Claim(Signer(f"apple:{directory.team}/{directory.identifier}"), directory.limit, holds)


def _pages_hold(program: Program, found: AppleSignature, stopped: Callable[[], bool]) -> Iterator[bool]:
    """For each page in turn whether it has its digest; what cannot be read or was stopped has not."""
    directory, at = found.directory, 0
    # Whole pages, about a megabyte of them at once.
    step = max(_CHUNK // directory.page, 1) * directory.page
    while at < directory.limit:
        data = memoryview(_read(program, found.part.start + at, min(step, directory.limit - at), stopped))
        yield len(data) == min(step, directory.limit - at)
        for start in range(0, len(data), directory.page):
            digest = hashlib.new(directory.digest, data[start : start + directory.page]).digest()
            wanted = (at + start) // directory.page * directory.digest_size
            yield digest[: directory.digest_size] == directory.pages[wanted : wanted + directory.digest_size]
        at += step


def _authenticode(program: Program, stopped: Callable[[], bool]) -> Iterator[_Claim]:
    headers = parse_headers(program.read_at, program.size)
    signature = parse_authenticode(program.read_at, program.size, headers) if headers else None
    if headers is None or signature is None or not signature.subject:
        return
    says = parse_version(program.read_at, headers)

    def holds() -> bool:
        if hashlib.new(signature.algorithm, signature.signed_text).digest() != signature.message_digest:
            return False
        digest = hashlib.new(signature.algorithm)
        for piece in signature.pieces:
            for at in range(piece.start, piece.end, _CHUNK):
                digest.update(_read(program, at, min(_CHUNK, piece.end - at), stopped))
        return digest.digest() == signature.digest

    signer = Signer(
        f"authenticode:{signature.subject}/{says.get('ProductName', '')}", short_version(says.get("ProductVersion", ""))
    )
    yield _Claim(signer, program.size, holds)


def _read(program: Program, at: int, length: int, stopped: Callable[[], bool]) -> bytes:
    return b"" if stopped() else program.read_at(at, length)
