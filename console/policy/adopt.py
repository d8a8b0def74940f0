"""One look at the repository: what is new is fetched, verified as an agent verifies it, and checked as a policy.

Loaded only where a policy is followed: it brings TUF and the models of documents with it.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import NamedTuple

from console.policy.follow import Source
from policy_schema.document.canonical import policy_id
from policy_schema.document.pieces import compile_bytes
from policy_schema.errors import BadDocument
from policy_schema.network.fetcher import Access, Fetcher
from policy_schema.rules.relief import PAUSES
from policy_schema.trust.collect import Get, Have, collect
from policy_schema.trust.exceptions import NAMES
from policy_schema.trust.highest import Highest
from policy_schema.trust.layout import POLICY, Files, newest_root, root_number
from policy_schema.trust.refusal import Refusal, Refused
from policy_schema.trust.verify import NothingNew, Verified, verify


class Known(NamedTuple):
    """What was verified before: the files, the highest versions, when the policy in force expires (0: none is)."""

    files: Files
    seen: Highest
    expires: int


class Looked(NamedTuple):
    """A repository that was verified, with the files to keep. `policy_id` names the content."""

    found: Verified
    files: dict[str, bytes]
    policy_id: str


def look(source: Source, trust: bytes, known: Known, now: int) -> Looked | None:
    """The newest state of the repository; None when it is what is known already.

    Raises:
        Refused: it cannot be reached, or holds what no agent would take.
    """
    fetched = _fetched(source, trust, known)
    if not fetched and known.expires:
        if now >= known.expires:
            raise Refused(Refusal.EXPIRED, "nothing new was published in time")
        return None
    files = {**known.files, **fetched}
    try:
        found = verify(files, trust, now=now, seen=known.seen, before=known.files)
    except NothingNew:
        return None
    try:
        compile_bytes(found.policy, found.version)
    except (BadDocument, ValueError, TypeError, KeyError, AttributeError) as error:
        raise Refused(Refusal.BAD_DOCUMENT, str(error)[:300]) from error
    return Looked(found, {path: files[path] for path in found.paths}, policy_id(found.policy))


def _fetched(source: Source, trust: bytes, known: Known) -> Mapping[str, bytes]:
    metadata = {p: c for p, c in known.files.items() if p.startswith("metadata/") and not root_number(p)}
    have = Have(
        root=max(newest_root(known.files), _first(trust)),
        files=metadata,
        held=frozenset(path for path in known.files if path.startswith("targets/")),
        wanted=(POLICY, *sorted(NAMES)) if source.bins else (POLICY, PAUSES),
    )
    if not source.where.startswith(("http://", "https://")):
        return collect(of_folder(Path(source.where)), have)
    with Fetcher(Access(), source.where) as fetcher:
        return collect(fetcher.get, have)


def of_folder(folder: Path) -> Get:
    """Reads the files of a repository in a folder.

    Raises:
        Refused: there is none.
    """
    if not (folder / "metadata").is_dir():
        raise Refused(Refusal.UNREACHABLE, f"{folder} has no folder metadata")

    def get(path: str, limit: int) -> bytes | None:
        try:
            with (folder / path).open("rb") as file:
                content = file.read(limit + 1)
        except FileNotFoundError:
            return None
        except OSError as error:
            raise Refused(Refusal.UNREACHABLE, f"{folder / path}: {error.strerror}") from error
        if len(content) > limit:
            raise Refused(Refusal.TOO_BIG, f"{path}: more than {limit} bytes")
        return content

    return get


def _first(trust: bytes) -> int:
    """The number of the first root, as it says itself; verifying it is `verify`'s."""
    try:
        version = json.loads(trust)["signed"]["version"]
    except (ValueError, KeyError, TypeError, RecursionError):
        return 0
    return version if type(version) is int and version > 0 else 0
