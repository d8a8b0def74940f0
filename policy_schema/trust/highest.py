"""The highest version of each role that a device has accepted: what a wiped cache must not make it forget.

The numbers are kept beside the verified files and in the journal, so that losing one of them opens nothing. They only
ever grow. A role whose keys were replaced counts anew (TUF 5.3.11), or a version that a thief drove up would shut the
owner out for good: so each number carries the fingerprint of the keys it was signed with. Standard library only.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from policy_schema.trust.layout import Role, digest

Highest = Mapping[str, int]
"""`role:fingerprint` to version, as `mark` makes them."""

MOST_MARKS = 1_000
"""A root that was replaced this often is not to be believed."""


class Versions(NamedTuple):
    """The versions of one state of a repository. That of the targets is the policy's."""

    root: int
    timestamp: int
    snapshot: int
    targets: int


def mark(role: Role, keys: Iterable[str]) -> str:
    """The name under which a role's version is kept. For the root, `keys` is the hash of the first root alone."""
    return f"{role}:{digest(' '.join(sorted(keys)).encode())[:16]}"


def merged(*several: Highest) -> dict[str, int]:
    """The larger number of each mark."""
    most: dict[str, int] = {}
    for one in several:
        for name, version in one.items():
            most[name] = max(version, most.get(name, 0))
    return most


def read_highest(value: object) -> dict[str, int]:
    """Reads the JSON form.

    Raises:
        ValueError: it is not a mapping from texts to whole numbers from 0 up.
    """
    if not isinstance(value, Mapping) or len(value) > MOST_MARKS:
        raise ValueError("the highest versions are a mapping")
    if not all(isinstance(name, str) and type(version) is int and version >= 0 for name, version in value.items()):
        raise ValueError("the highest versions are whole numbers from 0 up")
    return dict(value)
