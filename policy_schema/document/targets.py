"""From what a ban aims at (a tool, a vendor, a category) to the ids of tools."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from typing import Final, NamedTuple

from policy_schema.document.catalogue import Catalogue
from policy_schema.document.policy import Ban, Policy, Target
from policy_schema.document.problems import Path
from policy_schema.document.scalars import Wrong

APPROVED = "approved"
"""In `except`: the ids of the policy's `approved` list."""
FEW: Final = 12
"""So many names are listed; of more, only the one that looks alike is named."""


class Aim(NamedTuple):
    """One tool that a ban aims at, in all versions (None) or a range, and where that is written."""

    tool: str
    versions: str | None
    path: Path


def expand_target(target: Target, policy: Policy, catalogue: Catalogue) -> tuple[str, ...]:
    """The ids of the tools that one target means, alphabetically; empty when it means none.

    Raises:
        Wrong: not exactly one of tool, vendor and category, or a name that does not exist.
    """
    given = [name for name in ("tool", "vendor", "category") if getattr(target, name) is not None]
    if len(given) != 1:
        raise Wrong(f"names {' and '.join(given) or 'nothing'}", "write exactly one of tool, vendor and category")
    if target.tool is not None:
        if target.spared:
            raise Wrong("has `except` beside one tool", "leave `except` out, or name a vendor or category")
        return (known_id(target.tool, catalogue),)
    spared = set(spared_ids(target, policy, catalogue))
    wanted = target.vendor or target.category or ""
    by_id = {id: head.vendor if target.vendor is not None else head.category for id, head in catalogue.heads.items()}
    found = [id for id, value in by_id.items() if value == wanted]
    if not found:
        raise Wrong(f"{wanted!r} is no {given[0]} of the catalogue", _nearest(wanted, sorted(set(by_id.values()))))
    return tuple(sorted(set(found) - spared))


def spared_ids(target: Target, policy: Policy, catalogue: Catalogue) -> tuple[str, ...]:
    """The ids in a target's `except`, with `approved` replaced by that list.

    Raises:
        Wrong: an id that does not exist.
    """
    names = [name for entry in target.spared for name in (policy.approved if entry == APPROVED else (entry,))]
    return tuple(known_id(name, catalogue) for name in names)


def known_id(name: str, catalogue: Catalogue) -> str:
    """The id of a tool, also for one of its former ids.

    Raises:
        Wrong: there is no such tool.
    """
    tool = catalogue.find(name)
    if tool is None:
        raise Wrong(f"{name!r} is not a tool of the catalogue", catalogue.nearest(name))
    return tool.id


def _nearest(wanted: str, known: Sequence[str]) -> str:
    folded = {name.casefold(): name for name in known}
    near = difflib.get_close_matches(wanted.casefold(), folded, n=1)
    if near:
        return f"did you mean {folded[near[0]]}?"
    return f"write one of {', '.join(known)}" if len(known) <= FEW else "see `interdict-policy catalogue list`"


def aims(ban: Ban, number: int, policy: Policy, catalogue: Catalogue) -> tuple[Aim, ...]:
    """Every tool that a ban aims at. Targets that cannot be resolved are left out (lint names them)."""
    found: list[Aim] = []
    for position, target in enumerate(ban.targets):
        path: Path = ("bans", number, "targets", position)
        try:
            found += [Aim(tool, target.versions, path) for tool in expand_target(target, policy, catalogue)]
        except Wrong:
            continue
    return tuple(found)
