"""Program files of every format, small and not runnable, for tests of what reads their headers; and odd readers."""

from __future__ import annotations

import struct
from collections.abc import Iterable, Sequence

from policy_schema.document.catalogue import load_catalogue
from policy_schema.rules.content import Signature, compile_signature


def claude_code_signatures() -> tuple[Signature, ...]:
    """The content signatures of Claude Code, as the shipped catalogue has them: 0 native, 1 script."""
    entry = load_catalogue().tools["claude-code"]
    rows = (content.model_dump(mode="json") for content in entry.faces.content)
    return tuple(compile_signature(f"claude-code/{index}", row) for index, row in enumerate(rows))


def elf(sections: Sequence[tuple[str, bytes]], *, wide: bool = True, order: str = "<", many: bool = False) -> bytes:
    """An ELF with these sections, their bytes in this order behind the header, and the tables at the end.

    With `many`, the numbers of the header stand in the first section header, as with 65,280 sections and more.
    """
    names = b"\0" + b"".join(name.encode() + b"\0" for name, _ in sections) + b".shstrtab\0"
    head = 64 if wide else 52
    body, headers, name_at = b"", [], 1
    for name, data in (*sections, (".shstrtab", names)):
        headers.append((name_at, 1, 0, 0, head + len(body), len(data), 0))
        body += data
        name_at += len(name) + 1
    first = (0, 0, 0, 0, 0, len(headers) + 1, len(headers)) if many else (0,) * 7
    form = order + ("IIQQQQI20x" if wide else "IIIIIII12x")
    count, index = (0, 0xFFFF) if many else (len(headers) + 1, len(headers))
    ident = b"\x7fELF" + bytes([2 if wide else 1, 1 if order == "<" else 2, 1])
    header = struct.pack(
        order + ("16s24xQ10xHHH" if wide else "16s16xI10xHHH"),
        ident,
        head + len(body),
        struct.calcsize(form),
        count,
        index,
    )
    return header.ljust(head, b"\0") + body + b"".join(struct.pack(form, *row) for row in (first, *headers))


def macho(sections: Sequence[tuple[str, str, bytes]], *, wide: bool = True, order: str = "<") -> bytes:
    """A Mach-O file with these (segment, section, bytes), each in a segment of its own, after an unknown command."""
    magic, head = (0xFEEDFACF, 32) if wide else (0xFEEDFACE, 28)
    segment_size, section_size = (72, 80) if wide else (56, 68)
    commands, body = struct.pack(order + "II8x", 0x32, 16), b""
    start = head + len(commands) + len(sections) * (segment_size + section_size)
    for segment, section, data in sections:
        commands += struct.pack(order + "II16s", 0x19 if wide else 0x1, segment_size + section_size, segment.encode())
        commands += struct.pack(order + ("32x8xI4x" if wide else "16x8xI4x"), 1)
        commands += struct.pack(order + "16s16s", section.encode(), segment.encode())
        commands += struct.pack(order + ("QQI28x" if wide else "III24x"), 0, len(data), start + len(body))
        body += data
    header = struct.pack(order + "I12xII", magic, len(sections) + 1, len(commands))
    return header.ljust(head, b"\0") + commands + body


def universal(slices: Sequence[bytes], *, wide: bool = False) -> bytes:
    """A universal Mach-O file."""
    head = 8 + len(slices) * (32 if wide else 20)
    table, at = b"", head
    for data in slices:
        table += struct.pack(">8xQQ8x" if wide else ">8xII4x", at, len(data))
        at += len(data)
    return struct.pack(">II", 0xCAFEBABF if wide else 0xCAFEBABE, len(slices)) + table + b"".join(slices)


def pe(sections: Iterable[tuple[str, bytes]]) -> bytes:
    """A PE file with these sections; the stub and the optional header are zeros."""
    rows = list(sections)
    start = 0x80 + 24 + 240 + 40 * len(rows)
    table, body = b"", b""
    for name, data in rows:
        table += struct.pack("<8sIIII16x", name.encode(), len(data), 0, len(data), start + len(body))
        body += data
    coff = struct.pack("<4sHH12xHH", b"PE\0\0", 0x8664, len(rows), 240, 0x22)
    return b"MZ".ljust(60, b"\0") + struct.pack("<I", 0x80) + bytes(0x40) + coff + bytes(240) + table + body


class BytesReader:
    """Bytes as `look_in` wants them; counts what was read."""

    def __init__(self, data: bytes, holes: Iterable[tuple[int, int]] = ()) -> None:
        self.data = data
        self.holes = tuple(holes)
        self.read = 0

    @property
    def size(self) -> int:
        """In bytes."""
        return len(self.data)

    def read_at(self, offset: int, length: int) -> bytes:
        """Bytes from `offset` on."""
        assert length >= 0
        part = self.data[offset : offset + length] if offset >= 0 else b""
        self.read += len(part)
        return part

    def read_into(self, view: memoryview, offset: int) -> int:
        """Fills `view`."""
        part = self.read_at(offset, len(view))
        view[: len(part)] = part
        return len(part)

    def next_data(self, offset: int) -> int:
        """Jumps over the holes given."""
        return next((end for start, end in self.holes if start <= offset < end), offset)


class EndlessProgram(BytesReader):
    """A program of any size without holes and without sections, that costs no memory."""

    def __init__(self, head: bytes, size: int) -> None:
        super().__init__(head.ljust(4096, b"\x01"))
        self._size = size
        self.pieces = 0

    @property
    def size(self) -> int:
        """As said."""
        return self._size

    def read_into(self, view: memoryview, offset: int) -> int:
        """Ones."""
        self.read += len(view)
        self.pieces += 1
        view[:] = b"\x01" * len(view)
        return len(view)
