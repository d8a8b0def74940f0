"""A hive of Windows' registry as a file: keys and their texts, read in place. Pure, by a reader.

So the registry of a person who is not logged in, and of a disk that is looked at from elsewhere, can be read. Nothing
is unfolded that is not on the way to what is asked for. Whoever made the file made these bytes: each number is held
against the file, and one hive costs a bounded number of reads. Rules: the format is not documented by Microsoft; see
"Windows registry file format specification" by M. Suhanov.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from policy_schema.rules.binary import ReadAt

MAX_READS = 500_000
MAX_SUBKEYS = 20_000
MAX_VALUES = 300
MAX_TEXT = 4_096
"""Bytes of one value. Longer ones are no names or versions and are passed over."""
_BASE = 4096
_NONE = 0xFFFFFFFF
_INSIDE = 0x80000000
"""In a value's length: its up to four bytes stand where its place would."""
_LATIN_KEY, _LATIN_VALUE = 0x20, 0x1
_TEXT, _EXPANDING, _NUMBER = 1, 2, 4


class HiveKey(NamedTuple):
    """A key: its name and where its record lists what is in it."""

    name: str
    subkeys: int
    values: int
    value_count: int


class Hive:
    """An open hive. Raises ValueError when it is none."""

    def __init__(self, read: ReadAt, size: int) -> None:
        head = read(0, 48)
        if len(head) < 48 or not head.startswith(b"regf"):
            raise ValueError("no registry hive")
        first, second = struct.unpack_from("<II", head, 4)
        self.complete = first == second
        """False while what was written last stands in the log beside the hive only."""
        self._read = read
        self._size = size
        self._reads = 0
        self._root = self._key(struct.unpack_from("<I", head, 36)[0])

    def key(self, path: str) -> HiveKey | None:
        r"""The key at `Software\Microsoft\Windows`; None if there is none. Case does not matter.

        Raises:
            ValueError: the hive is broken on the way.
        """
        here: HiveKey | None = self._root
        for part in path.split("\\"):
            if here is None:
                return None
            folded = part.casefold()
            here = next((key for key in self.subkeys(here) if key.name.casefold() == folded), None)
        return here

    def subkeys(self, key: HiveKey) -> Iterator[HiveKey]:
        """The keys in a key. Raises ValueError for a broken hive, or more than MAX_SUBKEYS."""
        if key.subkeys == _NONE:
            return
        for count, offset in enumerate(self._leaves(key.subkeys)):
            if count >= MAX_SUBKEYS:
                raise ValueError(f"more than {MAX_SUBKEYS} keys in one")
            yield self._key(offset)

    def values(self, key: HiveKey) -> Mapping[str, str]:
        """The texts and whole numbers of a key, by name; others are left out. Raises ValueError for a broken hive."""
        found: dict[str, str] = {}
        if key.values == _NONE or not key.value_count:
            return found
        table = self._cell(key.values, 4 * min(key.value_count, MAX_VALUES))
        for (offset,) in struct.iter_unpack("<I", table[: len(table) // 4 * 4]):
            name, value = self._value(offset)
            if value is not None:
                found.setdefault(name, value)
        return found

    def _leaves(self, offset: int, top: bool = True) -> Iterator[int]:
        """Where the records of the keys in a list are; a list of lists is one level deep."""
        head = self._cell(offset, 4)
        kind, count = head[:2], int.from_bytes(head[2:4], "little")
        if kind in (b"lf", b"lh"):
            rows = self._cell(offset, 4 + 8 * count)[4:]
            yield from (row[0] for row in struct.iter_unpack("<II", rows[: len(rows) // 8 * 8]))
        elif kind in (b"li", b"ri"):
            rows = self._cell(offset, 4 + 4 * count)[4:]
            for (row,) in struct.iter_unpack("<I", rows[: len(rows) // 4 * 4]):
                if kind == b"li":
                    yield row
                elif top:
                    yield from self._leaves(row, top=False)
        else:
            raise ValueError("a broken list of keys")

    def _key(self, offset: int) -> HiveKey:
        data = self._cell(offset, 76 + 512)
        if len(data) < 76 or not data.startswith(b"nk"):
            raise ValueError("a broken key")
        (flags,) = struct.unpack_from("<H", data, 2)
        (subkeys,) = struct.unpack_from("<I", data, 28)
        count, values = struct.unpack_from("<II", data, 36)
        (length,) = struct.unpack_from("<H", data, 72)
        (stable,) = struct.unpack_from("<I", data, 20)
        name = data[76 : 76 + length].decode("latin-1" if flags & _LATIN_KEY else "utf-16-le", "replace")
        return HiveKey(name, subkeys if stable else _NONE, values, count)

    def _value(self, offset: int) -> tuple[str, str | None]:
        data = self._cell(offset, 20 + 512)
        if len(data) < 20 or not data.startswith(b"vk"):
            raise ValueError("a broken value")
        length, size, place, kind, flags = struct.unpack_from("<HIIIH", data, 2)
        name = data[20 : 20 + length].decode("latin-1" if flags & _LATIN_VALUE else "utf-16-le", "replace")
        inside = bool(size & _INSIDE)
        size &= ~_INSIDE
        if kind not in (_TEXT, _EXPANDING, _NUMBER) or size > MAX_TEXT or (inside and size > 4):
            return name, None
        raw = struct.pack("<I", place)[:size] if inside else self._cell(place, size)
        if kind == _NUMBER:
            return name, str(int.from_bytes(raw[:4], "little"))
        return name, raw.decode("utf-16-le", "replace").partition("\0")[0]

    def _cell(self, offset: int, wanted: int) -> bytes:
        """At most `wanted` bytes of a cell in use."""
        self._reads += 1
        if self._reads > MAX_READS:
            raise ValueError(f"more than {MAX_READS} records")
        at = _BASE + offset
        if offset == _NONE or at + 8 > self._size:
            raise ValueError("a reference that leads nowhere")
        data = self._read(at, 4 + wanted)
        if len(data) < 8:
            raise ValueError("cut off")
        (length,) = struct.unpack_from("<i", data)
        if length >= -4:
            raise ValueError("a reference to what is not in use")
        return data[4 : -length if -length < len(data) else len(data)]
