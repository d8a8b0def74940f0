"""Property lists of macOS, as XML and as binary: texts that stand at the top, by their names. Pure.

Only named texts of the outermost dictionary are read. What else is in it is passed over without being unfolded, so that
nesting, references in circles and huge counts cost nothing. (`plistlib` unfolds everything, whoever wrote it.)
Rules: plist(5) and the comments of CFBinaryPList.c.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from xml.parsers import expat

MAX_TEXT = 1_000
MAX_NESTING = 200
MAX_KEYS = 20_000
_HEADER = b"bplist0"
_TRAILER = 32
_ASCII, _UTF16, _DICT, _MORE = 0x5, 0x6, 0xD, 0xF


def read_texts(data: bytes, wanted: Iterable[str]) -> dict[str, str]:
    """The wanted texts of the dictionary at the top; those that are missing or no texts are left out.

    Raises:
        ValueError: no property list with a dictionary at its top, or one that declares entities.
    """
    names = frozenset(wanted)
    found = _binary(data, names) if data.startswith(_HEADER) else _xml(data, names)
    return {name: text for name, text in found.items() if len(text) <= MAX_TEXT}


# ---------------------------------------------------------------------------------------------- XML
def _xml(data: bytes, wanted: frozenset[str]) -> dict[str, str]:
    reader = _Reader(wanted)
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"no property list: {expat.ErrorString(error.code)}") from None
    except LookupError:
        raise ValueError("no property list: an unknown encoding") from None
    return reader.found


class _Reader:
    """Collects `<key>` and the `<string>` behind it, two levels down."""

    def __init__(self, wanted: frozenset[str]) -> None:
        self.found: dict[str, str] = {}
        self._wanted = wanted
        self._path: list[str] = []
        self._key = ""
        self._text = ""
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = self._entity

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        depth = len(self._path)
        if depth < 2 and name != ("plist", "dict")[depth]:
            raise ValueError("no property list with a dictionary at its top")
        if depth >= MAX_NESTING:
            raise ValueError("nested too deeply")
        self._path.append(name)
        if depth == 2:
            self._text = ""

    def _end(self, name: str) -> None:
        if len(self._path) == 3:
            if name == "string" and self._key in self._wanted:
                self.found.setdefault(self._key, self._text)
            self._key = self._text if name == "key" else ""
        self._path.pop()

    def _characters(self, text: str) -> None:
        if len(self._path) == 3 and self._path[2] in ("key", "string") and len(self._text) <= MAX_TEXT:
            self._text += text[: MAX_TEXT + 1]

    def _entity(self, *declaration: object) -> None:
        raise ValueError("it declares entities")


# ---------------------------------------------------------------------------------------------- binary
def _binary(data: bytes, wanted: frozenset[str]) -> dict[str, str]:
    if len(data) < len(_HEADER) + 1 + _TRAILER:
        raise ValueError("cut off")
    width, reference, count, top, table = struct.unpack_from(">6xBBQQQ", data, len(data) - _TRAILER)
    if not 1 <= width <= 8 or not 1 <= reference <= 8 or top >= count or table + count * width > len(data):
        raise ValueError("a trailer that cannot be")
    objects = _Objects(data, width, table, count)
    kind, length, at = objects.head(top)
    if kind != _DICT or length > MAX_KEYS or at + 2 * length * reference > len(data):
        raise ValueError("no property list with a dictionary at its top")
    found: dict[str, str] = {}
    for index in range(length):
        place = at + index * reference
        key = objects.text(_number(data, place, reference))
        if key in wanted:
            value = objects.text(_number(data, place + length * reference, reference))
            if value is not None:
                found.setdefault(key, value)
    return found


class _Objects:
    """The table of objects; each is told by its number."""

    def __init__(self, data: bytes, width: int, table: int, count: int) -> None:
        self._data = data
        self._width = width
        self._table = table
        self._count = count

    def head(self, number: int) -> tuple[int, int, int]:
        """Kind, count and the place behind them. Raises ValueError for a number or place that cannot be."""
        if number >= self._count:
            raise ValueError("a reference that leads nowhere")
        at = _number(self._data, self._table + number * self._width, self._width)
        if at >= self._table:
            raise ValueError("a reference that leads nowhere")
        kind, count = self._data[at] >> 4, self._data[at] & 0xF
        if count != _MORE:
            return kind, count, at + 1
        width = 1 << (self._data[at + 1] & 0xF)
        if width > 8:
            raise ValueError("a count that cannot be")
        return kind, _number(self._data, at + 2, width), at + 2 + width

    def text(self, number: int) -> str | None:
        """A text of at most MAX_TEXT letters; None for everything else."""
        kind, count, at = self.head(number)
        if kind not in (_ASCII, _UTF16) or count > MAX_TEXT:
            return None
        size = count * (2 if kind == _UTF16 else 1)
        if at + size > self._table:
            raise ValueError("cut off")
        return self._data[at : at + size].decode("utf-16-be" if kind == _UTF16 else "ascii", "replace")


def _number(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "big")
