"""What a repository of our own holds now: its newest files, read without asking who signed them."""

from __future__ import annotations

from policy_schema.trust.layout import POLICY, TIMESTAMP_PATH, Files, Role, metadata_path, policy_path
from policy_schema.trust.library import Snapshot, Targets, Timestamp
from policy_schema.trust.metadata import read
from policy_schema.trust.refusal import Refusal, Refused


def published_timestamp(files: Files) -> Timestamp | None:
    """The timestamp; None before the first publication."""
    content = files.get(TIMESTAMP_PATH)
    return read(Timestamp, content, TIMESTAMP_PATH).signed if content is not None else None


def published_snapshot(files: Files) -> Snapshot | None:
    """The snapshot that the timestamp names; None before the first publication.

    Raises:
        Refused: the file is missing.
    """
    timestamp = published_timestamp(files)
    if timestamp is None:
        return None
    path = metadata_path(Role.SNAPSHOT, timestamp.snapshot_meta.version)
    return read(Snapshot, _present(files, path), path).signed


def published_targets(files: Files) -> Targets | None:
    """The targets file that the snapshot names; None before the first publication.

    Raises:
        Refused: the file is missing.
    """
    snapshot = published_snapshot(files)
    if snapshot is None:
        return None
    path = metadata_path(Role.TARGETS, snapshot.meta["targets.json"].version)
    return read(Targets, _present(files, path), path).signed


def published_policy(files: Files) -> bytes | None:
    """The closed policy in force; None before the first publication.

    Raises:
        Refused: a file is missing.
    """
    targets = published_targets(files)
    if targets is None:
        return None
    return _present(files, policy_path(targets.targets[POLICY].hashes["sha256"]))


def _present(files: Files, path: str) -> bytes:
    if path not in files:
        raise Refused(Refusal.HALF_UPLOADED, f"{path} is missing")
    return files[path]
