"""The part of TOML that settings are written in: tables, texts, lists and tables on one line. Pure.

Not `tomllib`: one key of 10,000 parts (20 KB) takes it 390 MB, and loading it 1.7 MB. Texts over
several lines are `UNREAD`; everything that is no text stays as it was written.
"""

from __future__ import annotations

import re
from collections.abc import Iterator

from agent.inventory.flow_text import UNREAD, Flow, Value, scalar

MAX_BYTES = 256 << 10
MAX_PARTS = 16
_PART = re.compile(r"""\s*+("[^"\\]*+(?:\\.[^"\\]*+)*+"|'[^']*+'|[A-Za-z0-9_-]++)\s*+""")
_QUOTED = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"' + r"|'[^']*+'|(?P<comment>\#.*)|[\[\]{}]")
_DEEPER = {"[": 1, "{": 1, "]": -1, "}": -1}


def read_toml(data: bytes) -> dict[str, Value]:
    """The tables of a TOML file. A key that stands twice counts the first time.

    Raises:
        ValueError: larger than 256 KB, or not written in this part of TOML.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    made: dict[str, Value] = {}
    table = made
    lines = iter(enumerate(data.decode("utf-8-sig", "replace").split("\n"), 1))
    for number, raw in lines:
        line = raw.strip()
        if not line or line.startswith("#"):
            continue
        if line.startswith("["):
            table = _table(made, line.lstrip("["), number)
            continue
        keys, end = _keys(line, number)
        if line[end : end + 1] != "=":
            raise ValueError(f"line {number} is not written in a way that is read here")
        _put(table, keys, _value(line[end + 1 :].strip(), lines))
    return made


def _table(made: dict[str, Value], line: str, number: int) -> dict[str, Value]:
    keys, end = _keys(line, number)
    if line[end : end + 1] != "]":
        raise ValueError(f"line {number} is not written in a way that is read here")
    return _below(made, keys)


def _below(table: dict[str, Value], keys: list[str]) -> dict[str, Value]:
    """The table at a path. `[[name]]` again adds to the same table: for named keys that is enough."""
    for key in keys:
        inner = table.setdefault(key, {})
        table = inner if isinstance(inner, dict) else {}
    return table


def _put(table: dict[str, Value], keys: list[str], value: Value) -> None:
    _below(table, keys[:-1]).setdefault(keys[-1], value)


def _keys(line: str, number: int) -> tuple[list[str], int]:
    keys: list[str] = []
    at = 0
    while found := _PART.match(line, at):
        part = scalar(found[1])
        keys.append(part if isinstance(part, str) else "")
        at = found.end()
        if line[at : at + 1] != ".":
            break
        at += 1
    if not keys or len(keys) > MAX_PARTS:
        raise ValueError(f"line {number} is not written in a way that is read here")
    return keys, at


def _value(text: str, lines: Iterator[tuple[int, str]]) -> Value:
    for quotes in ('"""', "'''"):
        if text.startswith(quotes):
            _skip_until(quotes, text[3:], lines)
            return UNREAD
    if text[:1] in ("[", "{"):
        return Flow(_whole(text, lines), "=").whole()
    if text[:1] == "'":
        return text[1 : text.find("'", 1)] if "'" in text[1:] else UNREAD
    return scalar(text)


def _skip_until(quotes: str, text: str, lines: Iterator[tuple[int, str]]) -> None:
    while quotes not in text:
        following = next(lines, None)
        if following is None:
            return
        text = following[1]


def _whole(text: str, lines: Iterator[tuple[int, str]]) -> str:
    """A list or table with the lines below it on which it goes on."""
    parts: list[str] = []
    level = 0
    while True:
        end = len(text)
        for found in _QUOTED.finditer(text):
            if found["comment"] is not None:
                end = found.start()
                break
            level += _DEEPER.get(found[0], 0)
        parts.append(text[:end].strip())
        following = next(lines, None) if level > 0 else None
        if following is None:
            return " ".join(parts)
        text = following[1]
