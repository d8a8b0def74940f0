"""Where the data of a program lies in its file, and which place in the file an address means: ELF, Mach-O, PE.

Only what `go_formats` needs. Headers come from whoever made the file: every table has a limit, every number is held
against the file's size, and what does not fit is "not there", never an exception.
"""

from __future__ import annotations

import struct
from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

from policy_schema.rules.binary import Extent, Kind, find_sections, kind_of

ReadAt: TypeAlias = Callable[[int, int], bytes]
MAX_PARTS: Final = 1024
MAX_COMMANDS: Final = 1 << 20
NOWHERE: Final = -1
_BSS: Final = 8
_WRITE, _EXECUTE = 2, 1
_PE_DATA: Final = 0x40 | 0x40000000 | 0x80000000
"""Initialised data that can be read and written (PE format, "Section Flags")."""
_PE_ALIGN: Final = 0x00F00000
_MACHO: Final = {
    b"\xcf\xfa\xed\xfe": ("<", True),
    b"\xce\xfa\xed\xfe": ("<", False),
    b"\xfe\xed\xfa\xcf": (">", True),
    b"\xfe\xed\xfa\xce": (">", False),
}


class Part(NamedTuple):
    """A part of a file that is loaded: where in the file, at which address, and whether it is writable data."""

    start: int
    length: int
    address: int
    data: bool


class Image(NamedTuple):
    """A program: its parts, and the places that carry the name of Go's build information."""

    parts: tuple[Part, ...]
    named: tuple[Extent, ...]

    def data(self) -> Iterator[Extent]:
        """Where build information can lie: the section of that name, else the first writable data."""
        if self.named:
            yield self.named[0]
            return
        first = next((part for part in self.parts if part.data and part.length), None)
        if first is not None:
            yield Extent(first.start, first.start + first.length)

    def offset(self, address: int, length: int) -> int:
        """The place in the file of so many bytes at an address; NOWHERE if they are in no part of it."""
        for part in self.parts:
            if part.address <= address and address + length <= part.address + part.length:
                return part.start + address - part.address
        return NOWHERE


def open_image(read: ReadAt, size: int) -> Image | None:
    """The image of a program; None for what is none. Of a universal file its first slice."""
    head = read(0, 4096)
    kind = kind_of(head)
    if kind is Kind.ELF:
        return Image(_bounded(_elf(read, head), size), find_sections(kind, read, size, ".go.buildinfo"))
    if kind is Kind.PE:
        return Image(_bounded(_pe(read, head), size), ())
    if kind is Kind.MACHO:
        at = 0 if head[:4] in _MACHO else _first_slice(head)
        return Image(_bounded(_macho(read, at), size), _macho_named(read, at, size))
    return None


def _bounded(parts: Iterator[Part], size: int) -> tuple[Part, ...]:
    """At most MAX_PARTS, each as far as the file reaches."""
    found: list[Part] = []
    for part in parts:
        if 0 <= part.start < size and part.length > 0:
            found.append(part._replace(length=min(part.length, size - part.start)))
        if len(found) >= MAX_PARTS:
            break
    return tuple(found)


def _unpack(form: str, data: bytes, at: int = 0) -> tuple[int, ...] | None:
    if at < 0 or at + struct.calcsize(form) > len(data):
        return None
    return struct.unpack_from(form, data, at)


def _elf(read: ReadAt, head: bytes) -> Iterator[Part]:
    """The loaded segments (System V ABI, "Program Header")."""
    wide, order = head[4:5] == b"\x02", ">" if head[5:6] == b"\x02" else "<"
    place = _unpack(order + ("32xQ14xHH" if wide else "28xI10xHH"), head)
    form = order + ("IIQQ8xQ16x" if wide else "IIIIII8x")
    if place is None or place[1] != struct.calcsize(form):
        return
    at, entry, count = place
    table = read(at, min(count, MAX_PARTS) * entry)
    for row in range(len(table) // entry):
        if wide:
            kind, flags, start, address, length = struct.unpack_from(form, table, row * entry)
        else:
            kind, start, address, _, length, flags = struct.unpack_from(order + "IIIII4xI4x", table, row * entry)
        if kind == 1:
            yield Part(start, length, address, flags & (_WRITE | _EXECUTE) == _WRITE)


def _pe(read: ReadAt, head: bytes) -> Iterator[Part]:
    """The sections; addresses count from the image base."""
    place = _unpack("<60xI", head)
    header = read(place[0], 64) if place else b""
    numbers = _unpack("<6xH12xH2xH", header)
    if numbers is None or not header.startswith(b"PE\0\0"):
        return
    count, optional, magic = numbers
    base = _unpack("<48xQ" if magic == 0x20B else "<52xI", header) or (0,)
    start_of_table = (place[0] if place else 0) + 24 + optional
    table = read(start_of_table, min(count, MAX_PARTS) * 40)
    for row in range(len(table) // 40):
        address, length, start, flags = struct.unpack_from("<12xIII12xI", table, row * 40)
        yield Part(start, length, base[0] + address, flags & ~_PE_ALIGN == _PE_DATA)


def _first_slice(head: bytes) -> int:
    wide = head[:4] == b"\xca\xfe\xba\xbf"
    found = _unpack(">16xQ" if wide else ">16xI", head)
    return found[0] if found else 0


def _macho_commands(read: ReadAt, at: int) -> Iterator[tuple[str, bool, bytes]]:
    layout = _MACHO.get(read(at, 4))
    numbers = _unpack((layout[0] if layout else "<") + "16xII", read(at, 24))
    if layout is None or numbers is None:
        return
    order, wide = layout
    commands, here = read(at + (32 if wide else 28), min(numbers[1], MAX_COMMANDS)), 0
    for _ in range(min(numbers[0], MAX_PARTS)):
        command = _unpack(order + "II", commands, here)
        if command is None or command[1] < 8:
            return
        yield order, wide, commands[here : here + command[1]]
        here += command[1]


def _macho(read: ReadAt, at: int) -> Iterator[Part]:
    """The segments (mach-o/loader.h); __PAGEZERO has no bytes and so is none."""
    for order, wide, command in _macho_commands(read, at):
        code = _unpack(order + "I", command)
        fields = _unpack(order + ("24xQ8xQQII" if wide else "24xI4xIIII"), command)
        if code in ((0x19,), (0x1,)) and fields:
            address, start, length, most, first = fields
            yield Part(at + start, length, address, (most, first) == (3, 3))


def _macho_named(read: ReadAt, at: int, size: int) -> tuple[Extent, ...]:
    """The section `__go_buildinfo`, whatever its segment."""
    for order, wide, command in _macho_commands(read, at):
        code = _unpack(order + "I", command)
        if code not in ((0x19,), (0x1,)):
            continue
        header, entry, form = (72, 80, "16s16x8xQI") if wide else (56, 68, "16s16x4xII")
        for row in range(max(0, len(command) - header) // entry):
            name, length, start = struct.unpack_from(order + form, command, header + row * entry)
            if name.rstrip(b"\0") == b"__go_buildinfo":
                return (Extent(at + start, min(at + start + length, size)),)
    return ()
