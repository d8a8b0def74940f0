"""Finds a target through delegations, verifying each file on the way: TUF's search, 5.6.7, over files in memory.

A role is verified against the one that leads to it now, never against one that led to it earlier: two roles may
delegate to a third with different keys. Circles end because each role is looked at once, long chains by a bound.
"""

from __future__ import annotations

from collections.abc import Callable

from policy_schema.trust.layout import (
    EXCEPTIONS_LIMIT,
    MOST_ROLES,
    Files,
    Role,
    chosen_hash,
    delegated_path,
    target_path,
)
from policy_schema.trust.library import (
    BadVersionNumberError,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    RepositoryError,
    TargetFile,
    Targets,
    TrustedMetadataSet,
    UnsignedMetadataError,
)
from policy_schema.trust.refusal import Refusal, Refused

Accepted = Callable[[str, bytes], None]
"""Told of each role's file once it is good."""

CODES: dict[type[RepositoryError], Refusal] = {
    LengthOrHashMismatchError: Refusal.HALF_UPLOADED,
    UnsignedMetadataError: Refusal.WRONGLY_SIGNED,
    BadVersionNumberError: Refusal.OLDER,
    ExpiredMetadataError: Refusal.EXPIRED,
}


def find_target(
    trusted: TrustedMetadataSet, name: str, files: Files, accepted: Accepted = lambda role, content: None
) -> TargetFile:
    """What the signers promise of a target: by the top itself, or by the first role of its delegations that names it.

    Raises:
        Refused: nobody names it, or a role on the way is missing or not good.
    """
    pending: list[tuple[str, str]] = [(Role.TARGETS, Role.ROOT)]
    visited: set[str] = set()
    while pending and len(visited) <= MOST_ROLES:
        role, parent = pending.pop()
        if role in visited:
            continue
        visited.add(role)
        targets = trusted.targets if role == Role.TARGETS else verified_role(trusted, role, parent, files, accepted)
        if (promised := targets.targets.get(name)) is not None:
            return promised
        children, ends = _children(targets, name)
        pending = [*([] if ends else pending), *((child, role) for child in reversed(children))]
    raise Refused(Refusal.BAD_DOCUMENT, f"the repository holds no {name}")


def verified_role(
    trusted: TrustedMetadataSet,
    role: str,
    parent: str,
    files: Files,
    accepted: Accepted = lambda role, content: None,
) -> Targets:
    """One delegated role: of the snapshot's version and hash, and signed as its parent wants it.

    Raises:
        Refused: it is missing, too big, or not that.
    """
    named = trusted.snapshot.meta.get(f"{role}.json")
    if named is None:
        raise Refused(Refusal.TAMPERED, f"the snapshot names no {role}")
    path = delegated_path(role, named.version)
    content = files.get(path)
    if content is None or len(content) > EXCEPTIONS_LIMIT:
        raise Refused(Refusal.HALF_UPLOADED if content is None else Refusal.TOO_BIG, path)
    try:
        targets = trusted.update_delegated_targets(content, role, parent)
    except (RepositoryError, ValueError) as error:
        code = next((code for kind, code in CODES.items() if isinstance(error, kind)), Refusal.TAMPERED)
        raise Refused(code, path) from error
    accepted(role, content)
    return targets


def verified_target(promised: TargetFile, name: str, files: Files, limit: int) -> tuple[str, bytes]:
    """Where a target lies and its bytes, of the length and the hash that its role names.

    Raises:
        Refused: it is not there, too big, cut, or another.
    """
    path = target_path(chosen_hash(promised.hashes), name)
    content = files.get(path)
    if content is None:
        raise Refused(Refusal.HALF_UPLOADED, f"{path} is missing")
    if max(promised.length, len(content)) > limit:
        raise Refused(Refusal.TOO_BIG, path)
    try:
        promised.verify_length_and_hashes(content)
    except LengthOrHashMismatchError as error:
        code = Refusal.HALF_UPLOADED if len(content) < promised.length else Refusal.TAMPERED
        raise Refused(code, path) from error
    return path, content


def _children(targets: Targets, name: str) -> tuple[list[str], bool]:
    children: list[str] = []
    if targets.delegations is not None:
        for child, terminating in targets.delegations.get_roles_for_target(name):
            children.append(child)
            if terminating:
                return children, True
    return children, False
