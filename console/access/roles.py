"""Who somebody is to the console: their role, and whose devices they may see."""

from __future__ import annotations

import json
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
    session: str = ""
    """The hash of their session's token: which of their sessions this is."""
    local: bool = False
    """Signed in with a password kept here, not by the identity provider."""

    def sees(self, groups: frozenset[str]) -> bool:
        """Whether they may see a device of these groups."""
        return self.groups is None or bool(self.groups & groups)


def role_named(text: str) -> Role:
    """The role of this name.

    Raises:
        ValueError: there is no such role.
    """
    try:
        return Role(text)
    except ValueError:
        raise ValueError(f"{text!r} is no role; there are {', '.join(Role)}") from None


def fitting(role: Role, groups: frozenset[str] | None) -> tuple[Role, frozenset[str] | None]:
    """The two, if they go together.

    Raises:
        ValueError: an admin would be narrowed, who can give themselves everything.
    """
    if role is Role.ADMIN and groups is not None:
        raise ValueError("an admin sees all devices and cannot be narrowed to groups")
    return role, groups


def pack(groups: frozenset[str] | None) -> str | None:
    """Device groups as the database keeps them."""
    return None if groups is None else json.dumps(sorted(groups), ensure_ascii=False)


def unpack(text: str | None) -> frozenset[str] | None:
    """The other way round. None is: all devices."""
    return None if text is None else frozenset(json.loads(text))
