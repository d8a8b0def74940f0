"""One file out of a zip archive that a stranger wrote (a jar of a plugin). Pure: parts of the archive in, bytes out.

Not `zipfile`, which reads a whole directory of any size into memory and trusts the sizes that it finds. Rules: PKWARE's
APPNOTE, sections 4.3 and 4.4. Archives of more than 65,534 files or 4 GB (zip64) are refused: no plugin is one.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from typing import NamedTuple, Protocol

MAX_DIRECTORY = 4 << 20
_END = struct.Struct("<4s4H2LH")
_ENTRY = struct.Struct("<4s6H3L5H2L")
_HEAD = struct.Struct("<4s5H3L2H")
_MAX_COMMENT = 0xFFFF
_ZIP64 = 0xFFFFFFFF
_ENCRYPTED = 1
_STORED, _DEFLATED = 0, 8


class Reader(Protocol):
    """An archive of a known size, read at any place."""

    @property
    def size(self) -> int:
        """In bytes."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes; fewer, or none, where the archive ends."""


class _Entry(NamedTuple):
    name: bytes
    flags: int
    method: int
    packed: int
    unpacked: int
    head: int


def read_member(archive: Reader, name: bytes, limit: int) -> bytes | None:
    """The bytes of one file in an archive; None when it has none of that name.

    Raises:
        ValueError: no zip archive, a spoilt one, or a file of more than `limit` bytes.
    """
    found = [entry for entry in _entries(archive) if entry.name == name]
    # Of two with one name Java takes the last.
    return _content(archive, found[-1], limit) if found else None


def _entries(archive: Reader) -> Iterator[_Entry]:
    start, directory, shift = _directory(archive)
    at = 0
    while at + _ENTRY.size <= len(directory):
        row = _ENTRY.unpack_from(directory, at)
        if row[0] != b"PK\x01\x02":
            raise ValueError(f"no zip archive: its directory is spoilt at {start + at}")
        name_end = at + _ENTRY.size + row[10]
        yield _Entry(directory[at + _ENTRY.size : name_end], row[3], row[4], row[8], row[9], row[16] + shift)
        at = name_end + row[11] + row[12]


def _directory(archive: Reader) -> tuple[int, bytes, int]:
    """Where the directory begins, its bytes, and by how much the archive was moved (something stands before it)."""
    tail_at = max(0, archive.size - _MAX_COMMENT - _END.size)
    tail = archive.read_at(tail_at, archive.size - tail_at)
    at = tail.rfind(b"PK\x05\x06")
    if at < 0 or at + _END.size > len(tail):
        raise ValueError("no zip archive")
    _, _, _, _, count, size, offset, _ = _END.unpack_from(tail, at)
    if count == 0xFFFF or _ZIP64 in (size, offset):
        raise ValueError("a zip archive of more than 65,534 files or 4 GB")
    if size > MAX_DIRECTORY:
        raise ValueError(f"a zip archive whose directory is larger than {MAX_DIRECTORY} bytes")
    start = tail_at + at - size
    directory = archive.read_at(start, size) if start >= 0 else b""
    if len(directory) != size:
        raise ValueError("no zip archive: its directory is not there")
    return start, directory, start - offset


def _content(archive: Reader, entry: _Entry, limit: int) -> bytes:
    if entry.flags & _ENCRYPTED:
        raise ValueError("an encrypted zip archive")
    if entry.packed > limit or entry.unpacked > limit:
        raise ValueError(f"a file in the archive is larger than {limit} bytes")
    head = archive.read_at(entry.head, _HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(b"PK\x03\x04"):
        raise ValueError("no zip archive: a file in it is not there")
    *_, name, extra = _HEAD.unpack(head)
    packed = archive.read_at(entry.head + _HEAD.size + name + extra, entry.packed)
    if len(packed) != entry.packed:
        raise ValueError("no zip archive: a file in it is cut off")
    if entry.method == _STORED:
        return packed
    if entry.method != _DEFLATED:
        raise ValueError("a file in the archive is packed in an unusual way")
    return _inflate(packed, limit)


def _inflate(packed: bytes, limit: int) -> bytes:
    try:
        data = zlib.decompressobj(-zlib.MAX_WBITS).decompress(packed, limit + 1)
    except zlib.error:
        raise ValueError("a file in the archive cannot be unpacked") from None
    if len(data) > limit:
        raise ValueError(f"a file in the archive is larger than {limit} bytes")
    return data
