"""What the forms of rpm's database that are a file of our own reading have in common: numbered headers in a file.

Pure: a file is read piece by piece through a function. Whatever the file says of itself may be a lie; every number is
held against the file's size before anything is read or made by it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import Final, NamedTuple, TypeAlias

from agent.inventory.rpm_formats import TooShort, parse_header
from agent.inventory.system_packages import MAX_PACKAGES, SystemPackage

HEAD_OF_HEADER: Final = 16 * 1024
"""Name, version and architecture stand before what is long."""
MAX_HEADER: Final = 64 << 20
MAX_DAMAGES: Final = 100
"""After so many broken places nothing more is looked for in a file."""

ReadAt: TypeAlias = Callable[[int, int], bytes]
"""Up to that many bytes from an offset on; none beyond the end."""


class Record(NamedTuple):
    """One installed package in the file."""

    number: int
    length: int
    read: Callable[[int], bytes]
    """The first so many bytes of its header; raises ValueError when they cannot be had."""


class Damage(NamedTuple):
    """A place in the file that is not as it should be: packages may be missing by it."""

    reason: str


Records: TypeAlias = Callable[[ReadAt, int], Iterator[Record | Damage]]
"""Reads one form: the reader and the file's size in bytes. Raises ValueError for a file that is not of that form."""


def package_of(read: Callable[[int], bytes]) -> SystemPackage:
    """The package of a header, of which `read` gives the first so many bytes; usually the head is enough.

    Raises:
        ValueError: it is no header, or has no usable name.
    """
    head = read(HEAD_OF_HEADER)
    try:
        return parse_header(head)
    except TooShort:
        if len(head) < HEAD_OF_HEADER:
            raise
    return parse_header(read(MAX_HEADER))


def bounded(found: Iterator[Record | Damage], size: int) -> Iterator[Record | Damage]:
    """The same, ended where a file of `size` bytes cannot be what it says it is."""
    count, damages, total = 0, 0, 0
    for one in found:
        if isinstance(one, Record) and not 0 < one.length <= min(size - total, MAX_HEADER):
            one = Damage(f"package number {one.number}: a header of {one.length} bytes")
        if isinstance(one, Damage):
            damages += 1
        else:
            count, total = count + 1, total + one.length
        yield one
        if damages >= MAX_DAMAGES or count >= MAX_PACKAGES:
            yield Damage(f"after {count} packages and {damages} broken places the rest is not looked at")
            return
