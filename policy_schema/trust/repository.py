"""A policy repository, in memory: what `init`, `publish` and `renew` write. No clock, no file, no network.

Each function takes files and answers with the new files only; `layout.write_order` tells in which order to write them.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from policy_schema.errors import PolicyError
from policy_schema.trust.exceptions import META, described, published_exceptions, sign_relief, signed_by_holder
from policy_schema.trust.keys import PublicKeys
from policy_schema.trust.layout import TIMESTAMP_PATH, Files, Role, digest, metadata_path, policy_path
from policy_schema.trust.library import Key, MetaFile, Root, Signer, Snapshot, Timestamp
from policy_schema.trust.metadata import Lifetimes, dated, moment, sign
from policy_schema.trust.refusal import Refusal, Refused
from policy_schema.trust.roots import first_root
from policy_schema.trust.staging import STAGED_POLICY, STAGED_ROOT, STAGED_TARGETS, Progress, effective_root, progress
from policy_schema.trust.state import published_snapshot, published_targets, published_timestamp


class NothingStaged(PolicyError):
    """There is no change to publish."""

    default_advice = "run `interdict-policy sign POLICY` first"


class NotEnough(PolicyError):
    """A staged change lacks signatures."""

    def __init__(self, part: Progress) -> None:
        what = "policy" if part.role is Role.TARGETS else "change of signers"
        have = f"{len(part.signed)} of the {part.threshold} signatures"
        people = ", ".join(part.missing)
        super().__init__(f"the staged {what} has {have} it needs", f"one of these signs next: {people}")


def initialise(
    people: Sequence[PublicKeys],
    signers: Sequence[Signer],
    online: Key,
    *,
    threshold: int,
    now: int,
    lifetimes: Lifetimes,
) -> dict[str, bytes]:
    """A new repository: its first root, signed with the root keys of `signers`. A policy is published into it later.

    Raises:
        BadSigners: these people, or this threshold, make no sense.
    """
    root = first_root(people, online, threshold=threshold, now=now, lifetimes=lifetimes)
    # A first root that not enough people sign is staged instead (`staging.stage_root`), and published like any other.
    return {metadata_path(Role.ROOT, 1): sign(root, signers)}


def publish(published: Files, staged: Files, online: Signer, *, now: int, lifetimes: Lifetimes) -> dict[str, bytes]:
    """The new files of a complete staged change: the change itself, a new snapshot, a new timestamp.

    Raises:
        NothingStaged: there is no change.
        NotEnough: signatures are missing.
        Refused: the staged files do not belong together, or no longer follow what is published.
    """
    parts = progress(published, staged)
    if not parts:
        raise NothingStaged("nothing is staged")
    for part in parts:
        if not part.complete:
            raise NotEnough(part)
    files: dict[str, bytes] = {}
    for part in parts:
        files |= _change(published, staged, part)
    return files | _online_files(
        {**published, **files}, effective_root(published, staged), online, files, now, lifetimes
    )


def renew(published: Files, root: Root, online: Signer, *, now: int, lifetimes: Lifetimes) -> dict[str, bytes]:
    """A new snapshot and a new timestamp over the same policy: what a timer does every day.

    Raises:
        Refused: nothing is published yet, or a file is missing.
    """
    if published_timestamp(published) is None:
        raise Refused(Refusal.NOT_A_REPOSITORY, "nothing is published yet")
    return _online_files(published, root, online, {}, now, lifetimes)


def grant(
    published: Files,
    documents: Mapping[str, bytes],
    signer: Signer,
    online: Signer,
    *,
    root: Root,
    now: int,
    lifetimes: Lifetimes,
) -> dict[str, bytes]:
    """The new files of exceptions and pauses: their documents, the role's file, a new snapshot, a new timestamp.

    Raises:
        Refused: nothing is published yet, or the policy in force does not let this key sign exceptions.
    """
    targets, snapshot = published_targets(published), published_snapshot(published)
    if targets is None or snapshot is None:
        raise Refused(Refusal.NOT_A_REPOSITORY, "nothing is published yet")
    before, _ = published_exceptions(published, snapshot)
    files = sign_relief(before, documents, signer, now=now)
    signed = next(content for path, content in files.items() if path.startswith("metadata/"))
    if not signed_by_holder(targets, signed):
        raise Refused(Refusal.WRONGLY_SIGNED, "the policy in force does not let this key sign exceptions")
    return files | _online_files({**published, **files}, root, online, files, now, lifetimes)


def _change(published: Files, staged: Files, part: Progress) -> dict[str, bytes]:
    if part.role is Role.ROOT:
        path = metadata_path(Role.ROOT, part.version)
        if path in published:
            raise Refused(Refusal.OLDER, f"{path} is published already; stage the change again")
        return {path: staged[STAGED_ROOT]}
    current = published_targets(published)
    if part.version != (current.version + 1 if current else 1):
        raise Refused(Refusal.OLDER, "another policy was published since this one was staged; stage it again")
    policy = staged[STAGED_POLICY]
    return {policy_path(digest(policy)): policy, metadata_path(Role.TARGETS, part.version): staged[STAGED_TARGETS]}


def _online_files(
    published: Files, root: Root, online: Signer, change: Mapping[str, bytes], now: int, lifetimes: Lifetimes
) -> dict[str, bytes]:
    """A snapshot of the newest targets and exceptions and a timestamp of that snapshot, naming lengths and hashes."""
    if online.public_key.keyid not in root.roles[Role.TIMESTAMP].keyids:
        raise Refused(Refusal.WRONGLY_SIGNED, "this is not the on-line key that the root names")
    path, version = _targets_file(published, change)
    if path is None:
        return {}
    before = published_timestamp(published)
    number = before.version + 1 if before else 1
    expires = moment(now + lifetimes.online)
    old = published_snapshot(published)
    snapshot = Snapshot(old.version + 1 if old else 1, expires=expires)
    snapshot.meta["targets.json"] = described(version, published[path])
    snapshot.meta |= _exceptions(published, change, old)
    snapshot_bytes = sign(dated(snapshot, now), [online])
    timestamp = Timestamp(number, expires=expires, snapshot_meta=described(snapshot.version, snapshot_bytes))
    return {
        metadata_path(Role.SNAPSHOT, snapshot.version): snapshot_bytes,
        TIMESTAMP_PATH: sign(dated(timestamp, now), [online]),
    }


def _targets_file(published: Files, change: Mapping[str, bytes]) -> tuple[str | None, int]:
    """The targets file of this change, else the one in force, else nothing (only the root changed so far)."""
    for path in change:
        if path.endswith(".targets.json"):
            return path, int(path.removeprefix("metadata/").split(".")[0])
    current = published_targets(published)
    return (metadata_path(Role.TARGETS, current.version), current.version) if current else (None, 0)


def _exceptions(published: Files, change: Mapping[str, bytes], old: Snapshot | None) -> dict[str, MetaFile]:
    """The exceptions of this change, else those in force.

    They stay named when the role is taken away or given to another key: a snapshot never stops naming a file
    (TUF 5.5.5), and without the role nobody believes it.
    """
    path = next((path for path in change if path.endswith(f".{META}")), None)
    if path is not None:
        return {META: described(int(path.removeprefix("metadata/").split(".")[0]), published[path])}
    return {META: old.meta[META]} if old is not None and META in old.meta else {}
