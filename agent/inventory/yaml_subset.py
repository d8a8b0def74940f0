"""The part of YAML that settings are written in: block and flow mappings and lists, plain and quoted texts. Pure.

The daemon loads no YAML library: `ruamel.yaml` costs 3.4 MB of memory before it has read a byte, and reads anchors,
tags and merges, which settings of strangers must not have here. What this does not read (aliases, tags, block texts) is
`UNREAD`, in its place, so that whoever needs that value can say that it could not look. All scalars are texts.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from agent.inventory.flow_text import MAX_DEPTH, UNREAD, Flow, Value, scalar, without_comment

MAX_BYTES = 256 << 10
_KEY = re.compile(
    r"""(?P<key>"(?:[^"\\]|\\.)*"|'(?:[^']|'')*'|[^\s\-?:,\[\]{}#&*!|>'"%@`][^#]*?|-[^\s#][^#]*?)\s*:(?:\s+|$)"""
)
_ANCHOR = re.compile(r"&\S+\s*")


class _Line(NamedTuple):
    indent: int
    text: str
    number: int


def read_yaml(data: bytes) -> Value:
    """The value of a YAML file; of several documents the first.

    Raises:
        ValueError: larger than 256 KB, nested too deeply, or not written in this part of YAML.
    """
    if len(data) > MAX_BYTES:
        raise ValueError(f"larger than {MAX_BYTES} bytes")
    lines = _lines(data.decode("utf-8-sig", "replace"))
    if not lines:
        return None
    reader = _Reader(lines)
    value = reader.block(lines[0].indent, 0)
    if reader.at < len(lines):
        raise ValueError(f"line {lines[reader.at].number} is not written in a way that is read here")
    return value


def _lines(text: str) -> list[_Line]:
    made: list[_Line] = []
    for number, raw in enumerate(text.split("\n"), 1):
        line = raw.rstrip()
        bare = line.lstrip(" ")
        if line == "..." or (line.startswith("---") and made):
            break
        if line.startswith("%"):
            continue
        if line.startswith("--- "):
            bare = line[4:]
        if not bare or bare.startswith("#") or line == "---":
            continue
        if bare.startswith("\t"):
            raise ValueError(f"line {number} is indented by a tab")
        made.append(_Line(len(line) - len(bare), bare, number))
    return made


class _Reader:
    """Reads line by line; `at` is the next line."""

    def __init__(self, lines: list[_Line]) -> None:
        self._lines = lines
        self.at = 0

    def block(self, indent: int, depth: int) -> Value:
        """A mapping, a list or a scalar whose lines stand at `indent`."""
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        text = self._lines[self.at].text
        if _is_item(text):
            return self._sequence(indent, depth)
        if _KEY.match(text):
            return self._mapping(indent, depth)
        self.at += 1
        return self._value(text, indent - 1)

    def _sequence(self, indent: int, depth: int) -> list[Value]:
        made: list[Value] = []
        while (line := self._here(indent)) and _is_item(line.text):
            rest = line.text[1:].lstrip(" ")
            if not rest or rest.startswith("#"):
                self.at += 1
                made.append(self._nested(indent, depth))
            elif _is_item(rest) or _KEY.match(rest):
                # `- key: value`: the mapping's own lines stand where its first key does.
                inner = line.indent + len(line.text) - len(rest)
                self._lines[self.at] = _Line(inner, rest, line.number)
                made.append(self.block(inner, depth + 1))
            else:
                self.at += 1
                made.append(self._value(rest, indent))
        return made

    def _mapping(self, indent: int, depth: int) -> dict[str, Value]:
        made: dict[str, Value] = {}
        while (line := self._here(indent)) and (found := _KEY.match(line.text)):
            key, rest = scalar(found["key"]), _ANCHOR.sub("", line.text[found.end() :], count=1)
            self.at += 1
            if not rest or rest.startswith("#"):
                value = self._nested(indent, depth, in_mapping=True)
            else:
                value = self._value(rest, indent)
            made.setdefault(key if isinstance(key, str) else "", value)
        return made

    def _nested(self, indent: int, depth: int, in_mapping: bool = False) -> Value:
        """What stands below a key or a dash; None if nothing does."""
        if self.at >= len(self._lines):
            return None
        line = self._lines[self.at]
        if line.indent > indent or (in_mapping and line.indent == indent and _is_item(line.text)):
            return self.block(line.indent, depth + 1)
        return None

    def _here(self, indent: int) -> _Line | None:
        if self.at >= len(self._lines) or self._lines[self.at].indent != indent:
            return None
        return self._lines[self.at]

    def _value(self, text: str, indent: int) -> Value:
        """A scalar or flow value that begins on a line and may go on below, deeper than `indent`."""
        parts = [text]
        while self.at < len(self._lines) and self._lines[self.at].indent > indent:
            parts.append(self._lines[self.at].text)
            self.at += 1
        if text[0] in "|>*!":
            return UNREAD
        if text[0] in "[{":
            return Flow(" ".join(without_comment(part) for part in parts)).whole()
        return scalar(" ".join(parts))


def _is_item(text: str) -> bool:
    return text == "-" or text.startswith("- ")
