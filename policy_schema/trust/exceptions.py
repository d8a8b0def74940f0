"""The role that can only weaken: named by the policy's signers, held by the console or by one signer.

The targets file delegates to it (exactly one parent), for the names in `layout.EXCEPTIONS_TARGETS` and no other. Its
signature has no end of its own: every exception and pause has one, and the snapshot says which file is the newest.
What is wrong with this role never keeps a policy from being adopted: the thief of its key could else stop a ban.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple

from policy_schema.rules.relief import BINS, PAUSES, bin_name
from policy_schema.trust.highest import Highest
from policy_schema.trust.layout import (
    EXCEPTIONS,
    EXCEPTIONS_TARGETS,
    RELIEF_LIMIT,
    Files,
    Role,
    chosen_hash,
    digest,
    exceptions_path,
    target_path,
)
from policy_schema.trust.library import (
    DelegatedRole,
    Delegations,
    Key,
    Metadata,
    MetaFile,
    RepositoryError,
    Signer,
    Snapshot,
    TargetFile,
    Targets,
    TrustedMetadataSet,
)
from policy_schema.trust.metadata import dated, moment, sign
from policy_schema.trust.refusal import Refusal, Refused
from policy_schema.trust.search import verified_role, verified_target

META = f"{EXCEPTIONS}.json"
FOREVER = 10 * 365 * 86_400
"""Seconds. TUF wants an end for every file; nobody looks at this one."""
NAMES = frozenset({PAUSES, *(bin_name(f"{number:02x}") for number in range(BINS))})


class Granted(NamedTuple):
    """What the role has published, verified. `documents` holds those of its targets whose files are at hand."""

    version: int = 0
    paths: tuple[str, ...] = ()
    documents: Mapping[str, bytes] = {}
    highest: Mapping[str, int] = {}
    trouble: str = ""
    absent: frozenset[str] = frozenset()
    """Documents that it names and that are not at hand: those of other devices, or one that is lost or too large."""


def delegate(targets: Targets, key: Key | None) -> None:
    """Lets this key sign exceptions; None takes the role away."""
    if key is None:
        targets.delegations = None
        return
    role = DelegatedRole(EXCEPTIONS, [key.keyid], 1, terminating=True, paths=list(EXCEPTIONS_TARGETS))
    targets.delegations = Delegations({key.keyid: key}, {EXCEPTIONS: role})


def holder(targets: Targets) -> Key | None:
    """Whose key may sign exceptions; None when nobody's may.

    Raises:
        Refused: what the targets file delegates is not this role alone.
    """
    delegations = targets.delegations
    if delegations is None:
        return None
    role = (delegations.roles or {}).get(EXCEPTIONS)
    usual = role is not None and tuple(role.paths or ()) == EXCEPTIONS_TARGETS and len(role.keyids) == 1
    if not usual or role is None or len(delegations.roles or {}) != 1 or role.keyids[0] not in delegations.keys:
        raise Refused(Refusal.BAD_DOCUMENT, "it delegates something else than exceptions")
    return delegations.keys[role.keyids[0]]


def sign_relief(current: int, documents: Mapping[str, bytes], signer: Signer, *, now: int) -> dict[str, bytes]:
    """The next version of the role's file with these documents, and the documents. `current` is the version before."""
    made = Targets(current + 1, expires=moment(now + FOREVER), targets={})
    files: dict[str, bytes] = {}
    for name, content in sorted(documents.items()):
        made.targets[name] = TargetFile(len(content), {"sha256": digest(content)}, name)
        files[target_path(digest(content), name)] = content
    return {**files, exceptions_path(made.version): sign(dated(made, now), [signer])}


def published_exceptions(files: Files, snapshot: Snapshot | None) -> tuple[int, bytes]:
    """The version and the bytes of the role's file that a snapshot names; 0 and nothing where there is none.

    Its bytes are not looked at: whatever they are, a policy and the next exceptions can be published.
    """
    named = snapshot.meta.get(META) if snapshot else None
    if named is None:
        return 0, b""
    return named.version, files.get(exceptions_path(named.version), b"")


def described(version: int, content: bytes) -> MetaFile:
    """What a snapshot says of a file."""
    return MetaFile(version, len(content), {"sha256": digest(content)})


def signed_by_holder(targets: Targets, content: bytes) -> bool:
    """Whether the role's file is signed as this targets file wants it."""
    try:
        loaded = _loaded(content, META)
        targets.verify_delegate(EXCEPTIONS, loaded.signed_bytes, loaded.signatures)
    except (Refused, RepositoryError, ValueError):
        return False
    return True


def verify_relief(trusted: TrustedMetadataSet, files: Files, seen: Highest) -> Granted:
    """What the role has published. Never raises: what is wrong is `trouble`, and then nothing of it counts."""
    try:
        key = holder(trusted.targets)
        if key is None or META not in trusted.snapshot.meta:
            return Granted()
        return _verified(trusted, files, key, seen)
    except Refused as error:
        return Granted(trouble=str(error))


def _verified(trusted: TrustedMetadataSet, files: Files, key: Key, seen: Highest) -> Granted:
    name, path = _mark(key), exceptions_path(trusted.snapshot.meta[META].version)
    if name not in seen and not _claims(files.get(path, b""), key):
        # The role was given to this key, which has published nothing yet: what lies there is the last holder's.
        return Granted()
    signed = verified_role(trusted, EXCEPTIONS, Role.TARGETS, files)
    if signed.version < seen.get(name, 0):
        raise Refused(Refusal.OLDER, f"{path}, seen before: {seen.get(name, 0)}")
    documents = _documents(signed, files)
    paths = (path, *(target_path(digest(data), what) for what, data in sorted(documents.items())))
    absent = NAMES & signed.targets.keys() - documents.keys()
    return Granted(signed.version, paths, documents, {name: signed.version}, absent=absent)


def _claims(content: bytes, key: Key) -> bool:
    """Whether a file is said to be signed by this key, or cannot be read at all."""
    try:
        signatures = _loaded(content, META).signatures
    except Refused:
        return True
    return not signatures or key.keyid in signatures


def _documents(signed: Targets, files: Files) -> dict[str, bytes]:
    found: dict[str, bytes] = {}
    for name, promised in signed.targets.items():
        if name in NAMES and target_path(chosen_hash(promised.hashes), name) in files:
            _, found[name] = verified_target(promised, name, files, RELIEF_LIMIT)
    return found


def _mark(key: Key) -> str:
    return f"{EXCEPTIONS}:{digest(key.keyid.encode())[:16]}"


def _loaded(content: bytes, path: str) -> Metadata[Targets]:
    try:
        loaded: Metadata[Targets] = Metadata.from_bytes(content)
    except RepositoryError as error:
        raise Refused(Refusal.TAMPERED, f"{path} is not TUF metadata") from error
    if not isinstance(loaded.signed, Targets):
        raise Refused(Refusal.TAMPERED, f"{path} is not targets metadata")
    return loaded
