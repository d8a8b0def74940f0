"""Programs of macOS (Mach-O, universal too): what the code signature in the file says. Pure, by a reader.

A signature is a super-blob behind the program: code directories (identifier, team, a digest for each page) and Apple's
signed data about the first of them. Headers come from whoever made the file: what does not fit is "it says nothing",
never an exception. Rules: `cs_blobs.h` of XNU, "Code Signing" of Apple's documentation.
"""

from __future__ import annotations

import hashlib
import struct
from collections.abc import Iterator
from typing import NamedTuple

from agent.inventory.signed_data import Signed, parse_signed
from policy_schema.rules.binary import MAX_SLICES, Extent, ReadAt

MAX_SIGNATURE = 8 << 20
"""A page of 4 KB has a digest of 32 bytes: enough for a program of a gigabyte."""
MAX_PAGE = 4 << 20
_MAX_COMMANDS = 1 << 20
_MAX_BLOBS = 64
_MAX_NAME = 200
_THIN = {
    b"\xcf\xfa\xed\xfe": ("<", 32),
    b"\xce\xfa\xed\xfe": ("<", 28),
    b"\xfe\xed\xfa\xcf": (">", 32),
    b"\xfe\xed\xfa\xce": (">", 28),
}
_UNIVERSAL = {b"\xca\xfe\xba\xbe": ">8xII4x", b"\xca\xfe\xba\xbf": ">8xQQ8x"}
_CODE_SIGNATURE = 0x1D
_SUPER_BLOB, _DIRECTORY, _WRAPPER = 0xFADE0CC0, 0xFADE0C02, 0xFADE0B01
_FIRST_DIRECTORY, _ALTERNATES, _CMS = 0, range(0x1000, 0x1006), 0x10000
_HAS_TEAM, _HAS_LONG_LIMIT, _HAS_SCATTER = 0x20200, 0x20300, 0x20100
_ADHOC = 0x2
_DIGESTS = {1: ("sha1", 20), 2: ("sha256", 32), 3: ("sha256", 20), 4: ("sha384", 48)}
_PREFERENCE = (4, 2, 3, 1)
"""Which directory gives the cdhash, best first, as `codesign` and the kernel choose."""


class CodeDirectory(NamedTuple):
    """What one code directory says."""

    identifier: str
    team: str
    """Empty in an ad-hoc signature and in Apple's own programs."""
    flags: int
    digest: str
    """`sha256`, as hashlib names it."""
    digest_size: int
    page: int
    """Bytes of the program that each digest is over."""
    limit: int
    """How many bytes of the program are signed, from its beginning on."""
    pages: bytes
    """The digests, one after the other."""
    kind: int
    whole: bytes

    @property
    def adhoc(self) -> bool:
        """True if nobody's certificate stands behind it."""
        return bool(self.flags & _ADHOC)

    @property
    def cdhash(self) -> str:
        """The name that macOS itself has for this very program."""
        return hashlib.new(self.digest, self.whole).hexdigest()[:40]


class AppleSignature(NamedTuple):
    """The code signature of one slice."""

    part: Extent
    """The slice in the file."""
    directory: CodeDirectory
    """The first one: the signed data is about it."""
    cdhash: str
    """Of the directory that macOS prefers."""
    signed: Signed | None
    """None: ad hoc, or nothing that can be read."""


def parse_signatures(read: ReadAt, size: int) -> Iterator[AppleSignature]:
    """The signatures of each slice of a program; nothing for what is none or has none."""
    for part in _slices(read, size):
        place = _signature_place(read, part)
        if place is None:
            continue
        blobs = _blobs(read(part.start + place.start, place.end - place.start))
        rows = {kind: _directory(data) for kind, data in blobs.items() if _is_directory(kind)}
        first = rows.get(_FIRST_DIRECTORY)
        # What lies between the signed pages and the signature would be nobody's.
        if first is None or first.limit != place.start:
            continue
        best = min((row for row in rows.values() if row), key=lambda row: _PREFERENCE.index(row.kind))
        yield AppleSignature(part, first, best.cdhash, _signed(blobs.get(_CMS, b"")))


def _is_directory(kind: int) -> bool:
    return kind == _FIRST_DIRECTORY or kind in _ALTERNATES


def _slices(read: ReadAt, size: int) -> Iterator[Extent]:
    head = read(0, 8)
    form = _UNIVERSAL.get(head[:4])
    if form is None:
        yield Extent(0, size)
        return
    count = int.from_bytes(head[4:8], "big")
    if count > MAX_SLICES:
        return
    step = struct.calcsize(form)
    table = read(8, count * step)
    for start, length in struct.iter_unpack(form, table[: len(table) // step * step]):
        if start < size:
            yield Extent(start, min(start + length, size))


def _signature_place(read: ReadAt, part: Extent) -> Extent | None:
    """Where the signature is, counted from the slice's beginning; it must be the last thing in it."""
    layout = _THIN.get(read(part.start, 4))
    numbers = _unpack(layout[0] + "16xII", read(part.start, 24)) if layout else None
    if layout is None or numbers is None:
        return None
    count, length = numbers
    commands = read(part.start + layout[1], min(length, _MAX_COMMANDS))
    at = 0
    for _ in range(min(count, 4096)):
        command = _unpack(layout[0] + "IIII", commands, at)
        if command is None or command[1] < 8:
            return None
        if command[0] == _CODE_SIGNATURE:
            found = Extent(command[2], command[2] + command[3])
            fits = found.end == part.end - part.start and command[3] <= MAX_SIGNATURE
            return found if fits else None
        at += command[1]
    return None


def _blobs(data: bytes) -> dict[int, bytes]:
    """From kind to blob; of two of one kind the first."""
    head = _unpack(">III", data)
    found: dict[int, bytes] = {}
    if head is None or head[0] != _SUPER_BLOB:
        return found
    left = len(data)
    for index in range(min(head[2], _MAX_BLOBS)):
        row = _unpack(">II", data, 12 + 8 * index)
        length = _unpack(">4xI", data, row[1]) if row else None
        if not row or not length or not 8 <= length[0] <= len(data) - row[1]:
            continue
        left -= length[0]
        if left < 0:
            break  # blobs that overlap, of nobody's making but a trickster's
        if _is_directory(row[0]) or row[0] == _CMS:
            found.setdefault(row[0], data[row[1] : row[1] + length[0]])
    return found


def _directory(data: bytes) -> CodeDirectory | None:
    numbers = _unpack(">I4xIIIIIIIBBBB", data)
    if numbers is None or numbers[0] != _DIRECTORY:
        return None
    _, version, flags, digests_at, name_at, _, count, limit, size, kind, _, page = numbers
    known = _DIGESTS.get(kind)
    scatter = _unpack(">I", data, 44) if version >= _HAS_SCATTER else (0,)
    team = _unpack(">I", data, 48) if version >= _HAS_TEAM else (0,)
    long_limit = _unpack(">Q", data, 56) if version >= _HAS_LONG_LIMIT else (0,)
    if known is None or known[1] != size or not scatter or scatter[0] or not team or not long_limit or page > 22:
        return None
    limit = long_limit[0] or limit
    step = 1 << page if page else max(limit, 1)
    pages = data[digests_at : digests_at + count * size]
    if step > MAX_PAGE or len(pages) != count * size or count != (limit + step - 1) // step:
        return None
    names = _name(data, name_at), _name(data, team[0]) if team[0] else ""
    return CodeDirectory(*names, flags, known[0], size, step, limit, pages, kind, data)


def _name(data: bytes, at: int) -> str:
    written = data[at : at + _MAX_NAME + 1].partition(b"\0")[0].decode("utf-8", "replace")
    return written if len(written) <= _MAX_NAME and written.isprintable() else ""


def _signed(blob: bytes) -> Signed | None:
    head = _unpack(">I", blob)
    if head is None or head[0] != _WRAPPER or len(blob) <= 8:
        return None
    try:
        return parse_signed(blob[8:])
    except ValueError:
        return None


def _unpack(form: str, data: bytes, at: int = 0) -> tuple[int, ...] | None:
    if at < 0 or at + struct.calcsize(form) > len(data):
        return None
    return struct.unpack_from(form, data, at)
