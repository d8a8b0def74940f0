"""Content signatures: which tool a file is by its bytes, whatever its name (`faces.content` of a catalogue entry).

`may_match` is the cheap test, by kind and size. `look` reads in 1 MB pieces: text whole; of a program at most the
last 32 MB of the section that the signature names, or, where no header tells of such a section, of the file. The
section comes first because the end of a file moves: `truncate -s +40M` does not harm a program. What is larger and
unknown can be looked through whole, after it was started.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Set
from typing import Final, NamedTuple, Protocol

from policy_schema.rules.binary import HEAD_SIZE, Extent, Kind, find_sections, kind_of
from policy_schema.rules.descriptor import DescriptorReader
from policy_schema.rules.signature import MAX_LITERAL, Signature, compile_signature

__all__ = ["HEAD_SIZE", "ContentMatch", "Reader", "Signature", "compile_signature", "look", "look_in"]

CHUNK: Final = 1 << 20
TRAILER_REACH: Final = 4 << 20
"""A trailer stands at the end, but for the signature of the system behind it (macOS: 0.8 % of the program)."""

_VERSION = re.compile(rb"[0-9][0-9A-Za-z.+-]{0,63}")
_VERSION_NEAR: Final = 512
"""Bytes behind a text within which its version begins: `(c) ... All rights reserved`, then `// Version: 2.1.197`."""
_VERSION_TRIES: Final = 64
_VERSION_LENGTH: Final = 64
_OVERLAP: Final = MAX_LITERAL

Stop = Callable[[], bool]


class Reader(Protocol):
    """A file as `look_in` wants it; `DescriptorReader` is one."""

    @property
    def size(self) -> int:
        """In bytes."""

    def read_at(self, offset: int, length: int) -> bytes:
        """Up to `length` bytes from `offset` on."""

    def read_into(self, view: memoryview, offset: int) -> int:
        """Fills `view` from `offset` on; how many bytes there were."""

    def next_data(self, offset: int) -> int:
        """Where the next bytes that are no hole begin."""


class ContentMatch(NamedTuple):
    """A signature that a file's bytes match."""

    id: str
    version: str
    """Empty when the content does not tell it."""
    whole: bool
    """True when the whole file was looked through for it, not only the usual places."""


def look(
    fd: int, size: int, signatures: Iterable[Signature], stop: Stop | None = None, *, whole: bool = False
) -> tuple[ContentMatch, ...]:
    """Looks for signatures in an open regular file of `size` bytes; never waits, never fails on any bytes.

    `stop` is asked before each piece of 1 MB. An answer without matches after it said yes means "did not look".
    `whole` looks through all of a program, not only its usual places.

    Raises:
        OSError: the file cannot be read: that is "could not look", not "nothing found".
    """
    return look_in(DescriptorReader(fd, size), signatures, stop, whole=whole)


def look_in(
    reader: Reader, signatures: Iterable[Signature], stop: Stop | None = None, *, whole: bool = False
) -> tuple[ContentMatch, ...]:
    """The same for any reader."""
    head = reader.read_at(0, HEAD_SIZE)
    candidates = [signature for signature in signatures if signature.may_match(head, reader.size)]
    kind = kind_of(head)
    if not candidates or kind is None:
        return ()
    search = _Search(reader, stop)
    plan: dict[tuple[Extent, ...], list[Signature]] = {}
    for signature in candidates:
        places = (Extent(0, reader.size),) if whole else _places(search, kind, signature)
        plan.setdefault(places, []).append(signature)
    found: dict[str, str] = {}
    for places, group in plan.items():
        for place in places:
            found |= search.matches(place, group)
    return tuple(ContentMatch(s.id, found[s.id], whole) for s in candidates if s.id in found)


def _places(search: _Search, kind: Kind, signature: Signature) -> tuple[Extent, ...]:
    reader = search.reader
    if kind is Kind.TEXT:
        return (Extent(0, reader.size),)
    if signature.section:
        sections = find_sections(kind, reader.read_at, reader.size, signature.section)
        if sections:
            # The slices of a universal program share the bytes that a look may cost.
            share = signature.tail // len(sections)
            return tuple(Extent(max(s.start, s.end - share), s.end) for s in sections)
    if signature.trailer and not search.has_at_end(signature.trailer):
        return ()
    return (Extent(max(0, reader.size - signature.tail), reader.size),)


class _Search:
    """One look: the file, the buffer that all pieces go through, and who may end it."""

    def __init__(self, reader: Reader, stop: Stop | None) -> None:
        self.reader = reader
        self._stop = stop
        self._buffer = bytearray(_OVERLAP + CHUNK)
        self._trailers: dict[bytes, bool] = {}

    def matches(self, place: Extent, signatures: Sequence[Signature]) -> dict[str, str]:
        """Ids of the signatures that match in this place, each with the version found there."""
        # One text of each first: the look at most files ends here.
        seen = self._positions(place, {s.all[0] for s in signatures if s.all})
        likely = [s for s in signatures if not s.all or s.all[0] in seen]
        rest = {text for s in likely for text in (*s.all, *s.some)} - seen.keys()
        seen |= self._positions(place, rest, lambda more: all(s.is_shown_by(seen | more) for s in likely))
        return {s.id: self._version(place, s, seen) for s in likely if s.is_shown_by(seen)}

    def has_at_end(self, trailer: bytes) -> bool:
        """Tells whether the trailer stands near the end of the file."""
        if trailer not in self._trailers:
            end = self.reader.size
            self._trailers[trailer] = bool(self._positions(Extent(max(0, end - TRAILER_REACH), end), {trailer}))
        return self._trailers[trailer]

    def _positions(
        self, place: Extent, texts: Set[bytes], enough: Callable[[dict[bytes, int]], bool] | None = None
    ) -> dict[bytes, int]:
        # Where in the file each text stands first; texts that stand nowhere are left out.
        seen: dict[bytes, int] = {}
        missing = set(texts)
        for start, length in self._windows(place) if missing else ():
            for text in tuple(missing):
                at = self._buffer.find(text, 0, length)
                if at >= 0:
                    seen[text] = start + at
                    missing.discard(text)
            if not missing or (seen and enough and enough(seen)):
                break
        return seen

    def _windows(self, place: Extent) -> Iterator[tuple[int, int]]:
        # Yields what the buffer holds, as (place in the file, length). Each window begins with the end of the one
        # before it, so that nothing is missed at a border; behind a hole nothing continues: no text has a zero byte.
        view = memoryview(self._buffer)
        at, kept = place.start, 0
        while at < place.end and not (self._stop and self._stop()):
            data = self.reader.next_data(at)
            if data > at:
                at, kept = data, 0
                continue
            count = self.reader.read_into(view[kept : kept + min(CHUNK, place.end - at)], at)
            if count <= 0:
                return
            yield at - kept, kept + count
            at, length = at + count, kept + count
            kept = min(_OVERLAP, length)
            view[:kept] = view[length - kept : length]

    def _version(self, place: Extent, signature: Signature, seen: Mapping[bytes, int]) -> str:
        # The one right behind a text is the tool's own; the first in the file may be that of a library inside.
        marker = signature.version
        if not marker:
            return ""
        near = (self._version_near(marker, seen[text] + len(text)) for text in signature.all)
        return next(filter(None, near), "") or self._first_version(place, marker)

    def _version_near(self, marker: bytes, at: int) -> str:
        data = self.reader.read_at(at, _VERSION_NEAR + len(marker) + _VERSION_LENGTH)
        found = data.find(marker, 0, _VERSION_NEAR + len(marker))
        return _leading_version(data[found + len(marker) :]) if found >= 0 else ""

    def _first_version(self, place: Extent, marker: bytes) -> str:
        tries = _VERSION_TRIES
        for start, length in self._windows(place):
            at = self._buffer.find(marker, 0, length)
            while at >= 0 and tries:
                version = _leading_version(self.reader.read_at(start + at + len(marker), _VERSION_LENGTH))
                if version:
                    return version
                tries -= 1
                at = self._buffer.find(marker, at + 1, length)
        return ""


def _leading_version(text: bytes) -> str:
    found = _VERSION.match(text)
    return found[0].decode("ascii") if found else ""
