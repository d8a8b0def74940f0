"""What `sign`, `publish`, `renew` and `verify` do with the author's folder. The commands only ask and print."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from policy_schema.authoring.keys import KeyRow, key_rows, open_key
from policy_schema.authoring.passphrases import ask_old
from policy_schema.authoring.workspace import Workspace
from policy_schema.document.canonical import canonical_bytes
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.closed import ClosedPolicy, parse_closed
from policy_schema.document.lint import checked_policy
from policy_schema.errors import BadCommand, PolicyError
from policy_schema.trust.keys import Use
from policy_schema.trust.layout import TIMESTAMP_PATH, Role, metadata_path
from policy_schema.trust.library import Root, Signer
from policy_schema.trust.metadata import Lifetimes, root_of
from policy_schema.trust.repository import publish, renew
from policy_schema.trust.staging import (
    STAGED_POLICY,
    STAGED_TARGETS,
    Progress,
    add_signature,
    progress,
    roots_of_change,
    stage_policy,
    staged_holder,
)
from policy_schema.trust.state import published_policy
from policy_schema.trust.verify import Verified, verify, verify_roots

USES = {Role.ROOT: Use.ROOT, Role.TARGETS: Use.POLICY}


class AnotherChange(PolicyError):
    """A different change is on its way already."""

    default_advice = "publish that one first, or drop it with --restart"


class Change(NamedTuple):
    """A staged change with what it is about."""

    published: dict[str, bytes]
    staged: dict[str, bytes]
    closed: ClosedPolicy | None
    before: ClosedPolicy | None

    @property
    def parts(self) -> tuple[Progress, ...]:
        """How far it is."""
        return progress(self.published, self.staged)


def closed_bytes(path: Path) -> bytes:
    """A policy file, linted and closed: what is signed.

    Raises:
        BadDocument: it has problems, one line each.
        BadFile: it cannot be read.
    """
    catalogue = load_catalogue()
    return canonical_bytes(close_policy(checked_policy(path, catalogue), catalogue))


def load_change(space: Workspace) -> Change:
    """The staged change as it lies in the folder.

    Raises:
        BadFile, BadDocument, Refused: a file is damaged, or they do not belong together.
    """
    published, staged = space.published(), space.staged()
    progress(published, staged)
    in_force, wanted = published_policy(published), staged.get(STAGED_POLICY)
    return Change(
        published,
        staged,
        parse_closed(wanted) if wanted is not None else None,
        parse_closed(in_force) if in_force is not None else None,
    )


def stage(space: Workspace, policy: bytes, *, now: int, lifetimes: Lifetimes, restart: bool) -> Change:
    """The change that this policy is: the staged one if it is the same, else a new one.

    Raises:
        AnotherChange: a different policy is staged.
        Refused: a ban vanished, or the policy is too big.
    """
    published, staged = space.published(), space.staged()
    waiting = staged.get(STAGED_POLICY)
    if restart or waiting is None or STAGED_TARGETS not in staged:
        key = space.exceptions_key()
        staged = stage_policy(published, staged, policy, now=now, lifetimes=lifetimes, exceptions=key)
    elif waiting != policy or staged_holder(staged) != space.exceptions_key():
        raise AnotherChange("another policy is staged than this file gives (or another catalogue closed it)")
    progress(published, staged)
    before = published_policy(published)
    return Change(published, staged, parse_closed(policy), parse_closed(before) if before is not None else None)


def usable_keys(space: Workspace, change: Change) -> dict[str, tuple[KeyRow, ...]]:
    """By owner, the keys that are here and have something to sign in this change."""
    roots = roots_of_change(change.published, change.staged)
    # People of the root in force agree to the next one; a policy is signed by those of the next alone.
    found = ((row, root) for root in roots for row in key_rows(root, space.keys))
    rows = dict.fromkeys(row for row, root in found if row.use is Use.ROOT or root is roots[-1])
    wanted: dict[str, tuple[KeyRow, ...]] = {}
    for row in rows:
        open_parts = [part for part in change.parts if USES[part.role] is row.use and row.owner in part.missing]
        if row.here and open_parts:
            wanted[row.owner] = (*wanted.get(row.owner, ()), row)
    return wanted


def choose_owner(keys: Mapping[str, tuple[KeyRow, ...]], name: str | None, change: Change) -> str:
    """Whose keys sign.

    Raises:
        BadCommand: nobody's keys are here, or several people's.
    """
    missing = sorted({who for part in change.parts for who in part.missing})
    if name is not None and name not in keys:
        raise BadCommand(
            f"there is no key of {name} here that could sign this", f"could sign: {', '.join(keys) or '-'}"
        )
    if name is None and not keys:
        what = (
            f"one of {', '.join(missing)} signs with their own key files; --keys FOLDER says where yours are"
            if missing
            else "nobody needs to sign any more"
        )
        raise BadCommand("no key here has anything left to sign", what)
    if name is None and len(keys) > 1:
        raise BadCommand(
            "the keys of several people are here", f"say who signs: --as, one of {', '.join(sorted(keys))}"
        )
    return name or next(iter(keys))


def sign_change(change: Change, rows: tuple[KeyRow, ...], passphrase: str) -> dict[str, bytes]:
    """The staged files with the signatures of one person.

    Raises:
        BadKey: a key does not open.
    """
    roots = roots_of_change(change.published, change.staged)
    staged = dict(change.staged)
    for row in rows:
        root = next(root for root in roots if row.keyid in root.keys)
        staged = add_signature(change.published, staged, open_key(row, root, passphrase))
    return staged


def publish_change(
    space: Workspace, change: Change, online: Signer, *, now: int, lifetimes: Lifetimes
) -> Verified | None:
    """Publishes a complete change, but only if every device will accept what comes out. None: signers, no policy yet.

    Raises:
        NothingStaged, NotEnough: it is not complete.
        Refused: what would be published does not verify.
    """
    with space.alone():
        return _publish_alone(space, change._replace(published=space.published()), online, now, lifetimes)


def _publish_alone(space: Workspace, change: Change, online: Signer, now: int, lifetimes: Lifetimes) -> Verified | None:
    files = publish(change.published, change.staged, online, now=now, lifetimes=lifetimes)
    whole = {**change.published, **files}
    trust = whole[metadata_path(Role.ROOT, 1)]
    found = None
    if TIMESTAMP_PATH in whole:
        found = verify(whole, trust, now=now)
        parse_closed(found.policy)
    else:
        verify_roots(whole, trust)
    if metadata_path(Role.ROOT, 1) not in change.published:
        space.write_first_root(trust)
    space.write_published(files)
    space.write_staged({})
    return found


def renew_repository(space: Workspace, online: Signer, *, now: int, lifetimes: Lifetimes) -> Verified:
    """Renews the on-line signatures.

    Raises:
        Refused: nothing is published, or what is published does not verify.
    """
    with space.alone():
        published = space.published()
        files = renew(published, root_of(published), online, now=now, lifetimes=lifetimes)
        found = verify({**published, **files}, space.trust(), now=now)
        space.write_published(files)
    return found


def online_key(space: Workspace, root: Root, passphrase_file: Path | None) -> Signer:
    """Opens the on-line key.

    Raises:
        BadCommand: it is not here.
        BadKey: it does not open.
    """
    rows = [row for row in key_rows(root, space.keys) if row.use is Use.ONLINE]
    here = [row for row in rows if row.here]
    if not here:
        raise BadCommand("the on-line key is not here", f"it should be {rows[0].file}; --keys names another folder")
    return open_key(here[0], root, ask_old("the on-line key", passphrase_file))
