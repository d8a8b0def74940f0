"""Kinds of files by their first bytes, and sections of programs by their headers: ELF, Mach-O (universal too), PE.

Headers come from whoever made the file: every table has a limit, every offset is held against the file's size, and
what does not fit is "no such section", never an exception.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from enum import StrEnum
from itertools import islice
from typing import Final, NamedTuple, TypeAlias

HEAD_SIZE: Final = 4096
"""Bytes of a file's beginning that `kind_of` wants to see (or the whole of a shorter file)."""

MAX_TABLE: Final = 1 << 20
MAX_HEADERS: Final = 4096
MAX_SLICES: Final = 16
MAX_FOUND: Final = 16

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""(offset, length) to at most that many bytes; fewer where the file ends."""


class Kind(StrEnum):
    """What a content signature's `magic` names."""

    ELF = "elf"
    MACHO = "macho"
    PE = "pe"
    TEXT = "text"


class Extent(NamedTuple):
    """A part of a file, in bytes from its beginning; `end` is the first byte behind it."""

    start: int
    end: int


_ELF = b"\x7fELF"
_MACHO: Final = {
    b"\xcf\xfa\xed\xfe": ("<", True),
    b"\xce\xfa\xed\xfe": ("<", False),
    b"\xfe\xed\xfa\xcf": (">", True),
    b"\xfe\xed\xfa\xce": (">", False),
}
_UNIVERSAL: Final = {b"\xca\xfe\xba\xbe": ">8xII4x", b"\xca\xfe\xba\xbf": ">8xQQ8x"}


def kind_of(head: bytes) -> Kind | None:
    """Tells the kind by the first HEAD_SIZE bytes; None for everything that no signature is about.

    Text is what has no NUL byte. A script may begin with the letters MZ, a program for Windows has NULs behind them.
    """
    if head.startswith(_ELF):
        return Kind.ELF
    if head[:4] in _MACHO or (head[:4] in _UNIVERSAL and int.from_bytes(head[4:8], "big") <= MAX_SLICES):
        return Kind.MACHO
    if b"\0" not in head:
        return Kind.TEXT if head else None
    return Kind.PE if head.startswith(b"MZ") else None


def find_sections(kind: Kind, read: ReadAt, size: int, name: str) -> tuple[Extent, ...]:
    """Finds the non-empty parts of a program that carry this section name, `.bun` for example.

    A universal Mach-O file has one in each slice. In Mach-O `.bun` is section `__bun` of segment `__BUN`, as `.text`
    is `__text` of `__TEXT`. Text has no sections.
    """
    parsers: dict[Kind, Callable[[ReadAt, int, str], Iterator[Extent]]] = {
        Kind.ELF: _elf,
        Kind.MACHO: _macho,
        Kind.PE: _pe,
    }
    if kind not in parsers or not name.isascii():
        return ()
    within = (Extent(e.start, min(e.end, size)) for e in parsers[kind](read, size, name))
    return tuple(islice((e for e in within if 0 <= e.start < e.end), MAX_FOUND))


def _unpack(form: str, data: bytes, at: int = 0) -> tuple[int, ...] | None:
    # The only way bytes become numbers here: too short is None, never struct.error.
    if at < 0 or at + struct.calcsize(form) > len(data):
        return None
    return struct.unpack_from(form, data, at)


def _elf(read: ReadAt, size: int, name: str) -> Iterator[Extent]:
    head = read(0, 64)
    wide, order = head[4:5] == b"\x02", ">" if head[5:6] == b"\x02" else "<"
    place = _unpack(order + ("40xQ10xHHH" if wide else "32xI10xHHH"), head)
    if place is None:
        return
    at, entry, count, names_index = place
    form = order + ("IIQQQQI20x" if wide else "IIIIIII12x")
    if entry != struct.calcsize(form):
        return
    first = _unpack(form, read(at, entry)) if at < size else None
    if first is None:
        return
    # With 65,280 sections and more, the real numbers stand in the first header (System V ABI, "Section Header").
    count = min(count or first[5], MAX_HEADERS)
    names_index = first[6] if names_index == 0xFFFF else names_index
    headers = list(struct.iter_unpack(form, _entries(read(at, count * entry), entry)))
    if names_index >= len(headers):
        return
    names = read(headers[names_index][4], min(headers[names_index][5], MAX_TABLE))
    wanted, nobits = name.encode() + b"\0", 8
    for header in headers:
        if names.startswith(wanted, header[0]) and header[1] != nobits:
            yield Extent(header[4], header[4] + header[5])


def _entries(table: bytes, entry: int) -> bytes:
    # A table cut off by the end of the file: whole entries only.
    return table[: len(table) // entry * entry]


def _macho(read: ReadAt, size: int, name: str) -> Iterator[Extent]:
    head = read(0, 8)
    form = _UNIVERSAL.get(head[:4])
    if form is None:
        yield from _macho_slice(read, Extent(0, size), name)
        return
    count = min(int.from_bytes(head[4:8], "big"), MAX_SLICES)
    table = read(8, count * struct.calcsize(form))
    for start, length in struct.iter_unpack(form, _entries(table, struct.calcsize(form))):
        if start < size:
            yield from _macho_slice(read, Extent(start, min(start + length, size)), name)


def _macho_slice(read: ReadAt, part: Extent, name: str) -> Iterator[Extent]:
    layout = _MACHO.get(read(part.start, 4))
    if layout is None:
        return
    order, wide = layout
    numbers = _unpack(order + "16xII", read(part.start, 24))
    if numbers is None:
        return
    count, length = numbers
    commands = read(part.start + (32 if wide else 28), min(length, MAX_TABLE))
    at = 0
    for _ in range(min(count, MAX_HEADERS)):
        command = _unpack(order + "II", commands, at)
        if command is None or command[1] < 8:
            return
        for section in _macho_sections(commands[at : at + command[1]], order, name):
            yield Extent(part.start + section.start, min(part.start + section.end, part.end))
        at += command[1]


def _macho_sections(command: bytes, order: str, name: str) -> Iterator[Extent]:
    forms = {0x19: (72, order + "16s16s8xQI28x"), 0x1: (56, order + "16s16s4xII24x")}
    code = _unpack(order + "I", command)
    if code is None or code[0] not in forms:
        return
    header, form = forms[code[0]]
    bare = name.removeprefix(".").encode()
    wanted = (b"__" + bare, b"__" + bare.upper())
    for section, segment, length, start in struct.iter_unpack(form, _entries(command[header:], struct.calcsize(form))):
        if (section.rstrip(b"\0"), segment.rstrip(b"\0")) == wanted:
            yield Extent(start, start + length)


def _pe(read: ReadAt, size: int, name: str) -> Iterator[Extent]:
    place = _unpack("<60xI", read(0, 64))
    if place is None or place[0] >= size:
        return
    header = read(place[0], 24)
    numbers = _unpack("<6xH12xH2x", header)
    if numbers is None or not header.startswith(b"PE\0\0"):
        return
    count, optional = numbers
    form = "<8s8xII16x"
    table = read(place[0] + 24 + optional, min(count, MAX_HEADERS) * struct.calcsize(form))
    for label, length, start in struct.iter_unpack(form, _entries(table, struct.calcsize(form))):
        if label.rstrip(b"\0") == name.encode():
            yield Extent(start, start + length)
