"""Programs of Windows (PE): what the version resource says, and what Authenticode signed. Pure, by a reader.

Headers come from whoever made the file: every table has a bound, every offset is held against the file. What does not
fit is "it says nothing", never an exception. Rules: "PE Format" and "Windows Authenticode Portable Executable
Signature Format" of Microsoft.
"""

from __future__ import annotations

import re
import struct
from collections.abc import Iterator
from typing import NamedTuple

from agent.inventory import der
from agent.inventory.der import OCTETS, SEQUENCE
from agent.inventory.signed_data import digest_name, parse_signed
from policy_schema.rules.binary import Extent, ReadAt

MAX_SIGNATURE = 4 << 20
MAX_RESOURCE = 64 << 10
_MAX_SECTIONS = 96
_MAX_ENTRIES = 256
_INDIRECT_DATA = "1.3.6.1.4.1.311.2.1.4"
_RESOURCES, _SECURITY = 2, 4
_RT_VERSION = 16
_SUBFOLDER = 1 << 31
_PKCS = 2
_VERSION = re.compile(r"[0-9]+(\.[0-9]+){0,3}", re.ASCII)


class Headers(NamedTuple):
    """Where the parts are. Each directory is (address, size), both 0 where there is none."""

    checksum: int
    """Place of the check sum in the file: it is not signed, and neither is the entry that leads to the signature."""
    security_entry: int
    resources: tuple[int, int]
    security: tuple[int, int]
    sections: tuple[tuple[int, int, int], ...]
    """(address, size in the file, place in the file)"""

    def place(self, address: int) -> int | None:
        """Where in the file an address of the loaded program is."""
        for start, size, place in self.sections:
            if start <= address < start + size:
                return place + address - start
        return None


class Authenticode(NamedTuple):
    """What a signature in the file says it is about."""

    subject: str
    algorithm: str
    digest: bytes
    """Of the file without its check sum and the signature."""
    message_digest: bytes
    """Signed: the digest of the text in which `digest` stands."""
    signed_text: bytes
    pieces: tuple[Extent, ...]
    """The parts of the file that `digest` is over, in their order."""


def parse_headers(read: ReadAt, size: int) -> Headers | None:
    """The headers; None for what is no PE."""
    start = _unpack("<60xI", read(0, 64))
    if start is None or start[0] + 24 > size:
        return None
    at = start[0]
    head = read(at, 26)
    numbers = _unpack("<6xH12xH2xH", head)
    if numbers is None or not head.startswith(b"PE\0\0"):
        return None
    count, length, magic = numbers
    first = {0x10B: 96, 0x20B: 112}.get(magic)
    if first is None or count > _MAX_SECTIONS:
        return None
    optional = read(at + 24, min(length, 512))
    known = _unpack("<I", optional, first - 4)
    told = known[0] if known else 0
    table = read(at + 24 + length, count * 40)
    sections = tuple(
        (address, min(raw, size), place)
        for address, raw, place in struct.iter_unpack("<12xIII16x", table[: len(table) // 40 * 40])
    )
    entry = at + 24 + first + 8 * _SECURITY
    resources = _directory(optional, first, told, _RESOURCES)
    return Headers(at + 24 + 64, entry, resources, _directory(optional, first, told, _SECURITY), sections)


def _directory(optional: bytes, first: int, told: int, index: int) -> tuple[int, int]:
    row = _unpack("<II", optional, first + 8 * index) if index < told else None
    return (row[0], row[1]) if row else (0, 0)


def parse_authenticode(read: ReadAt, size: int, headers: Headers) -> Authenticode | None:
    """The first signature in the file; None where there is none that can be read.

    It must be the last thing in the file, as Windows wants it: what stands behind it would not be signed.
    """
    at, length = headers.security
    if not (headers.security_entry + 8 <= at and 8 < length <= MAX_SIGNATURE and at + length == size):
        return None
    table = read(at, length)
    row = _unpack("<IHH", table)
    if row is None or row[2] != _PKCS or not 8 < row[0] <= len(table):
        return None
    try:
        signed = parse_signed(table[8 : row[0]])
        if signed.content_type != _INDIRECT_DATA or signed.content is None:
            return None
        about = der.at_path(signed.content, [(SEQUENCE, 1)])
        algorithm, digest = der.inside(about, SEQUENCE)[:2]
        if digest.tag != OCTETS or digest_name(algorithm) != signed.algorithm:
            return None
    except ValueError:
        return None
    gap, entry = headers.checksum, headers.security_entry
    pieces = (Extent(0, gap), Extent(gap + 4, entry), Extent(entry + 8, at))
    return Authenticode(
        signed.subject.common_name, signed.algorithm, digest.body, signed.message_digest, signed.content.body, pieces
    )


def parse_version(read: ReadAt, headers: Headers) -> dict[str, str]:
    """What the version resource says: `ProductName`, `ProductVersion`, `CompanyName`, … ; empty where there is none."""
    address, _ = headers.resources
    base = headers.place(address) if address else None
    if base is None:
        return {}
    offset = 0
    for wanted in (_RT_VERSION, None, None):  # kind, name, language; the first of each
        entry = next((below for number, below in _folder(read, base + offset) if wanted in (None, number)), None)
        if entry is None or (wanted is not None and not entry & _SUBFOLDER):
            return {}
        offset = entry & ~_SUBFOLDER
    leaf = _unpack("<II", read(base + offset, 8))
    place = headers.place(leaf[0]) if leaf else None
    if leaf is None or place is None:
        return {}
    return dict(_strings(read(place, min(leaf[1], MAX_RESOURCE))))


def short_version(text: str) -> str:
    """A version of Windows' four numbers as people write it: `2.1.330.0` is 2.1.330; what is none is empty."""
    text = text.strip()
    if not _VERSION.fullmatch(text) or len(text) > 60:
        return ""
    return text.removesuffix(".0") if text.count(".") == 3 else text


def _folder(read: ReadAt, at: int) -> Iterator[tuple[int, int]]:
    numbers = _unpack("<12xHH", read(at, 16))
    count = min(sum(numbers), _MAX_ENTRIES) if numbers else 0
    table = read(at + 16, 8 * count)
    yield from struct.iter_unpack("<II", table[: len(table) // 8 * 8])


class _Block(NamedTuple):
    """A block of a version resource: length, length of the value, key, value, and the blocks in it."""

    key: str
    value: bytes
    below: bytes


def _strings(data: bytes) -> Iterator[tuple[str, str]]:
    """Every text of every language, the first language first."""
    seen: set[str] = set()
    for top in _blocks(data):
        for info in _blocks(top.below) if top.key == "VS_VERSION_INFO" else ():
            for language in _blocks(info.below) if info.key == "StringFileInfo" else ():
                for row in _blocks(language.below):
                    value = (row.value or row.below).decode("utf-16-le", "replace").partition("\0")[0].strip()
                    if row.key not in seen and value.isprintable():
                        seen.add(row.key)
                        yield row.key, value[:200]


def _blocks(data: bytes) -> Iterator[_Block]:
    at = 0
    for _ in range(_MAX_ENTRIES):
        head = _unpack("<HHH", data, at)
        if head is None or head[0] < 6:
            return
        body = data[at : at + head[0]]
        end = next((i for i in range(6, len(body) - 1, 2) if body[i : i + 2] == b"\0\0"), len(body))
        key = body[6:end].decode("utf-16-le", "replace")
        start = _aligned(end + 2)
        # Of a text the value is the rest; of the first block 52 bytes of numbers stand before the blocks in it.
        skip = _aligned(head[1]) if not head[2] else 0
        yield _Block(key, body[start : start + skip], body[start + skip :])
        at += _aligned(head[0])


def _aligned(number: int) -> int:
    return (number + 3) & ~3


def _unpack(form: str, data: bytes, at: int = 0) -> tuple[int, ...] | None:
    if at < 0 or at + struct.calcsize(form) > len(data):
        return None
    return struct.unpack_from(form, data, at)
