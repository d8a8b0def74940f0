"""The highest version of each role that a device has accepted: what a wiped cache must not make it forget."""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from policy_schema.trust.layout import Role, digest


class Highest(NamedTuple):
    """Kept beside the verified files and in the journal, so that losing one of them opens nothing.

    `anchor` names the first root that the numbers belong to: whoever may replace that file on a device (root) starts
    a new count.
    """

    anchor: str = ""
    root: int = 0
    timestamp: int = 0
    snapshot: int = 0
    targets: int = 0

    def of(self, role: Role) -> int:
        """The highest version of one role; 0 when none was seen."""
        return int(getattr(self, role.value))

    def merged(self, other: Highest) -> Highest:
        """The larger of both for each role; numbers of another anchor do not count."""
        if other.anchor != self.anchor:
            return self
        return Highest(self.anchor, *map(max, self[1:], other[1:]))

    def to_dict(self) -> dict[str, str | int]:
        """The JSON form."""
        return dict(self._asdict())

    @classmethod
    def from_dict(cls, value: Mapping[str, object]) -> Highest:
        """Reads the JSON form.

        Raises:
            ValueError: a version is not a whole number from 0 up, or the anchor is no text.
        """
        anchor = value.get("anchor", "")
        versions = [value.get(role.value, 0) for role in (Role.ROOT, Role.TIMESTAMP, Role.SNAPSHOT, Role.TARGETS)]
        if not isinstance(anchor, str) or not all(type(version) is int and version >= 0 for version in versions):
            raise ValueError("the highest versions are whole numbers from 0 up, with an anchor")
        return cls(anchor, *(int(str(version)) for version in versions))


def anchor(trust: bytes) -> str:
    """The name of a first root."""
    return digest(trust)[:16]
