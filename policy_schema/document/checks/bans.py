"""Checks of a ban as a whole: ids, alternatives, what is approved, what it needs."""

from __future__ import annotations

import difflib
from collections.abc import Iterator

from policy_schema.document.checks.subject import Lint
from policy_schema.document.policy import Cure
from policy_schema.document.problems import Path, Problem
from policy_schema.rules.models import take_apart
from policy_schema.rules.rulebook import FEATURES

MAX_EXCEPTION_DAYS = 366


def ids_unique(lint: Lint) -> Iterator[Problem]:
    """An id names one ban for ever: findings, exceptions and records refer to it."""
    seen: dict[str, Path] = {}
    rows = [(("bans", n, "id"), ban.id) for n, ban in enumerate(lint.policy.bans)]
    rows += [(("model_bans", n, "id"), ban.id) for n, ban in enumerate(lint.policy.model_bans)]
    for path, name in rows:
        if name in seen:
            yield lint.error(path, f"{name!r} is used already", "give each ban its own id")
        seen.setdefault(name, path)


def nothing_said(lint: Lint) -> Iterator[Problem]:
    """A policy without any ban does nothing: most likely a part of it was lost."""
    if not lint.policy.bans and not lint.policy.model_bans and not lint.policy.lifted:
        yield lint.error(("bans",), "is empty: this policy would do nothing", "add a ban, or an entry under `lifted`")


def families_without_a_word(lint: Lint) -> Iterator[Problem]:
    """A family begins with a model's name; a number alone would mean nothing."""
    for number, ban in enumerate(lint.policy.model_bans):
        for position, family in enumerate(ban.families):
            if not take_apart(family).words:
                here: Path = ("model_bans", number, "families", position)
                yield lint.error(here, f"{family!r} names no family", "begin with the model's name, as in gpt-4")


def approved_unknown(lint: Lint) -> Iterator[Problem]:
    """Approved tools and alternatives exist, so that having them can be seen."""
    for position, name in enumerate(lint.policy.approved):
        if lint.catalogue.find(name) is None:
            yield lint.error(
                ("approved", position), f"{name!r} is not a tool of the catalogue", lint.catalogue.nearest(name)
            )
    rows = [(("bans", n), ban.alternatives) for n, ban in enumerate(lint.policy.bans)]
    rows += [(("model_bans", n), ban.alternatives) for n, ban in enumerate(lint.policy.model_bans)]
    for path, alternatives in rows:
        for position, other in enumerate(alternatives):
            if other.tool is not None and lint.catalogue.find(other.tool) is None:
                here: Path = (*path, "alternatives", position, "tool")
                mend = lint.catalogue.nearest(other.tool)
                yield lint.error(here, f"{other.tool!r} is not a tool of the catalogue", mend)


def approved_banned(lint: Lint) -> Iterator[Problem]:
    """Nothing is approved and banned at once."""
    approved = {tool.id for name in lint.policy.approved if (tool := lint.catalogue.find(name))}
    for found in lint.aims:
        for aim in found:
            if aim.tool in approved and aim.versions is None:
                yield lint.error(aim.path, f"hits {aim.tool}, which is approved", 'write `except: "approved"`')


def alternative_banned(lint: Lint) -> Iterator[Problem]:
    """What people are sent to must not be banned, by this ban or by another one."""
    banned = {
        aim.tool: lint.policy.bans[n].id for n, found in enumerate(lint.aims) for aim in found if not aim.versions
    }
    for path, ban in lint.bans:
        for position, other in enumerate(ban.alternatives):
            tool = lint.catalogue.find(other.tool) if other.tool is not None else None
            if tool is not None and tool.id in banned:
                here: Path = (*path, "alternatives", position, "tool")
                message = f"{tool.id} is banned by {banned[tool.id]}"
                yield lint.error(here, message, "name another alternative, or leave it out of that ban")


def alternative_missing(lint: Lint) -> Iterator[Problem]:
    """A notice that says what to stop and not what to use instead makes tickets."""
    for path, ban in lint.bans:
        if not ban.alternatives and ban.cure is Cure.REMOVE:
            yield lint.warning(path, "names no alternative", "add `alternatives:` with a name and a link")
    if "help" not in lint.policy.organisation.contacts:
        here: Path = ("organisation", "contacts")
        yield lint.warning(here, "has no `help`: notices cannot say where to ask", 'add `help: "https://..."`')


def cure_possible(lint: Lint) -> Iterator[Problem]:
    """An update cures only if some version is allowed."""
    for number, (path, ban) in enumerate(lint.bans):
        if ban.cure is Cure.UPDATE and any(aim.versions is None for aim in lint.aims[number]):
            mend = "write `versions:` at each target, or `cure: remove`"
            yield lint.error((*path, "cure"), "is update, and every version is banned", mend)


def exception_bounds(lint: Lint) -> Iterator[Problem]:
    """Exceptions end; a hold and a pause are short."""
    days = lint.policy.exceptions.max_days
    if not 1 <= days <= MAX_EXCEPTION_DAYS:
        mend = f"write 1 to {MAX_EXCEPTION_DAYS}"
        yield lint.error(("exceptions", "max_days"), f"{days} days is no length for an exception", mend)
    if lint.policy.exceptions.pending_hold > 14 * 86400:
        yield lint.error(("exceptions", "pending_hold"), "holds a block for more than 14d", "write at most 14d")
    if not 0 < lint.policy.pause.max <= 30 * 86400:
        yield lint.error(("pause", "max"), "is not between 1s and 30d", "write at most 30d")
    if lint.policy.pause.automatic > lint.policy.pause.max:
        yield lint.error(("pause", "automatic"), "is longer than pause.max", "write a shorter time, or 0s for none")


def needs_known(lint: Lint) -> Iterator[Problem]:
    """A misspelt need would make every agent leave the ban out."""
    for path, ban in lint.bans:
        for position, need in enumerate(ban.needs):
            if need not in FEATURES:
                near = difflib.get_close_matches(need, FEATURES, n=1)
                mend = f"did you mean {near[0]}?" if near else f"write one of {', '.join(sorted(FEATURES))}"
                yield lint.error((*path, "needs", position), f"{need!r} is no feature of this release", mend)
