"""The files of a policy repository: their names, their bounds, the order in which they may be written.

A repository is a mapping from relative path to bytes. Everything but `timestamp.json` carries its version or hash in
its name and never changes once it is written (TUF calls this consistent snapshots), so that plain static files behind
any cache are enough. Standard library only: daemon and courier use this too.
"""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from enum import StrEnum
from urllib.parse import quote

Files = Mapping[str, bytes]
"""A repository, or a part of one: relative path to content."""


class Role(StrEnum):
    """The four roles of TUF, in the order in which they are verified."""

    ROOT = "root"
    TIMESTAMP = "timestamp"
    SNAPSHOT = "snapshot"
    TARGETS = "targets"


POLICY = "policy.json"
"""The one target: the closed policy."""

TIMESTAMP_PATH = "metadata/timestamp.json"

EXCEPTIONS = "exceptions"
"""The one delegated role: exceptions and pauses. It can only weaken (`policy_schema.rules.relief`)."""

EXCEPTIONS_TARGETS = ("pauses.json", "exceptions-*.json")
"""All that the role may sign."""

EXCEPTIONS_LIMIT = 256_000
"""The largest file of a delegated role, in bytes: 257 targets have 50 KB."""

MOST_ROLES = 32
"""How many delegated roles are looked through for one target. Ours has one."""

RELIEF_LIMIT = 1_000_000
"""The largest document of exceptions, in bytes."""

LIMITS: Mapping[Role, int] = {
    Role.ROOT: 256_000,
    Role.TIMESTAMP: 16_384,
    Role.SNAPSHOT: 256_000,
    Role.TARGETS: 512_000,
}
"""The largest file of each role, in bytes. Real ones have 0.5 to 6 KB."""

POLICY_LIMIT = 16_000_000
"""The largest closed policy, in bytes: 10,000 bans and 10,000 tools of an organisation's own have 11.6 MB."""

ROTATIONS = 64
"""How many new roots are followed in one go."""


def metadata_path(role: Role, version: int) -> str:
    """`metadata/3.targets.json`; the timestamp has no number."""
    return TIMESTAMP_PATH if role is Role.TIMESTAMP else f"metadata/{version}.{role}.json"


def delegated_path(role: str, version: int) -> str:
    """Where a delegated role's file lies; whatever its name is, this is one plain file name."""
    return f"metadata/{version}.{quote(role, safe='')}.json"


def exceptions_path(version: int) -> str:
    """`metadata/3.exceptions.json`."""
    return delegated_path(EXCEPTIONS, version)


def target_path(hashed: str, name: str) -> str:
    """Where the target of this name and hash lies: the hash stands before the last part of the name."""
    folder, slash, last = name.rpartition("/")
    return f"targets/{quote(folder + slash)}{hashed}.{quote(last)}"


def chosen_hash(hashes: Mapping[str, str]) -> str:
    """The hash that stands in a target's file name; empty when none of those named is known here."""
    return next((hashes[name] for name in ("sha256", "sha512") if name in hashes), "")


def policy_path(sha256: str) -> str:
    """Where the closed policy with this hash lies."""
    return target_path(sha256, POLICY)


def digest(content: bytes) -> str:
    """SHA-256, in hexadecimal digits."""
    return hashlib.sha256(content).hexdigest()


def write_order(path: str) -> tuple[int, str]:
    """Sorts files so that each is written after all that it refers to: policy, targets, snapshot, root, timestamp."""
    order = ("targets/", ".exceptions.json", ".targets.json", ".snapshot.json", ".root.json", "timestamp.json")
    places = [place for place, part in enumerate(order) if path.startswith(part) or path.endswith(part)]
    return (places[0] if places else 0, path)


def newest_root(files: Files) -> int:
    """The highest number of an unbroken chain of roots that the files begin with; 0 when there is none.

    A device may have been given a later root as its first one, so the chain begins at the lowest that is there.
    """
    numbers = {number for number in map(root_number, files) if number}
    if not numbers:
        return 0
    newest = min(numbers)
    while newest + 1 in numbers:
        newest += 1
    return newest


def root_number(path: str) -> int:
    """3 for `metadata/3.root.json`; 0 for any other file."""
    number = path.removeprefix("metadata/").removesuffix(".root.json")
    plain = number.isascii() and number.isdecimal() and len(number) < 7 and not number.startswith("0")
    return int(number) if plain and path == f"metadata/{number}.root.json" else 0
