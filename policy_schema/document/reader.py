"""Canonical JSON from front to back, value by value: a large policy is read without ever being held as a tree.

Nothing is accepted here that `policy_schema.document.canonical.encode` would write otherwise: each value that is read
is written again and compared, so keys that stand twice, blanks and other forms of a number or a text are found.
"""

from __future__ import annotations

import codecs
import json
from collections.abc import Iterator

from policy_schema.document.canonical import Json
from policy_schema.document.characters import may_hide

_WINDOW = 32 * 1024
_BEHIND = frozenset(",:]}\n")
"""What follows a value or a key."""


class NotPlain(ValueError):
    """The bytes are not canonical, or may hold a hidden character: who needs to know what it is reads them whole."""


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


_scan = json.JSONDecoder(parse_constant=_no_constant).scan_once  # type: ignore[attr-defined]  # not in the stubs; `raw_decode` is nothing else
_encode = json.JSONEncoder(sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False).encode


class Reader:
    """A place in canonical JSON, and a window of text behind it. Every method raises `NotPlain`."""

    def __init__(self, data: bytes, at: int = 0, *, known: bool = False) -> None:
        """Begins at an offset. What is `known` was read once before, and is not compared again."""
        self._data, self._known = data, known
        self._text, self._place, self._end = "", 0, at
        self.at = at
        """The offset of the next byte."""

    def value(self) -> Json:
        """The next value."""
        size = _WINDOW
        while (found := self._scanned()) is None:
            # It is cut off by the end of the window, or is wrong: in any case each byte is looked at twice at most.
            if self._end == len(self._data):
                raise NotPlain("no value stands there")
            self._look(size)
            size *= 2
        value, end = found
        text = self._text[self._place : end]
        written = text.encode()
        if not self._known and (_encoded(value) != written or may_hide(text)):
            raise NotPlain("it is written otherwise")
        self.at, self._place = self.at + len(written), end
        return value

    def rows(self) -> Iterator[Json]:
        """The values of the list that begins here."""
        self.take(b"[")
        if self.passes(b"]"):
            return
        while True:
            yield self.value()
            if not self._goes_on(b"]"):
                return

    def names(self) -> Iterator[str]:
        """The keys of the mapping that begins here, in their order; after each its value must be read."""
        self.take(b"{")
        if self.passes(b"}"):
            return
        before = None
        while True:
            key = self.value()
            if not isinstance(key, str) or (before is not None and key <= before):
                raise NotPlain("keys are texts in their order")
            self.take(b":")
            before = key
            yield key
            if not self._goes_on(b"}"):
                return

    def take(self, sign: bytes) -> None:
        """Passes over one sign, which must be there."""
        if not self.passes(sign):
            raise NotPlain("another sign stands there")

    def passes(self, sign: bytes) -> bool:
        """Passes over one sign if it is there."""
        if self._data[self.at : self.at + 1] != sign:
            return False
        self.at, self._place = self.at + 1, self._place + 1
        return True

    @property
    def over(self) -> bool:
        """Whether nothing is left."""
        return self.at == len(self._data)

    def _goes_on(self, end: bytes) -> bool:
        if self.passes(b","):
            return True
        self.take(end)
        return False

    def _scanned(self) -> tuple[Json, int] | None:
        """None where the window ends within the value: `1` may be the beginning of `1.5`."""
        try:
            value, end = _scan(self._text, self._place)
        except (StopIteration, ValueError):
            return None
        except RecursionError as error:
            raise NotPlain("it is too deep") from error
        return (value, end) if self._text[end : end + 1] in _BEHIND else None

    def _look(self, size: int) -> None:
        """Moves the window so that it begins here; a character at its end may be cut."""
        piece = self._data[self.at : self.at + size]
        try:
            self._text, used = codecs.utf_8_decode(piece, "strict", self.at + size >= len(self._data))
        except UnicodeDecodeError as error:
            raise NotPlain("it is not UTF-8") from error
        self._place, self._end = 0, self.at + used


def _encoded(value: Json) -> bytes:
    try:
        return _encode(value).encode("utf-8")
    except (ValueError, RecursionError) as error:
        raise NotPlain("it has no canonical form") from error
