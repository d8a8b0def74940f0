"""What a version scheme consists of."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple, TypeAlias

Key: TypeAlias = tuple[object, ...]
"""Orders versions of one scheme among themselves; hashable. Keys of two schemes must not be compared."""

MAX_VERSION_LENGTH: Final = 256
"""Characters. Longer texts are no version: the limit of npm, and far below what makes `int()` slow or refuse."""


def itself(bound: Key) -> Key:
    """For schemes in which a bound's own key is the least that it names."""
    return bound


class Scheme(NamedTuple):
    """How versions of one kind are read and ordered. All functions are total: no exception on any text or key."""

    name: str
    key: Callable[[str], Key | None]
    """Reads a version of any length; None if it is not one."""

    after: Callable[[Key], Key]
    """The least key above all that a bound with this key names.

    A bound can name more than one key (PEP 440: `1.0` names `1.0+local` too). With this, every comparator is
    made of half-open intervals, and an empty range shows itself as one without intervals.
    """

    lowest: Key
    """The key of the lowest version there is."""

    example: str
    """A version, shown in messages about texts that are not."""

    example_range: str
    """A range, shown likewise."""

    first: Callable[[Key], Key] = itself
    """The least key that a bound with this key names (deb: `1.0` names `1.0-0~bpo12`, which sorts below `1.0`)."""
