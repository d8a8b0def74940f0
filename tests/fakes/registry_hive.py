"""Hives of Windows' registry, small and well-formed, for tests of what reads them."""

from __future__ import annotations

import struct
from collections.abc import Mapping
from typing import Any

Tree = Mapping[str, Any]
"""A key: names to values (texts or numbers) or to further keys (mappings)."""
_NONE = 0xFFFFFFFF
_BASE = 4096


class HiveFile:
    """Writes one hive. `lists`: how the keys in a key are listed: `lf`, `lh`, `li`, or `ri` (a list of lists)."""

    def __init__(self, tree: Tree, *, lists: str = "lh", clean: bool = True) -> None:
        self._lists = lists
        self._cells = bytearray(32)  # the header of the one bin
        root = self._key("ROOT", tree, 0x2C)
        size = -(-len(self._cells) // 4096) * 4096
        if size > len(self._cells):
            self._cells += struct.pack("<i", size - len(self._cells)).ljust(size - len(self._cells), b"\0")
        self._cells[:16] = b"hbin" + struct.pack("<III", 0, size, 0)
        head = b"regf" + struct.pack("<IIQIIIIII", 7, 7 if clean else 6, 0, 1, 5, 0, 1, root, size)
        head = head.ljust(508, b"\0")
        check = 0
        for (word,) in struct.iter_unpack("<I", head):
            check ^= word
        self.data = (head + struct.pack("<I", check)).ljust(_BASE, b"\0") + bytes(self._cells)

    def _cell(self, data: bytes) -> int:
        size = -(-(len(data) + 4) // 8) * 8
        at = len(self._cells)
        self._cells += struct.pack("<i", -size) + data.ljust(size - 4, b"\0")
        return at

    def _key(self, name: str, tree: Tree, flags: int = 0x20) -> int:
        keys = {n: v for n, v in tree.items() if isinstance(v, Mapping)}
        values = [self._value(n, v) for n, v in tree.items() if not isinstance(v, Mapping)]
        subkeys = [self._key(n, v) for n, v in sorted(keys.items(), key=lambda row: row[0].upper())]
        table = self._cell(struct.pack(f"<{len(values)}I", *values)) if values else _NONE
        listed = self._list(subkeys, sorted(keys, key=str.upper)) if subkeys else _NONE
        latin = name.isascii()
        raw = name.encode("latin-1" if latin else "utf-16-le")
        head = struct.pack("<2sHQII", b"nk", flags if latin else flags & ~0x20, 0, 0, _NONE)
        head += struct.pack("<IIII", len(subkeys), 0, listed, _NONE)
        head += struct.pack("<IIII", len(values), table, _NONE, _NONE)
        at = self._cell(head.ljust(72, b"\0") + struct.pack("<HH", len(raw), 0) + raw)
        for subkey in subkeys:
            struct.pack_into("<I", self._cells, subkey + 4 + 16, at)
        return at

    def _list(self, subkeys: list[int], names: list[str]) -> int:
        if self._lists == "ri":
            half = -(-len(subkeys) // 2)
            leaves = [self._leaf("li", part, names) for part in (subkeys[:half], subkeys[half:]) if part]
            return self._cell(struct.pack(f"<2sH{len(leaves)}I", b"ri", len(leaves), *leaves))
        return self._leaf(self._lists, subkeys, names)

    def _leaf(self, kind: str, subkeys: list[int], names: list[str]) -> int:
        head = struct.pack("<2sH", kind.encode(), len(subkeys))
        if kind == "li":
            return self._cell(head + struct.pack(f"<{len(subkeys)}I", *subkeys))
        rows = (struct.pack("<II", at, _hash(kind, name)) for at, name in zip(subkeys, names, strict=True))
        return self._cell(head + b"".join(rows))

    def _value(self, name: str, value: object) -> int:
        if isinstance(value, int):
            kind, data = 4, struct.pack("<I", value)
        elif isinstance(value, bytes):
            kind, data = 3, value
        else:
            kind, data = 1, (str(value) + "\0").encode("utf-16-le")
        size, place = (len(data) | 0x80000000, int.from_bytes(data, "little")) if len(data) <= 4 else (len(data), 0)
        if len(data) > 4:
            place = self._cell(data)
        raw = name.encode("latin-1")
        return self._cell(struct.pack("<2sHIIIHH", b"vk", len(raw), size, place, kind, 1, 0) + raw)


def _hash(kind: str, name: str) -> int:
    if kind == "lf":
        return int.from_bytes(name.encode("latin-1", "replace")[:4].ljust(4, b"\0"), "little")
    found = 0
    for char in name.upper():
        found = (found * 37 + ord(char)) & 0xFFFFFFFF
    return found


def below(path: str, tree: Tree) -> Tree:
    r"""The tree at `Software\Microsoft`, with the keys above it."""
    for part in reversed(path.split("\\")):
        tree = {part: tree}
    return tree


def read_export(text: str) -> dict[str, dict[str, dict[str, str | int]]]:
    r"""A `.reg` export as {hive: {path: values}}; the hives are `HKEY_LOCAL_MACHINE` and so on."""
    found: dict[str, dict[str, dict[str, str | int]]] = {}
    values: dict[str, str | int] = {}
    for line in text.splitlines():
        if line.startswith("["):
            hive, _, path = line.strip("[]").partition("\\")
            values = found.setdefault(hive, {}).setdefault(path, {})
        elif line.startswith('"'):
            name, _, value = line[1:].partition('"=')
            if value.startswith("dword:"):
                values[name] = int(value[6:], 16)
            else:
                values[name] = value[1:-1].replace('\\"', '"').replace("\\\\", "\\")
    return found


def hive_of(export: Mapping[str, Mapping[str, str | int]], *, without: str = "", **how: Any) -> bytes:
    """A hive that holds these paths; `without`: what of them the hive itself stands for, such as `SOFTWARE`."""
    root: dict[str, Any] = {}
    for path, values in export.items():
        here = root
        for part in path.removeprefix(without).strip("\\").split("\\"):
            here = here.setdefault(part, {})
        here.update(values)
    return HiveFile(root, **how).data
