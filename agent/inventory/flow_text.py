"""Lists and tables on one line, and single words: what YAML and TOML have in common. Pure, with a bound on depth."""

from __future__ import annotations

import json
import re
from enum import Enum

MAX_DEPTH = 32
COMMENT = re.compile(r"\s#.*")
_DOUBLE = re.compile(r'"[^"\\]*+(?:\\.[^"\\]*+)*+"')
_SINGLE = re.compile(r"'[^']*+(?:''[^']*+)*+'")


_QUOTED_OR_COMMENT = re.compile(rf"{_DOUBLE.pattern}|{_SINGLE.pattern}|(?P<comment>(?:^|\s)#.*)")


class Unread(Enum):
    """The one value for what is there and is not read."""

    UNREAD = "unread"


UNREAD = Unread.UNREAD
Value = object
"""dict with text keys, list, text, None (nothing stands there), or UNREAD."""


class Flow:
    """`[a, "b", {c: d}]` in one text; `colon` stands between key and value (`=` in TOML)."""

    def __init__(self, text: str, colon: str = ":") -> None:
        self._text = text
        self._colon = colon
        self._at = 0

    def whole(self) -> Value:
        """The value, or UNREAD if it is not closed or not read here."""
        value = self._value(0)
        return UNREAD if self._text[self._at :].strip() else value

    def _value(self, depth: int) -> Value:
        if depth > MAX_DEPTH:
            raise ValueError("nested too deeply")
        match self._peek():
            case "[":
                return self._list(depth)
            case "{":
                return self._table(depth)
            case _:
                return self._word(f",]}}{self._colon}")

    def _list(self, depth: int) -> Value:
        made: list[Value] = []
        self._at += 1
        while self._peek() not in ("]", ""):
            member = self._value(depth + 1)
            if self._peek() == self._colon:  # `[a: b]` is a list of one table
                self._at += 1
                member = {member if isinstance(member, str) else "": self._value(depth + 1)}
            made.append(member)
            if not self._comma("]"):
                return UNREAD
        self._at += 1
        return made

    def _table(self, depth: int) -> Value:
        made: dict[str, Value] = {}
        self._at += 1
        while self._peek() not in ("}", ""):
            key = self._word(f",]}}{self._colon}")
            value: Value = None
            if self._peek() == self._colon:
                self._at += 1
                value = self._value(depth + 1)
            made.setdefault(key if isinstance(key, str) else "", value)
            if not self._comma("}"):
                return UNREAD
        self._at += 1
        return made

    def _comma(self, end: str) -> bool:
        """Goes behind a comma; False where neither that nor the end stands."""
        here = self._peek()
        if here == ",":
            self._at += 1
        return here in (",", end)

    def _word(self, ends: str) -> Value:
        self._peek()
        begin = self._at
        for quoted in (_DOUBLE, _SINGLE):
            if found := quoted.match(self._text, begin):
                self._at = found.end()
                return scalar(found[0])
        while self._at < len(self._text) and not self._ended(ends):
            self._at += 1
        return scalar(self._text[begin : self._at])

    def _ended(self, ends: str) -> bool:
        char = self._text[self._at]
        # `http://x` is a word: a colon ends one only before a blank.
        return char in ends and (char != ":" or self._text[self._at + 1 : self._at + 2] in ("", " "))

    def _peek(self) -> str:
        while self._at < len(self._text) and self._text[self._at] == " ":
            self._at += 1
        return self._text[self._at : self._at + 1]


def without_comment(line: str) -> str:
    """A line of a list or table without the comment at its end; `#` in quotes is none."""
    for found in _QUOTED_OR_COMMENT.finditer(line):
        if found["comment"] is not None:
            return line[: found.start()]
    return line


def scalar(text: str) -> Value:
    """One word, quoted or not; None for nothing."""
    text = text.strip()
    if text[:1] == '"':
        found = _DOUBLE.match(text)
        return _unescaped(found[0]) if found else UNREAD
    if text[:1] == "'":
        found = _SINGLE.match(text)
        return found[0][1:-1].replace("''", "'") if found else UNREAD
    if text[:1] in ("*", "!", "&"):
        return UNREAD
    plain = COMMENT.sub("", text)
    return None if plain in ("", "~", "null") else plain


def _unescaped(quoted: str) -> Value:
    try:
        value: object = json.loads(quoted)
    except ValueError:
        return UNREAD  # an escape that only YAML has
    return value
