"""rpm's own form of its database, `Packages.db` (ndb: SUSE and its kin). Pure; any bytes in, records or ValueError out.

Rules: rpm's lib/backend/ndb/rpmpkg.c. Little-endian. A head of 32 bytes (`RpmP`, version, generation, pages of slots,
next number), then slots of 16 bytes (`Slot`, number, first block, blocks) that fill pages of 4096. A block has 16
bytes; a blob is `BlbS`, number, time, length, the header, zeros, then Adler-32 of all that, length, `BlbE`.
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from functools import partial
from typing import Final, NamedTuple

from agent.inventory.rpm_records import Damage, ReadAt, Record, bounded
from agent.inventory.system_packages import MAX_PACKAGES

PAGE: Final = 4096
BLOCK: Final = 16
_HEAD = struct.Struct("<4sIIII12x")
_SLOT = struct.Struct("<4sIII")
_BLOB_HEAD = struct.Struct("<4sIII")
_BLOB_TAIL = struct.Struct("<II4s")
_MAX_PAGES: Final = -(-MAX_PACKAGES * _SLOT.size // PAGE)
_CHUNK: Final = 1 << 16


class _Slot(NamedTuple):
    number: int
    start: int
    end: int


def records(read: ReadAt, size: int) -> Iterator[Record | Damage]:
    """Every installed package, in the order of the slots.

    Raises:
        ValueError: the file is not of this form.
    """
    head = read(0, _HEAD.size)
    if len(head) < _HEAD.size or not head.startswith(b"RpmP"):
        raise ValueError("it is no database of rpm's ndb form")
    _, version, _, pages, _ = _HEAD.unpack(head)
    if version != 0:
        raise ValueError(f"version {version} of rpm's ndb form is not known")
    if not 0 < pages <= min(size // PAGE, _MAX_PAGES):
        raise ValueError(f"{pages} pages of slots in a file of {size} bytes")
    yield from bounded(_records(read, size, pages), size)


def _records(read: ReadAt, size: int, pages: int) -> Iterator[Record | Damage]:
    seen: set[int] = set()
    for slot in _slots(read, pages):
        if isinstance(slot, Damage):
            yield slot
            continue
        trouble = _trouble(slot, seen, size, pages)
        seen.add(slot.number)
        yield Damage(f"package number {slot.number}: {trouble}") if trouble else _record(read, slot)


def _slots(read: ReadAt, pages: int) -> Iterator[_Slot | Damage]:
    for page in range(pages):
        data = read(page * PAGE, PAGE)
        if len(data) < PAGE:
            yield Damage("it ends too early")
            return
        for at in range(0 if page else _HEAD.size, PAGE, _SLOT.size):
            magic, number, block, blocks = _SLOT.unpack_from(data, at)
            if magic != b"Slot":
                yield Damage("a slot that is none")
            elif block:
                yield _Slot(number, block * BLOCK, (block + blocks) * BLOCK)


def _trouble(slot: _Slot, seen: set[int], size: int, pages: int) -> str:
    if slot.number == 0 or slot.number in seen:
        return "it is no number of a package, or that of two"
    if slot.start < pages * PAGE or slot.end > size:
        return "its place is outside of the file's part for packages"
    return "" if slot.end - slot.start > _BLOB_HEAD.size + _BLOB_TAIL.size else "its place is too small"


def _record(read: ReadAt, slot: _Slot) -> Record | Damage:
    head = read(slot.start, _BLOB_HEAD.size)
    if len(head) < _BLOB_HEAD.size:
        return Damage("it ends too early")
    magic, number, _, length = _BLOB_HEAD.unpack(head)
    needed = _BLOB_HEAD.size + length + _BLOB_TAIL.size
    if (magic, number) != (b"BlbS", slot.number) or -(-needed // BLOCK) * BLOCK != slot.end - slot.start:
        return Damage(f"package number {slot.number}: another record stands in its place")
    return Record(slot.number, length, partial(_header, read, slot, length))


def _header(read: ReadAt, slot: _Slot, length: int, limit: int) -> bytes:
    """The beginning of a header, once the whole record has the checksum that stands behind it."""
    begin = _BLOB_HEAD.size
    checksum, at, end, kept = 1, slot.start, slot.end - _BLOB_TAIL.size, bytearray()
    while at < end:
        piece = read(at, min(_CHUNK, end - at))
        if not piece:
            raise ValueError("it ends too early")
        checksum, at = zlib.adler32(piece, checksum), at + len(piece)
        if len(kept) < begin + limit:
            kept += piece
    tail = read(end, _BLOB_TAIL.size)
    if tail != _BLOB_TAIL.pack(checksum, length, b"BlbE"):
        raise ValueError("its record has another checksum or length than it says")
    return bytes(kept[begin : begin + min(length, limit)])
