"""Publishes what is granted: the role's key and the on-line key sign, and every device must accept what comes out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from policy_schema.authoring.grants import Ledger, Rules, documents, write_ledger
from policy_schema.authoring.keys import found_file, open_file
from policy_schema.authoring.passphrases import ask_old
from policy_schema.authoring.publishing import online_key
from policy_schema.authoring.workspace import Workspace
from policy_schema.document.closed import parse_closed
from policy_schema.errors import BadCommand
from policy_schema.rules.instant import Instant
from policy_schema.trust.exceptions import holder
from policy_schema.trust.keys import Use, owner
from policy_schema.trust.library import Key, Signer
from policy_schema.trust.metadata import Lifetimes, root_of
from policy_schema.trust.repository import grant as grant_files
from policy_schema.trust.state import published_policy, published_targets
from policy_schema.trust.verify import Verified, verify


def allowed(space: Workspace) -> Rules:
    """What the policy in force allows.

    Raises:
        BadCommand: nothing is published.
    """
    in_force = published_policy(space.published())
    if in_force is None:
        raise BadCommand("no policy is in force", "sign and publish one first")
    document = parse_closed(in_force).document
    bans = [row for key in ("bans", "model_bans") for row in _list(document.get(key)) if isinstance(row, dict)]
    return Rules(
        frozenset(str(ban["id"]) for ban in bans),
        _number(document.get("exceptions"), "max_days"),
        _number(document.get("pause"), "max"),
    )


def publish_grants(
    space: Workspace, ledger: Ledger, *, now: Instant, lifetimes: Lifetimes, passphrase_file: Path | None
) -> Verified:
    """Signs and publishes everything that holds now, then keeps the record.

    Raises:
        BadCommand, BadKey: a key is not here or does not open.
        Refused: the policy in force names no such role, or another key.
    """
    published = space.published()
    targets = published_targets(published)
    key = holder(targets) if targets else None
    if key is None:
        raise BadCommand(
            "the policy in force lets nobody sign exceptions",
            "run `interdict-policy keys delegate NAME`, then sign and publish the policy",
        )
    signer = _open(space, key, passphrase_file)
    online = online_key(space, root_of(published), passphrase_file)
    made = documents(ledger, now)
    with space.alone():
        published = space.published()
        root = root_of(published)
        files = grant_files(published, made, signer, online, root=root, now=now, lifetimes=lifetimes)
        found = verify({**published, **files}, space.trust(), now=now)
        if found.granted.trouble or dict(found.granted.documents) != made:
            trouble = found.granted.trouble
            raise BadCommand(f"what would be published does not verify: {trouble}", "nothing was published")
        space.write_published(files)
        write_ledger(space.folder, ledger)
    return found


def _open(space: Workspace, key: Key, passphrase_file: Path | None) -> Signer:
    path = found_file(space.keys, key, Use.EXCEPTIONS)
    if not path.is_file():
        raise BadCommand(
            f"the key of {owner(key)} for exceptions is not here", f"it should be {path}; --keys names another folder"
        )
    return open_file(path, key, ask_old(owner(key), passphrase_file))


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _number(value: object, key: str) -> int:
    number = value.get(key) if isinstance(value, Mapping) else None
    return number if isinstance(number, int) else 0
