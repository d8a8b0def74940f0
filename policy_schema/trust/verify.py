"""Verifies a policy repository against a first root: TUF's client workflow over files in memory.

The decisions are those of python-tuf's `TrustedMetadataSet`; this module feeds it, keeps the highest versions that a
device has seen (a wiped cache must not open the door to an older repository that has not expired), and says in our
words why something was refused. Adopter and auditor use the same function.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import NamedTuple

from policy_schema.trust.diagnose import explain
from policy_schema.trust.exceptions import Granted, verify_relief
from policy_schema.trust.highest import Highest, Versions, mark, merged
from policy_schema.trust.keys import owner
from policy_schema.trust.layout import (
    LIMITS,
    POLICY,
    POLICY_LIMIT,
    TIMESTAMP_PATH,
    Files,
    Role,
    digest,
    metadata_path,
)
from policy_schema.trust.library import (
    EnvelopeType,
    EqualVersionNumberError,
    ExpiredMetadataError,
    Metadata,
    RepositoryError,
    Root,
    Signed,
    Timestamp,
    TrustedMetadataSet,
)
from policy_schema.trust.metadata import instant, one_signer, signed_at
from policy_schema.trust.refusal import Refusal, Refused
from policy_schema.trust.search import verified_target

NEVER_EXPIRED = datetime(1970, 1, 1, tzinfo=UTC)
"""The reference time for verifying again what was good once: signatures and versions count, dates are only reported."""


class NothingNew(Exception):
    """Another timestamp of the version that is there already, rightly signed: the one that came first stays."""


class Verified(NamedTuple):
    """A repository that holds what it promises."""

    policy: bytes
    versions: Versions
    highest: Highest
    paths: tuple[str, ...]
    signers: tuple[str, ...]
    threshold: int
    solo: bool
    signed_at: int
    expires: tuple[tuple[Role, int], ...]
    granted: Granted = Granted()
    """What the role that can only weaken has published."""

    @property
    def version(self) -> int:
        """The version of the policy: that of the targets file."""
        return self.versions.targets

    @property
    def ends(self) -> int:
        """When the first of the four signatures expires."""
        return min(when for _, when in self.expires)


def verify(
    files: Files, trust: bytes, *, now: int | None, seen: Highest | None = None, before: Files | None = None
) -> Verified:
    """Verifies every role and the policy. `now` is None for files that were verified before: then no date refuses.

    Steps: (0) the first root stands by itself; (1) each further root is signed by the one before and by itself;
    (2) timestamp, (3) snapshot, (4) targets, each signed, dated, and of the version and hash that the one before
    names; (5) no role is older than what was seen before, and nothing is gone that the snapshot in `before` names;
    (6) the policy has the length and hash that targets names, and no delegated role may name it; (7) the delegated
    role of exceptions, which never refuses: `Verified.granted` says what is wrong with it.

    `before` are the files that were verified last, where there are some. The caller MUST keep `Verified.highest`
    where a wiped cache does not reach it.

    Raises:
        Refused: with the code of the first step that failed.
        NothingNew: the timestamp is another one of the version in `before`.
    """
    trusted, paths = verify_metadata(files, trust, now=now, seen=seen, before=before)
    promised = trusted.targets.targets.get(POLICY)
    if promised is None:
        raise Refused(Refusal.BAD_DOCUMENT, f"the repository holds no {POLICY}")
    where, policy = verified_target(promised, POLICY, files, POLICY_LIMIT)
    found = _result(trusted, files, policy, (*paths, where))
    now_seen = {name: found.versions[place] for place, name in enumerate(_marks(trust, trusted.root).values())}
    granted = verify_relief(trusted, files, seen or {})
    # The policy's own path stays the last one.
    paths = (*found.paths[:-1], *granted.paths, found.paths[-1])
    return found._replace(highest=merged(seen or {}, now_seen, granted.highest), paths=paths, granted=granted)


def verify_metadata(
    files: Files,
    trust: bytes,
    *,
    now: int | None,
    seen: Highest | None = None,
    before: Files | None = None,
    accepted: Callable[[Role, bytes], None] = lambda role, content: None,
) -> tuple[TrustedMetadataSet, tuple[str, ...]]:
    """Steps 0 to 5 of `verify`: every role, no target. `accepted` is told each file once it is good.

    Raises:
        Refused: with the code of the first step that failed.
        NothingNew: the timestamp is another one of the version in `before`.
    """
    trusted = _first(trust)
    trusted.reference_time = NEVER_EXPIRED if now is None else datetime.fromtimestamp(now, UTC)
    roots = _roots(trusted, files, accepted)
    least = _least(trust, trusted.root, seen or {})
    _refuse_older(trusted, Role.ROOT, least)
    old = _old_timestamp(trusted, before or {})
    if old is None or files.get(TIMESTAMP_PATH) != old:
        _load(trusted, files, Role.TIMESTAMP, TIMESTAMP_PATH, trusted.update_timestamp, least)
    _refuse_older(trusted, Role.TIMESTAMP, least)
    _refuse_late(trusted)
    accepted(Role.TIMESTAMP, files[TIMESTAMP_PATH])
    _old_snapshot(trusted, old, before or {})
    path = metadata_path(Role.SNAPSHOT, trusted.timestamp.snapshot_meta.version)
    snapshot = _load(trusted, files, Role.SNAPSHOT, path, trusted.update_snapshot, least)
    accepted(Role.SNAPSHOT, files[snapshot])
    promised = trusted.snapshot.meta.get("targets.json")
    if promised is None:
        raise Refused(Refusal.TAMPERED, "the snapshot names no targets")
    path = metadata_path(Role.TARGETS, promised.version)
    targets = _load(trusted, files, Role.TARGETS, path, trusted.update_targets, least)
    accepted(Role.TARGETS, files[targets])
    return trusted, (*roots, TIMESTAMP_PATH, snapshot, targets)


def _old_timestamp(trusted: TrustedMetadataSet, before: Files) -> bytes | None:
    """Takes up the timestamp that was verified last, if the newest root still lets its key sign (TUF 5.3.11)."""
    content = before.get(TIMESTAMP_PATH)
    if content is not None:
        with suppress(RepositoryError, ValueError):
            trusted.update_timestamp(content)
    return content if Role.TIMESTAMP in trusted else None


def _refuse_late(trusted: TrustedMetadataSet) -> None:
    """The timestamp that was taken up last time has had its date checked then, not now."""
    for role in (Role.ROOT, Role.TIMESTAMP):
        signed = trusted.get(role.value)
        if signed is not None and signed.is_expired(trusted.reference_time):
            raise Refused(Refusal.EXPIRED, role)


def _old_snapshot(trusted: TrustedMetadataSet, timestamp: bytes | None, before: Files) -> None:
    """Takes up the snapshot that was verified last: what it names may neither go nor fall back (TUF 5.5.5)."""
    if timestamp is None:
        return
    number = Metadata[Timestamp].from_bytes(timestamp).signed.snapshot_meta.version
    content = before.get(metadata_path(Role.SNAPSHOT, number))
    if content is not None:
        # An older one than the timestamp names now is taken up for comparison, and says that it is not the last.
        with suppress(RepositoryError, ValueError):
            trusted.update_snapshot(content, trusted=True)


def verify_roots(files: Files, trust: bytes) -> Root:
    """The newest root that follows from the first one: for a repository into which nothing was published yet.

    Raises:
        Refused: the first root does not stand by itself, or the next does not follow from the one before.
    """
    trusted = _first(trust)
    _roots(trusted, files, lambda role, content: None)
    return trusted.root


def _first(trust: bytes) -> TrustedMetadataSet:
    """Step 0."""
    try:
        return TrustedMetadataSet(trust, EnvelopeType.METADATA)
    except (RepositoryError, ValueError) as error:
        raise Refused(Refusal.FIRST_TRUST_MISSING, "the first root does not verify") from error


def _roots(trusted: TrustedMetadataSet, files: Files, accepted: Callable[[Role, bytes], None]) -> list[str]:
    """Step 1."""
    paths: list[str] = []
    while (path := metadata_path(Role.ROOT, trusted.root.version + 1)) in files:
        before = trusted.root
        try:
            trusted.update_root(_bounded(files, Role.ROOT, path))
        except (RepositoryError, ValueError) as error:
            raise _root_refusal(error, path, files[path], before) from error
        accepted(Role.ROOT, files[path])
        paths.append(path)
    return paths


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


def _marks(trust: bytes, root: Root) -> dict[Role, str]:
    """The names of this repository's highest versions: they count for as long as the on-line keys are the same.

    Replacing a policy key does not start the targets anew: old ones may still have enough good signatures.
    """
    online = {*root.roles[Role.TIMESTAMP].keyids, *root.roles[Role.SNAPSHOT].keyids}
    below = {role: mark(role, online) for role in (Role.TIMESTAMP, Role.SNAPSHOT, Role.TARGETS)}
    return {Role.ROOT: mark(Role.ROOT, [digest(trust)]), **below}


def _least(trust: bytes, root: Root, seen: Highest) -> dict[Role, int]:
    return {role: seen.get(name, 0) for role, name in _marks(trust, root).items()}


def _load(
    trusted: TrustedMetadataSet,
    files: Files,
    role: Role,
    path: str,
    update: Callable[[bytes], Signed],
    least: Mapping[Role, int],
) -> str:
    """Steps 2 to 5 for one role; answers with the path."""
    content = _bounded(files, role, path)
    try:
        update(content)
    except EqualVersionNumberError as error:
        raise NothingNew(path) from error
    except ExpiredMetadataError as error:
        # "Older" says more than "expired", and an old backup is usually both.
        _refuse_older(trusted, role, least)
        late = Role.ROOT if trusted.root.is_expired(trusted.reference_time) else role
        raise Refused(Refusal.EXPIRED, late) from error
    except (RepositoryError, ValueError) as error:
        if isinstance(error, RepositoryError):
            raise explain(error, role, path, content, trusted.root) from error
        raise Refused(Refusal.TAMPERED, path) from error
    _refuse_older(trusted, role, least)
    return path


def _refuse_older(trusted: TrustedMetadataSet, role: Role, least: Mapping[Role, int]) -> None:
    """Step 5."""
    signed = trusted.get(role.value)
    if signed is not None and signed.version < least[role]:
        raise Refused(Refusal.OLDER, f"{role} {signed.version}, seen before: {least[role]}")


def _bounded(files: Files, role: Role, path: str) -> bytes:
    content = files.get(path)
    if content is None:
        code = Refusal.NOT_A_REPOSITORY if role is Role.TIMESTAMP else Refusal.HALF_UPLOADED
        raise Refused(code, f"{path} is missing")
    if len(content) > LIMITS[role]:
        raise Refused(Refusal.TOO_BIG, path)
    return content


def _result(trusted: TrustedMetadataSet, files: Files, policy: bytes, paths: tuple[str, ...]) -> Verified:
    root = trusted.root
    role = root.get_delegated_role(Role.TARGETS)
    targets = Metadata.from_bytes(files[paths[-2]])
    signed = root.get_verification_result(Role.TARGETS, targets.signed_bytes, targets.signatures).signed
    return Verified(
        policy=policy,
        versions=Versions(*(trusted[role.value].version for role in Role)),
        highest={},
        paths=paths,
        signers=tuple(sorted(owner(key) for key in signed.values())),
        threshold=role.threshold,
        solo=one_signer(root),
        signed_at=max(signed_at(trusted.timestamp), signed_at(trusted.targets)),
        expires=tuple((role, instant(trusted[role.value].expires)) for role in Role),
    )
