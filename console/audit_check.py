"""Goes along the chain of the audit record and says where it was changed; writes its head down elsewhere.

The chain alone shows a line that was changed, taken out or moved. Whoever may write the whole database can also make
the whole chain anew; against that the head is written to a file that they cannot change ("an anchor"), and compared.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, Final, NamedTuple

from sqlalchemy import Connection

from console.audit import FIRST, line_digest
from console.errors import BadFile
from console.store.queries import record as records
from policy_schema.rules.instant import format_instant

AT_ONCE: Final = 5_000
MOST_SAID: Final = 50


class Anchor(NamedTuple):
    """A place of the chain and its hash, as they once were."""

    place: int
    digest: str


class Verdict(NamedTuple):
    """What came of going along the chain."""

    lines: int
    head: Anchor
    problems: tuple[str, ...]
    """Sentences; the first `MOST_SAID`."""


def verify(connection: Connection, anchors: Iterable[Anchor] = ()) -> Verdict:
    """Recomputes every hash, and compares the head and the anchors."""
    walk = _Walk({anchor.place: anchor.digest for anchor in anchors if anchor.place})
    for row in _chain(connection):
        walk.step(row)
    head = connection.execute(records.head()).one()
    walk.end(head.place, head.digest, len(connection.execute(records.unsealed()).all()))
    return Verdict(walk.lines, Anchor(walk.place, walk.digest), tuple(walk.problems[:MOST_SAID]))


def read_anchors(file: Path) -> list[Anchor]:
    """The lines of an anchor file: time, place, hash.

    Raises:
        BadFile: it cannot be read, or holds something else.
    """
    try:
        lines = file.read_text(encoding="utf-8").splitlines()
    except (OSError, UnicodeError) as error:
        raise BadFile(f"{file} cannot be read") from error
    anchors = []
    for number, line in enumerate(lines, 1):
        parts = line.split()
        if len(parts) != 3 or not parts[1].isdecimal() or len(parts[2]) != len(FIRST):
            raise BadFile(f"{file} line {number} is no anchor", "A line is a time, a place and a hash.")
        anchors.append(Anchor(int(parts[1]), parts[2]))
    return anchors


def write_anchor(connection: Connection, file: Path, now: int) -> Anchor:
    """Adds a line with the head to a file.

    Raises:
        BadFile: it cannot be written.
    """
    head = connection.execute(records.head()).one()
    try:
        with file.open("a", encoding="utf-8") as opened:
            opened.write(f"{format_instant(now)} {head.place} {head.digest}\n")
    except OSError as error:
        raise BadFile(f"{file} cannot be written: {error.strerror}") from error
    return Anchor(head.place, head.digest)


class _Walk:
    """The state of going along the chain."""

    def __init__(self, anchors: dict[int, str]) -> None:
        self._anchors = anchors
        self.place, self.digest, self.lines = 0, FIRST, 0
        self.problems: list[str] = []

    def step(self, row: Any) -> None:
        """The next line. After a wrong one it goes on with the hash that is stored, so that each is named once."""
        if row.place != self.place + 1:
            self._missing(row.place - 1)
        else:
            expected = line_digest(self.digest, row.place, row.at, row.who, row.what, row.about, row.detail)
            if row.digest != expected:
                self.problems.append(f"line {row.place} was changed, or stands in another's place")
        if self._anchors.pop(row.place, row.digest) != row.digest:
            self.problems.append(f"line {row.place} is not the one that was anchored")
        self.place, self.digest, self.lines = row.place, row.digest, self.lines + 1

    def end(self, place: int, digest: str, unsealed: int) -> None:
        """The head, what was anchored beyond it, and lines that nobody chained."""
        if self.place < place:
            self._missing(place)
        elif (self.place, self.digest) != (place, digest):
            self.problems.append(f"the chain ends at line {self.place}, and its head says {place}")
        self.problems += [f"line {place} was anchored and is gone" for place in sorted(self._anchors)]
        if unsealed:
            self.problems.append(f"{unsealed} lines were added past the chain")

    def _missing(self, until: int) -> None:
        first = self.place + 1
        self.problems.append(f"line {first} is gone" if first == until else f"lines {first} to {until} are gone")


def _chain(connection: Connection) -> Iterator[Any]:
    after = 0
    while rows := connection.execute(records.chain(after, AT_ONCE)).all():
        yield from rows
        after = rows[-1].place
