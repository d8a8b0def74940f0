"""Signs what holds now into the folder of the repository, as `interdict-policy exceptions` does it.

Loaded only where this console publishes: it brings TUF with it. Nothing is written that an agent would not accept: the
result is verified first, from the first root on. Files are written each after those that it refers to, the timestamp
last, so that a reader sees the old state or the new one.
"""

from __future__ import annotations

import contextlib
import os
import sys
import tempfile
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

from console.decisions import Publishing, read_passphrase
from console.errors import BadFile, ConsoleError
from console.policy.adopt import of_folder
from policy_schema.errors import PolicyError
from policy_schema.rules.granted import GivenAnswer, GrantedException, GrantedPause, documents, read_documents
from policy_schema.trust.collect import Have, collect
from policy_schema.trust.exceptions import NAMES, holder, published_exceptions, signed_by_holder
from policy_schema.trust.layout import LIMITS, POLICY, Role, write_order
from policy_schema.trust.library import Key, Signer
from policy_schema.trust.metadata import Lifetimes, root_of
from policy_schema.trust.repository import grant
from policy_schema.trust.state import published_snapshot, published_targets
from policy_schema.trust.tokens import IN_TOKEN, open_content
from policy_schema.trust.verify import verify

KEY_LIMIT = 16_384
LOCK = ".interdict-publishing"


class CannotPublish(ConsoleError):
    """What was decided cannot be published now; it is tried again."""

    default_advice = "It is tried again by itself."


class Wanted(NamedTuple):
    """What holds now, as this console decided it, and which ids it knows at all."""

    exceptions: tuple[GrantedException, ...]
    pauses: tuple[GrantedPause, ...]
    answers: tuple[GivenAnswer, ...]
    known: frozenset[str]
    known_pauses: frozenset[tuple[str, int]]


def publish(publishing: Publishing, wanted: Wanted, now: int) -> int:
    """Publishes if anything is different. Answers with the version of the role's file that says so.

    Raises:
        CannotPublish: a key, the folder, or what lies there does not allow it; nothing is changed then.
    """
    try:
        with locked(publishing.folder):
            return _publish(publishing, wanted, now)
    except PolicyError as error:
        raise CannotPublish(str(error), error.advice()) from error
    except OSError as error:
        raise CannotPublish(
            f"{publishing.folder}: {error.strerror or error}", "Check the folder and its disk."
        ) from error


def _publish(publishing: Publishing, wanted: Wanted, now: int) -> int:
    have = Have(wanted=(POLICY, *sorted(NAMES)))
    published = collect(of_folder(publishing.folder), have)
    trust = _bounded(publishing.trust_root, LIMITS[Role.ROOT])
    targets, snapshot = published_targets(published), published_snapshot(published)
    key = holder(targets) if targets else None
    if key is None or targets is None:
        advice = "Run `interdict-policy keys delegate console`, then sign and publish the policy."
        raise CannotPublish("The policy in force lets nobody sign exceptions", advice)
    version, role_file = published_exceptions(published, snapshot)
    mine = version > 0 and signed_by_holder(targets, role_file)
    before = verify(published, trust, now=None).granted.documents if mine else {}
    made = documents(*_with_others(before, wanted, now), wanted.answers)
    if dict(before) == made:
        return version
    signer = _open(publishing.key, key, publishing.key_passphrase)
    root = root_of(published)
    online_key = root.get_key(root.get_delegated_role(Role.TIMESTAMP).keyids[0])
    online = _open(publishing.online_key, online_key, publishing.online_passphrase)
    lifetimes = Lifetimes(online=publishing.online_valid)
    files = grant(published, made, signer, online, root=root, now=now, lifetimes=lifetimes)
    found = verify({**published, **files}, trust, now=now)
    if found.granted.trouble or dict(found.granted.documents) != made:
        raise CannotPublish(f"What would be published does not verify: {found.granted.trouble}")
    for path in sorted(files, key=write_order):
        _write(publishing.folder / path, files[path])
    return found.granted.version


def _with_others(
    before: Mapping[str, bytes], wanted: Wanted, now: int
) -> tuple[list[GrantedException], list[GrantedPause]]:
    """Ours, and what others have granted with the same key and still holds: it is never dropped in silence."""
    exceptions, pauses = read_documents(before)
    theirs = [one for one in exceptions if one.id not in wanted.known and one.until > now]
    rest = [one for one in pauses if (one.ban, one.start) not in wanted.known_pauses and one.until > now]
    return [*wanted.exceptions, *theirs], [*wanted.pauses, *rest]


def _open(path: Path, key: Key, passphrase: Path) -> Signer:
    return open_content(_bounded(path, KEY_LIMIT), path.suffix == f".{IN_TOKEN}", key, read_passphrase(passphrase))


def _bounded(path: Path, limit: int) -> bytes:
    try:
        with path.open("rb") as file:
            return file.read(limit)
    except OSError as error:
        raise BadFile(f"{path} cannot be read: {error.strerror}") from error


def _write(path: Path, content: bytes) -> None:
    """Beside, synced, renamed over, and readable for the web server."""
    path.parent.mkdir(parents=True, exist_ok=True)
    descriptor, beside = tempfile.mkstemp(dir=path.parent, prefix=f".{path.name}.")
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(content)
            file.flush()
            os.fsync(file.fileno())
        os.chmod(beside, 0o644)
        os.replace(beside, path)
    except BaseException:
        with contextlib.suppress(OSError):
            os.unlink(beside)
        raise


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """One at a time on this machine: `interdict-policy renew` and `publish` write into the same folder.

    Raises:
        CannotPublish: one of them writes now. Nobody waits here: reports would wait with us.
    """
    if sys.platform == "win32":
        yield
    else:
        from fcntl import LOCK_EX, LOCK_NB, flock

        descriptor = os.open(folder.absolute().parent / LOCK, os.O_CREAT | os.O_RDWR, 0o660)
        try:
            try:
                flock(descriptor, LOCK_EX | LOCK_NB)
            except BlockingIOError:
                raise CannotPublish("Somebody else writes into the repository just now") from None
            yield
        finally:
            os.close(descriptor)
