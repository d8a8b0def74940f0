"""Changes of who signs, staged as the next root: they add up until they are published, and people sign the sum.

replaced, added, removed or another threshold → the staged root, and the policy once more where it needs it
"""

from __future__ import annotations

from collections.abc import Callable

from policy_schema.authoring.workspace import Workspace
from policy_schema.trust.library import Root
from policy_schema.trust.metadata import Lifetimes, dated, moment, root_of
from policy_schema.trust.roots import next_root
from policy_schema.trust.staging import (
    STAGED_POLICY,
    STAGED_ROOT,
    effective_root,
    stage_policy,
    stage_root,
    still_signed,
)
from policy_schema.trust.state import published_policy


def stage_signers(
    space: Workspace, change: Callable[[Root], None], *, now: int, lifetimes: Lifetimes, again: bool
) -> Root:
    """Applies a change to the staged root, or to the next one, and stages the result without signatures.

    The policy is staged once more where the new people's signatures on it would be too few, and always when `again`:
    a key that goes must not be one of those that hold up the policy in force.

    Raises:
        BadSigners: what `change` raises.
        BadFile, Refused: the folder is damaged.
    """
    published, staged = space.published(), space.staged()
    root = _following(published, staged, now, lifetimes)
    change(root)
    changed = stage_root(staged, root)
    policy = staged.get(STAGED_POLICY, published_policy(published))
    if policy is not None and (again or STAGED_POLICY in staged or not still_signed(published, root)):
        key = space.exceptions_key()
        changed = stage_policy(published, changed, policy, now=now, lifetimes=lifetimes, exceptions=key)
    space.write_staged(changed)
    return root


def _following(published: dict[str, bytes], staged: dict[str, bytes], now: int, lifetimes: Lifetimes) -> Root:
    """The root to change: the staged one, else the one after that in force."""
    if STAGED_ROOT not in staged:
        return next_root(root_of(published), now, lifetimes)
    root = effective_root(published, staged)
    root.expires = moment(now + lifetimes.root)
    return dated(root, now)
