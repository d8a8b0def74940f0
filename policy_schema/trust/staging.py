"""A staged change: a new policy, new signers or both, on its way to enough signatures.

Staged files are the new targets file and the closed policy, and the new root file when people change. They are small
and plain, so they travel between the signers by git or mail. In memory: files in, files out.
"""

from __future__ import annotations

from typing import Any, NamedTuple

from policy_schema.errors import PolicyError
from policy_schema.trust.exceptions import delegate, holder
from policy_schema.trust.keys import owner
from policy_schema.trust.layout import (
    POLICY,
    POLICY_LIMIT,
    Files,
    Role,
    digest,
    metadata_path,
    newest_root,
)
from policy_schema.trust.library import Key, Metadata, Root, Signer, TargetFile, Targets
from policy_schema.trust.metadata import Lifetimes, dated, moment, put_signature, read, root_of, sign, write
from policy_schema.trust.refusal import Refusal, Refused
from policy_schema.trust.state import published_policy, published_targets
from policy_schema.trust.vanished import refuse_vanished_bans, vanished_bans

STAGED_POLICY, STAGED_TARGETS, STAGED_ROOT = "policy.json", "targets.json", "root.json"
"""The files of a staged change."""


class CannotSign(PolicyError):
    """A change cannot be staged or signed as things stand."""

    default_advice = "see `interdict-policy status`"


class Progress(NamedTuple):
    """How far one staged file is."""

    role: Role
    version: int
    threshold: int
    signed: tuple[str, ...]
    missing: tuple[str, ...]
    complete: bool
    expires: int


def stage_policy(
    published: Files,
    staged: Files,
    policy: bytes,
    *,
    now: int,
    lifetimes: Lifetimes,
    exceptions: Key | None = None,
) -> dict[str, bytes]:
    """Stages a closed policy as the next version, without signatures. The same policy again renews its signatures.

    `exceptions` is whose key may sign exceptions and pauses from then on; None: nobody's.

    Raises:
        Refused: a ban vanished, or the policy is larger than devices read.
    """
    if len(policy) > POLICY_LIMIT:
        raise Refused(Refusal.TOO_BIG, f"the closed policy has {len(policy)} bytes, {POLICY_LIMIT} are read")
    before = published_policy(published)
    refuse_vanished_bans(before, policy)
    vanished_bans(policy, policy)
    current = published_targets(published)
    targets = Targets(current.version + 1 if current else 1, expires=moment(now + lifetimes.targets), targets={})
    delegate(targets, exceptions)
    targets.targets[POLICY] = TargetFile(len(policy), {"sha256": digest(policy)}, POLICY)
    return {**staged, STAGED_POLICY: policy, STAGED_TARGETS: sign(dated(targets, now), ())}


def stage_root(staged: Files, root: Root) -> dict[str, bytes]:
    """Stages a new root, without signatures."""
    return {**staged, STAGED_ROOT: sign(root, ())}


def add_signature(published: Files, staged: Files, signer: Signer) -> dict[str, bytes]:
    """Signs each staged file that this key may sign.

    Raises:
        CannotSign: nothing is staged, or this key has nothing to do here.
    """
    made = dict(staged)
    keyid = signer.public_key.keyid
    parts = [part for part in _parts(published, staged) if any(keyid in root.roles[part[1]].keyids for root in part[2])]
    for name, role, _ in parts:
        metadata = _read(role, staged[name], name)
        put_signature(metadata, signer)
        made[name] = write(metadata)
    if not parts:
        raise CannotSign(f"the key of {owner(signer.public_key)} has nothing to sign here")
    return made


def staged_holder(staged: Files) -> Key | None:
    """Whose key may sign exceptions once the staged change is published.

    Raises:
        Refused: the staged file delegates something else.
    """
    return holder(read(Targets, staged[STAGED_TARGETS], STAGED_TARGETS).signed) if STAGED_TARGETS in staged else None


def progress(published: Files, staged: Files) -> tuple[Progress, ...]:
    """How far each staged file is: who signed, who could still, whether that is enough. Empty when nothing is staged.

    Raises:
        Refused: the staged files do not belong together.
    """
    _check_staged_policy(staged)
    return tuple(_progress(staged[name], name, role, roots) for name, role, roots in _parts(published, staged))


def effective_root(published: Files, staged: Files) -> Root:
    """The root that will count once the change is published."""
    return read(Root, staged[STAGED_ROOT], STAGED_ROOT).signed if STAGED_ROOT in staged else root_of(published)


def roots_of_change(published: Files, staged: Files) -> tuple[Root, ...]:
    """The root in force, if there is one yet, and the one that is staged, if it is another."""
    staged_root = (read(Root, staged[STAGED_ROOT], STAGED_ROOT).signed,) if STAGED_ROOT in staged else ()
    return (*((root_of(published),) if newest_root(published) else ()), *staged_root)


def still_signed(published: Files, root: Root) -> bool:
    """Does the policy in force have enough signatures by this root's people? True where nothing is published."""
    targets = published_targets(published)
    if targets is None:
        return True
    metadata = read(Targets, published[metadata_path(Role.TARGETS, targets.version)], "targets")
    return bool(root.get_verification_result(Role.TARGETS, metadata.signed_bytes, metadata.signatures))


def _parts(published: Files, staged: Files) -> list[tuple[str, Role, tuple[Root, ...]]]:
    """Each staged file with the roots whose people must agree to it: a new root needs the old ones and the new ones."""
    root = effective_root(published, staged)
    parts: list[tuple[str, Role, tuple[Root, ...]]] = []
    if STAGED_ROOT in staged:
        parts.append((STAGED_ROOT, Role.ROOT, (root_of(published), root) if root.version > 1 else (root,)))
    if STAGED_TARGETS in staged:
        parts.append((STAGED_TARGETS, Role.TARGETS, (root,)))
    return parts


def _progress(content: bytes, name: str, role: Role, roots: tuple[Root, ...]) -> Progress:
    metadata = _read(role, content, name)
    results = [root.get_verification_result(role, metadata.signed_bytes, metadata.signatures) for root in roots]
    signed = {keyid: key for result in results for keyid, key in result.signed.items()}
    missing = {keyid: key for result in results for keyid, key in result.unsigned.items() if keyid not in signed}
    return Progress(
        role=role,
        version=metadata.signed.version,
        threshold=results[-1].threshold,
        signed=tuple(sorted(map(owner, signed.values()))),
        missing=tuple(sorted(map(owner, missing.values()))),
        complete=all(results),
        expires=int(metadata.signed.expires.timestamp()),
    )


def _read(role: Role, content: bytes, name: str) -> Metadata[Any]:
    return read(Root, content, name) if role is Role.ROOT else read(Targets, content, name)


def _check_staged_policy(staged: Files) -> None:
    """The signatures cover the hash of the policy, not the file beside them: that one must be the same.

    Raises:
        Refused: somebody changed the staged policy after it was staged.
    """
    if STAGED_TARGETS not in staged:
        return
    promised = read(Targets, staged[STAGED_TARGETS], STAGED_TARGETS).signed.targets.get(POLICY)
    policy = staged.get(STAGED_POLICY)
    if promised is None or policy is None:
        raise Refused(Refusal.HALF_UPLOADED, f"the staged change lacks {STAGED_POLICY}")
    if promised.hashes.get("sha256") != digest(policy):
        raise Refused(Refusal.TAMPERED, f"the staged {STAGED_POLICY} is not the one that is being signed")
