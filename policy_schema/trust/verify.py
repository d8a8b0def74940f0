"""Verifies a policy repository against a first root: TUF's client workflow over files in memory.

The decisions are those of python-tuf's `TrustedMetadataSet`; this module feeds it, keeps the highest versions that a
device has seen (a wiped cache must not open the door to an older repository that has not expired), and says in our
words why something was refused. Adopter and auditor use the same function.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import NamedTuple

from policy_schema.trust.diagnose import explain
from policy_schema.trust.highest import Highest, anchor
from policy_schema.trust.keys import owner
from policy_schema.trust.layout import (
    LIMITS,
    POLICY,
    POLICY_LIMIT,
    TIMESTAMP_PATH,
    Files,
    Role,
    metadata_path,
    policy_path,
)
from policy_schema.trust.library import (
    EnvelopeType,
    ExpiredMetadataError,
    LengthOrHashMismatchError,
    Metadata,
    RepositoryError,
    Root,
    Signed,
    TargetFile,
    TrustedMetadataSet,
)
from policy_schema.trust.metadata import instant, one_signer, signed_at
from policy_schema.trust.refusal import Refusal, Refused

NEVER_EXPIRED = datetime(1970, 1, 1, tzinfo=UTC)
"""The reference time for verifying again what was good once: signatures and versions count, dates are only reported."""


class Verified(NamedTuple):
    """A repository that holds what it promises."""

    policy: bytes
    highest: Highest
    paths: tuple[str, ...]
    signers: tuple[str, ...]
    threshold: int
    solo: bool
    signed_at: int
    expires: tuple[tuple[Role, int], ...]

    @property
    def version(self) -> int:
        """The version of the policy: that of the targets file."""
        return self.highest.targets

    @property
    def ends(self) -> int:
        """When the first of the four signatures expires."""
        return min(when for _, when in self.expires)


def verify(files: Files, trust: bytes, *, now: int | None, highest: Highest | None = None) -> Verified:
    """Verifies every role and the policy. `now` is None for files that were verified before: then no date refuses.

    Steps: (0) the first root stands by itself; (1) each further root is signed by the one before and by itself;
    (2) timestamp, (3) snapshot, (4) targets, each signed, dated, and of the version and hash that the one before
    names; (5) no role is older than what was seen before; (6) the policy has the length and hash that targets names.

    The caller MUST keep `Verified.highest` where a wiped cache does not reach it.

    Raises:
        Refused: with the code of the first step that failed.
    """
    seen = _for_this_anchor(highest, trust)
    trusted = _first(trust)
    trusted.reference_time = NEVER_EXPIRED if now is None else datetime.fromtimestamp(now, UTC)
    paths, seen = _roots(trusted, files, seen)
    timestamp = _load(trusted, files, Role.TIMESTAMP, TIMESTAMP_PATH, trusted.update_timestamp, seen)
    path = metadata_path(Role.SNAPSHOT, trusted.timestamp.snapshot_meta.version)
    snapshot = _load(trusted, files, Role.SNAPSHOT, path, trusted.update_snapshot, seen)
    promised = trusted.snapshot.meta.get("targets.json")
    if promised is None:
        raise Refused(Refusal.TAMPERED, "the snapshot names no targets")
    path = metadata_path(Role.TARGETS, promised.version)
    targets = _load(trusted, files, Role.TARGETS, path, trusted.update_targets, seen)
    where, policy = _policy(trusted.targets.targets.get(POLICY), files)
    return _result(trusted, files, policy, (*paths, timestamp, snapshot, targets, where), seen)


def _for_this_anchor(highest: Highest | None, trust: bytes) -> Highest:
    fresh = Highest(anchor(trust))
    return fresh.merged(highest) if highest else fresh


def _first(trust: bytes) -> TrustedMetadataSet:
    """Step 0."""
    try:
        return TrustedMetadataSet(trust, EnvelopeType.METADATA)
    except (RepositoryError, ValueError) as error:
        raise Refused(Refusal.FIRST_TRUST_MISSING, "the first root does not verify") from error


def _roots(trusted: TrustedMetadataSet, files: Files, seen: Highest) -> tuple[list[str], Highest]:
    """Step 1. A role whose keys were replaced starts a new count (TUF 5.3.11), or a thief's high version would stay."""
    paths: list[str] = []
    while (path := metadata_path(Role.ROOT, trusted.root.version + 1)) in files:
        before = trusted.root
        try:
            trusted.update_root(_bounded(files, Role.ROOT, path))
        except (RepositoryError, ValueError) as error:
            raise _root_refusal(error, path, files[path], before) from error
        paths.append(path)
        if trusted.root.version > seen.root:
            seen = _forget_replaced(before, trusted.root, seen)
    if trusted.root.version < seen.root:
        raise Refused(Refusal.OLDER, f"root {trusted.root.version}, seen before: {seen.root}")
    return paths, seen


def _root_refusal(error: Exception, path: str, content: bytes, before: Root) -> Refused:
    if not isinstance(error, RepositoryError):
        return Refused(Refusal.TAMPERED, path)
    refusal = explain(error, Role.ROOT, path, content, before)
    # The people of the old root agreed: then it is the new root's own signatures that are wrong.
    if refusal.code is Refusal.TAMPERED:
        try:
            new = Metadata[Root].from_bytes(content).signed
            return explain(error, Role.ROOT, path, content, new) if new.version == before.version + 1 else refusal
        except RepositoryError:
            return refusal
    return refusal


def _forget_replaced(before: Root, after: Root, seen: Highest) -> Highest:
    changed = {role for role in Role if set(before.roles[role].keyids) != set(after.roles[role].keyids)}
    if changed & {Role.TIMESTAMP, Role.SNAPSHOT}:
        seen = seen._replace(timestamp=0, snapshot=0)
    return seen._replace(targets=0) if Role.TARGETS in changed else seen


def _load(
    trusted: TrustedMetadataSet,
    files: Files,
    role: Role,
    path: str,
    update: Callable[[bytes], Signed],
    seen: Highest,
) -> str:
    """Steps 2 to 5 for one role; answers with the path."""
    content = _bounded(files, role, path)
    try:
        update(content)
    except ExpiredMetadataError as error:
        # "Older" says more than "expired", and an old backup is usually both.
        _refuse_older(trusted, role, seen)
        late = Role.ROOT if trusted.root.is_expired(trusted.reference_time) else role
        raise Refused(Refusal.EXPIRED, late) from error
    except (RepositoryError, ValueError) as error:
        if isinstance(error, RepositoryError):
            raise explain(error, role, path, content, trusted.root) from error
        raise Refused(Refusal.TAMPERED, path) from error
    _refuse_older(trusted, role, seen)
    return path


def _refuse_older(trusted: TrustedMetadataSet, role: Role, seen: Highest) -> None:
    """Step 5."""
    signed = trusted.get(role.value)
    if signed is not None and signed.version < seen.of(role):
        raise Refused(Refusal.OLDER, f"{role} {signed.version}, seen before: {seen.of(role)}")


def _bounded(files: Files, role: Role, path: str) -> bytes:
    content = files.get(path)
    if content is None:
        code = Refusal.NOT_A_REPOSITORY if role is Role.TIMESTAMP else Refusal.HALF_UPLOADED
        raise Refused(code, f"{path} is missing")
    if len(content) > LIMITS[role]:
        raise Refused(Refusal.TOO_BIG, path)
    return content


def _policy(promised: TargetFile | None, files: Files) -> tuple[str, bytes]:
    """Step 6."""
    if promised is None or "sha256" not in promised.hashes:
        raise Refused(Refusal.BAD_DOCUMENT, f"the repository holds no {POLICY}")
    path = policy_path(promised.hashes["sha256"])
    content = files.get(path)
    if content is None:
        raise Refused(Refusal.HALF_UPLOADED, f"{path} is missing")
    if max(promised.length, len(content)) > POLICY_LIMIT:
        raise Refused(Refusal.TOO_BIG, path)
    try:
        promised.verify_length_and_hashes(content)
    except LengthOrHashMismatchError as error:
        code = Refusal.HALF_UPLOADED if len(content) < promised.length else Refusal.TAMPERED
        raise Refused(code, path) from error
    return path, content


def _result(
    trusted: TrustedMetadataSet, files: Files, policy: bytes, paths: tuple[str, ...], seen: Highest
) -> Verified:
    root = trusted.root
    role = root.get_delegated_role(Role.TARGETS)
    targets = Metadata.from_bytes(files[paths[-2]])
    signed = root.get_verification_result(Role.TARGETS, targets.signed_bytes, targets.signatures).signed
    versions = [trusted.root.version, trusted.timestamp.version, trusted.snapshot.version, trusted.targets.version]
    return Verified(
        policy=policy,
        highest=Highest(seen.anchor, *versions),
        paths=paths,
        signers=tuple(sorted(owner(key) for key in signed.values())),
        threshold=role.threshold,
        solo=one_signer(root),
        signed_at=max(signed_at(trusted.timestamp), signed_at(trusted.targets)),
        expires=tuple((role, instant(trusted[role.value].expires)) for role in Role),
    )
