"""How a document travels between the daemon and its children: JSON, and what is bytes in it behind that, as it is.

A document without bytes is plain JSON. One with bytes is

    NUL · 4 bytes: length of the header · header: {"document", "blobs": [[[key, ...], length], ...]} · the bytes in turn

so that a policy of many megabytes is neither written in base64 nor held several times. The last blob may have no
length (null): it goes on to the end, and is made while it is sent. Standard library only.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import IO, TypeAlias

Piece: TypeAlias = "bytes | memoryview"

MOST_AT_ONCE = 48_000_000
"""The largest header or blob, in bytes: as much as `agent.host.child` carries at all."""
_MARK = b"\0"
_LENGTH = 4


class BadFrames(ValueError):
    """What came is no such document."""


class Parts:
    """Bytes that are made when they are sent, piece by piece: at most one value of a document."""

    def __init__(self, make: Callable[[], Iterable[Piece]]) -> None:
        self._make = make

    def __iter__(self) -> Iterator[Piece]:
        return iter(self._make())

    def __bytes__(self) -> bytes:
        return b"".join(self)


def write(document: Mapping[str, object]) -> Iterator[Piece]:
    """A document as it is sent. Bytes and `Parts` may be values of its mappings."""
    blobs: list[tuple[list[str], bytes | Parts]] = []
    plain = _without_bytes(document, [], blobs)
    if not blobs:
        yield _json(plain)
        return
    blobs.sort(key=lambda blob: isinstance(blob[1], Parts))
    places = [[path, None if isinstance(content, Parts) else len(content)] for path, content in blobs]
    header = _json({"document": plain, "blobs": places})
    yield _MARK + len(header).to_bytes(_LENGTH, "big") + header
    for _, content in blobs:
        yield from content if isinstance(content, Parts) else (content,)


def read(stream: IO[bytes]) -> Mapping[str, object]:
    """The document that comes from a pipe, up to its end.

    Raises:
        BadFrames: it is not as agreed.
    """
    first = stream.read(1)
    if first != _MARK:
        return _mapping(_parsed(first + stream.read()))
    header = _mapping(_parsed(_exactly(stream, int.from_bytes(_exactly(stream, _LENGTH), "big"))))
    document, blobs = _mapping(header.get("document")), header.get("blobs")
    if not isinstance(blobs, list):
        raise BadFrames("the header names no blobs")
    for blob in blobs:
        _put(document, blob, stream)
    if stream.read(1):
        raise BadFrames("there is more than the header names")
    return document


def _without_bytes(
    document: Mapping[str, object], path: list[str], blobs: list[tuple[list[str], bytes | Parts]]
) -> dict[str, object]:
    plain: dict[str, object] = {}
    for key, value in document.items():
        if isinstance(value, bytes | Parts):
            blobs.append(([*path, key], value))
        else:
            plain[key] = _without_bytes(value, [*path, key], blobs) if isinstance(value, Mapping) else value
    return plain


def _put(document: dict[str, object], blob: object, stream: IO[bytes]) -> None:
    """Reads one blob and puts it where it belongs."""
    if not isinstance(blob, list) or len(blob) != 2:
        raise BadFrames("a blob has a place and a length")
    path, length = blob
    if not isinstance(path, list) or not path or not all(isinstance(key, str) for key in path):
        raise BadFrames("a place is a list of keys")
    if not (length is None or (type(length) is int and length >= 0)):
        raise BadFrames("a length is a whole number")
    inside = document
    for key in path[:-1]:
        inside = _mapping(inside.get(key))
    inside[path[-1]] = stream.read() if length is None else _exactly(stream, length)


def _exactly(stream: IO[bytes], length: int) -> bytes:
    if length > MOST_AT_ONCE:
        raise BadFrames("it is larger than is ever sent")
    content = stream.read(length)
    if len(content) != length:
        raise BadFrames("it ends too early")
    return content


def _json(value: object) -> bytes:
    return json.dumps(value, separators=(",", ":")).encode()


def _parsed(content: bytes) -> object:
    try:
        return json.loads(content)
    except (ValueError, RecursionError) as error:
        raise BadFrames("it is not JSON") from error


def _mapping(value: object) -> dict[str, object]:
    if not isinstance(value, dict):
        raise BadFrames("a JSON object is expected")
    return value
