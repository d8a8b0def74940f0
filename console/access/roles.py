"""Who somebody is to the console: their role, and whose devices they may see."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, NamedTuple


class Role(StrEnum):
    """What somebody may do. Each one may do what those before it may."""

    VIEWER = "viewer"
    APPROVER = "approver"
    ADMIN = "admin"

    @property
    def rank(self) -> int:
        """0 for the least."""
        return _RANKS[self]

    def may(self, needed: Role) -> bool:
        """Whether this role is enough where `needed` is asked for."""
        return self.rank >= needed.rank


_RANKS: Final = {role: place for place, role in enumerate(Role)}


class Viewer(NamedTuple):
    """Somebody who is signed in. `csrf` stands in every form of theirs."""

    name: str
    csrf: str
    role: Role = Role.VIEWER
    groups: frozenset[str] | None = None
    """The device groups whose devices they may see; None: all devices, those without a group among them."""

    def sees(self, groups: frozenset[str]) -> bool:
        """Whether they may see a device of these groups."""
        return self.groups is None or bool(self.groups & groups)
