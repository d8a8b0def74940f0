"""ASN.1 as signatures of programs hold it (DER, and the indefinite lengths of BER that Apple writes). Pure.

Only what a signer's names need is read. Whoever made the file made these bytes: each length is held against what there
is, nesting and number are bounded, and what does not fit is a ValueError. Rules: ITU-T X.690.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

MAX_DEPTH = 32
MAX_ELEMENTS = 10_000
INTEGER, OCTETS, OID, SEQUENCE, SET = 0x02, 0x04, 0x06, 0x30, 0x31
CONTEXT_0, CONTEXT_1 = 0xA0, 0xA1
_CONSTRUCTED, _INDEFINITE = 0x20, 0x80
_TEXTS = {0x0C: "utf-8", 0x13: "ascii", 0x14: "latin-1", 0x16: "ascii", 0x1C: "utf-32-be", 0x1E: "utf-16-be"}


class Element(NamedTuple):
    """One value: its tag, what is in it, and all of it with tag and length."""

    tag: int
    body: bytes
    whole: bytes


def read(data: bytes) -> Element:
    """The first element of these bytes; what stands behind it is padding. Raises ValueError."""
    return _element(data, 0)[0]


def inside(outer: Element, tag: int) -> list[Element]:
    """The elements in one that must have this tag.

    Raises:
        ValueError: another tag, more than MAX_ELEMENTS, or bytes that are no elements.
    """
    if outer.tag != tag:
        raise ValueError(f"tag {outer.tag:#x} where {tag:#x} is expected")
    found: list[Element] = []
    at = 0
    while at < len(outer.body):
        if len(found) >= MAX_ELEMENTS:
            raise ValueError("too many elements")
        element, at = _element(outer.body, at)
        found.append(element)
    return found


def at_path(outer: Element, path: Sequence[tuple[int, int]]) -> Element:
    """Goes down: (tag of the outer one, index in it), step by step. Raises ValueError where a step leads nowhere."""
    for tag, index in path:
        below = inside(outer, tag)
        if index >= len(below):
            raise ValueError("an element is missing")
        outer = below[index]
    return outer


def oid(element: Element) -> str:
    """An object identifier with dots. Raises ValueError."""
    if element.tag != OID or not 0 < len(element.body) <= 32:
        raise ValueError("no object identifier")
    numbers, number = [], 0
    for byte in element.body:
        number = number << 7 | byte & 0x7F
        if byte < 0x80:
            numbers.append(number)
            number = 0
    if not numbers:
        raise ValueError("no object identifier")
    top = min(numbers[0] // 40, 2)
    return ".".join(str(one) for one in (top, numbers[0] - 40 * top, *numbers[1:]))


def text(element: Element) -> str:
    """A text in any of the usual encodings; what is not one is empty."""
    encoding = _TEXTS.get(element.tag, "")
    return element.body.decode(encoding, "replace") if encoding else ""


def _element(data: bytes, at: int, depth: int = 0) -> tuple[Element, int]:
    """The element at a place, and where it ends."""
    if depth > MAX_DEPTH:
        raise ValueError("nested too deeply")
    if at + 2 > len(data):
        raise ValueError("cut off")
    tag, length, start = data[at], data[at + 1], at + 2
    if tag & 0x1F == 0x1F:
        raise ValueError("a tag of several bytes")
    if length == _INDEFINITE:
        if not tag & _CONSTRUCTED:
            raise ValueError("a length that is not told")
        end = _end_of_contents(data, start, depth)
        return Element(tag, data[start:end], data[at : end + 2]), end + 2
    if length > _INDEFINITE:
        count = length & 0x7F
        if count > 4 or start + count > len(data):
            raise ValueError("a length that cannot be")
        length, start = int.from_bytes(data[start : start + count], "big"), start + count
    end = start + length
    if end > len(data):
        raise ValueError("cut off")
    return Element(tag, data[start:end], data[at:end]), end


def _end_of_contents(data: bytes, at: int, depth: int) -> int:
    for _ in range(MAX_ELEMENTS):
        if data[at : at + 2] == b"\0\0":
            return at
        _, at = _element(data, at, depth + 1)
    raise ValueError("too many elements")
