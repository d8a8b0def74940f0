"""Checks of what is lifted."""

from __future__ import annotations

from collections.abc import Iterator

from policy_schema.document.checks.subject import Lint
from policy_schema.document.problems import Problem


def lifted_and_banned(lint: Lint) -> Iterator[Problem]:
    """A ban is in force or lifted, not both; and is lifted once."""
    banned = {ban.id for ban in lint.policy.bans} | {ban.id for ban in lint.policy.model_bans}
    seen: set[str] = set()
    for position, lifted in enumerate(lint.policy.lifted):
        if lifted.id in banned:
            mend = "remove the ban, or the entry here; a ban that comes back takes a new id"
            yield lint.error(("lifted", position, "id"), f"{lifted.id!r} is banned at the same time", mend)
        if lifted.id in seen:
            yield lint.error(("lifted", position, "id"), f"{lifted.id!r} stands here twice", "keep one of the two")
        seen.add(lifted.id)
