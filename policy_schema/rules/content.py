"""Content signatures: which tool a file is by its bytes, whatever its name (`faces.content` of a catalogue entry).

`may_match` is the cheap test, by kind and size. `look` reads in 1 MB pieces: text whole; of a program at most the
last 32 MB of the section that the signature names, or, where no header tells of such a section, of the file. The
section comes first because the end of a file moves: `truncate -s +40M` does not harm a program. What is larger and
unknown can be looked through whole, after it was started.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Sequence
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
"""Bytes behind a literal in which its version stands: `(c) ... All rights reserved`, then `// Version: 2.1.197`."""
_VERSION_TRIES: Final = 64
_VERSION_LENGTH: Final = 64
_OVERLAP: Final = MAX_LITERAL + _VERSION_NEAR + _VERSION_LENGTH

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
    found = {hunt.signature.id: hunt.version for places, group in plan.items() for hunt in search.run(places, group)}
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


class _Hunt:
    """What of one signature has been seen so far."""

    def __init__(self, signature: Signature) -> None:
        self.signature = signature
        self._all = signature.all
        self._some = signature.some
        self._near = ""
        self._first = ""

    @property
    def version(self) -> str:
        """The one right behind a literal is the tool's own; the first one may be that of a library inside."""
        return self._near or self._first

    @property
    def matched(self) -> bool:
        """Everything that the signature asks for was seen."""
        return not self._all and len(self.signature.some) - len(self._some) >= self.signature.least

    @property
    def done(self) -> bool:
        """The rest of the file has nothing more to tell."""
        return self.matched and bool(self.version or not self.signature.version)

    def feed(self, window: bytearray, end: int, last: bool) -> None:
        """Looks at the first `end` bytes of `window`; `last` when nothing but zeros follows them."""
        places = {literal: window.find(literal, 0, end) for literal in self._all + self._some}
        self._all = tuple(literal for literal in self._all if places[literal] < 0)
        self._some = tuple(literal for literal in self._some if places[literal] < 0)
        marker = self.signature.version
        # A version cut in two by the end of this piece is whole in the next one, which begins with this one's end.
        whole = end if last else end - _VERSION_LENGTH
        self._first = self._first or _version_behind(marker, window, 0, whole, end)
        for at in places.values():
            if at >= 0 and not self._near:
                self._near = _version_behind(marker, window, at, min(whole, at + _VERSION_NEAR), end)


def _version_behind(marker: bytes, window: bytearray, start: int, stop: int, end: int) -> str:
    for _ in range(_VERSION_TRIES if marker else 0):
        at = window.find(marker, start, stop)
        if at < 0:
            break
        start = at + len(marker)
        found = _VERSION.match(window, start, min(end, start + _VERSION_LENGTH))
        if found:
            return found[0].decode("ascii")
    return ""


class _Search:
    """One look: the file, the buffer that all pieces go through, and who may end it."""

    def __init__(self, reader: Reader, stop: Stop | None) -> None:
        self.reader = reader
        self._stop = stop
        self._buffer = bytearray(_OVERLAP + CHUNK)

    def run(self, places: Iterable[Extent], signatures: Sequence[Signature]) -> list[_Hunt]:
        """Returns the hunts that matched in one of the places."""
        matched: list[_Hunt] = []
        for place in places:
            # One literal of each first: most files end here, at a third of the cost.
            seen = self._seen(place, {s.all[0] for s in signatures if s.all})
            hunts = [_Hunt(s) for s in signatures if not s.all or s.all[0] in seen]
            matched += self._finish(place, hunts)
        return matched

    def has_at_end(self, trailer: bytes) -> bool:
        """Tells whether the trailer stands near the end of the file."""
        end = self.reader.size
        return bool(self._seen(Extent(max(0, end - TRAILER_REACH), end), {trailer}))

    def _seen(self, place: Extent, literals: set[bytes]) -> set[bytes]:
        missing = set(literals)
        for end, _ in self._windows(place) if missing else ():
            missing = {literal for literal in missing if self._buffer.find(literal, 0, end) < 0}
            if not missing:
                break
        return literals - missing

    def _finish(self, place: Extent, hunts: Sequence[_Hunt]) -> list[_Hunt]:
        for end, last in self._windows(place) if hunts else ():
            for hunt in hunts:
                if not hunt.done:
                    hunt.feed(self._buffer, end, last)
            if all(hunt.done for hunt in hunts):
                break
        return [hunt for hunt in hunts if hunt.matched]

    def _windows(self, place: Extent) -> Iterator[tuple[int, bool]]:
        # Yields (valid bytes in the buffer, whether nothing but zeros follows). Each window begins with the end of
        # the one before it, so that nothing is missed at a border.
        view = memoryview(self._buffer)
        at, kept = self.reader.next_data(place.start), 0
        while at < place.end and not (self._stop and self._stop()):
            count = self.reader.read_into(view[kept : kept + min(CHUNK, place.end - at)], at)
            if count <= 0:
                return
            at, end = at + count, kept + count
            following = self.reader.next_data(at) if at < place.end else place.end
            yield end, following > at or at >= place.end
            # Behind a hole nothing continues: no literal has a zero byte in it.
            kept = 0 if following > at else min(_OVERLAP, end)
            view[:kept] = view[end - kept : end]
            at = following
