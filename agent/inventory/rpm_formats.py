"""The header of an installed RPM package, as rpm's database holds it. Pure; any bytes in, a value or a ValueError out.

Rules: rpm's documentation of the header format ("RPM V4 header"): two counts, an index of 16 bytes an entry, the data.
"""

from __future__ import annotations

import struct
from typing import NamedTuple

from agent.inventory.system_packages import SystemPackage, usable

MAX_ENTRIES = 4_096
_PREAMBLE = struct.Struct(">II")
_ENTRY = struct.Struct(">IIiI")
_INT32, _STRING, _STRING_ARRAY = 4, 6, 8
_NAME, _VERSION, _RELEASE, _EPOCH, _ARCH = 1000, 1001, 1002, 1003, 1022
_DIR_INDEXES, _BASE_NAMES, _DIR_NAMES = 1116, 1117, 1118
_MAX_TEXT = 4_096


class TooShort(ValueError):
    """The header goes on behind the bytes that were given."""


class _Header(NamedTuple):
    data: bytes
    start: int
    entries: dict[int, tuple[int, int, int]]

    def text(self, tag: int) -> str:
        """A string; empty if there is none."""
        kind, offset, _ = self.entries.get(tag, (0, 0, 0))
        if kind != _STRING:
            return ""
        return self._string(self.start + offset)[0].decode("utf-8", "replace")

    def number(self, tag: int, position: int = 0) -> int | None:
        """A number out of an array of them; None if there is none."""
        kind, offset, count = self.entries.get(tag, (0, 0, 0))
        if kind != _INT32 or not 0 <= position < count:
            return None
        at = self.start + offset + 4 * position
        if at < self.start or at + 4 > len(self.data):
            raise TooShort("it ends too early")
        return int.from_bytes(self.data[at : at + 4], "big")

    def item(self, tag: int, position: int) -> bytes:
        """A string out of an array of them. Raises ValueError when there is none."""
        kind, offset, count = self.entries.get(tag, (0, 0, 0))
        if kind != _STRING_ARRAY or not 0 <= position < count:
            raise ValueError("it has no such file")
        at = self.start + offset
        for _ in range(position):
            at = self._string(at)[1]
        return self._string(at)[0]

    def positions(self, tag: int, items: set[bytes]) -> set[int]:
        """Where in an array of strings these stand."""
        kind, offset, count = self.entries.get(tag, (0, 0, 0))
        if kind != _STRING_ARRAY or offset < 0:
            return set()
        rows = self.data[self.start + offset :].split(b"\0", count)[:count]
        return {position for position, row in enumerate(rows) if row in items}

    def _string(self, at: int) -> tuple[bytes, int]:
        end = self.data.find(b"\0", at, at + _MAX_TEXT) if at >= self.start else -1
        if end < 0:
            raise TooShort("it ends too early") if at + _MAX_TEXT > len(self.data) else ValueError("a text without end")
        return self.data[at:end], end + 1


def parse_header(data: bytes) -> SystemPackage:
    """Name, version (`[EPOCH:]VERSION-RELEASE`) and architecture.

    Raises:
        TooShort: the same with more of the bytes may succeed.
        ValueError: it is no header, or has no usable name.
    """
    header = _read(data)
    version, release, epoch = header.text(_VERSION), header.text(_RELEASE), header.number(_EPOCH)
    full = (f"{epoch}:" if epoch is not None else "") + version + (f"-{release}" if release else "")
    return usable(header.text(_NAME), full if version else "", header.text(_ARCH))


def file_of(data: bytes, position: int) -> bytes:
    """The path of the package's file with this number. Raises ValueError when there is none."""
    header = _read(data)
    folder = header.number(_DIR_INDEXES, position)
    if folder is None:
        raise ValueError("it has no such file")
    return header.item(_DIR_NAMES, folder) + header.item(_BASE_NAMES, position)


def brings(data: bytes, paths: list[bytes]) -> bool:
    """True if the package's list of files has one of these paths, whose last part is the same. Raises ValueError."""
    header = _read(data)
    name = paths[0].rpartition(b"/")[2] + b"\0"
    kind, offset, count = header.entries.get(_BASE_NAMES, (0, 0, 0))
    start = header.start + offset
    found = data.find(name, start) if kind == _STRING_ARRAY and start >= header.start else -1
    if found < 0:
        return False  # of nearly every package: no more of it is read
    folders = header.positions(_DIR_NAMES, {path.removesuffix(name[:-1]) for path in paths})
    at, position = start, 0
    while found >= 0 and folders:
        position += data.count(b"\0", at, found)
        if position >= count:
            return False
        if (found == start or data[found - 1] == 0) and header.number(_DIR_INDEXES, position) in folders:
            return True
        at, found = found, data.find(name, found + 1)
    return False


def _read(data: bytes) -> _Header:
    if len(data) < _PREAMBLE.size:
        raise TooShort("it ends too early")
    count, _ = _PREAMBLE.unpack_from(data)
    if not 0 < count <= MAX_ENTRIES:
        raise ValueError(f"an index of {count} entries")
    start = _PREAMBLE.size + count * _ENTRY.size
    if len(data) < start:
        raise TooShort("it ends too early")
    entries: dict[int, tuple[int, int, int]] = {}
    for tag, kind, offset, items in _ENTRY.iter_unpack(data[_PREAMBLE.size : start]):
        entries.setdefault(tag, (kind, offset, items))
    return _Header(data, start, entries)
