"""Which files make up the newest state of a repository: walks from file to file, trusts nothing, verifies nothing.

The courier runs this with HTTP below it, the author's `verify` with HTTP or a folder. What is read here only decides
what is asked for next; `policy_schema.trust.verify` decides what is believed. Standard library only, so that an
unchanged poll costs two requests and no TUF.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from policy_schema.trust.layout import (
    LIMITS,
    POLICY,
    POLICY_LIMIT,
    ROTATIONS,
    TIMESTAMP_PATH,
    Role,
    metadata_path,
    policy_path,
)
from policy_schema.trust.refusal import Refusal, Refused

Get = Callable[[str, int], bytes | None]
"""Relative path and most bytes to the content; None when there is no such file. May raise Refused."""


class Have(NamedTuple):
    """What is already there and was verified."""

    root: int = 0
    timestamp: bytes | None = None
    policies: frozenset[str] = frozenset()


def collect(get: Get, have: Have) -> dict[str, bytes]:
    """The files that are new since `have`; empty when nothing changed.

    A file that another one promises and that is missing is left out: the verifier says what that means.

    Raises:
        Refused: no repository there, or what `get` raises.
    """
    files = _new_roots(get, have.root)
    timestamp = get(TIMESTAMP_PATH, LIMITS[Role.TIMESTAMP])
    if timestamp is None:
        raise Refused(Refusal.NOT_A_REPOSITORY, f"there is no {TIMESTAMP_PATH}")
    if timestamp == have.timestamp and not files:
        return {}
    files[TIMESTAMP_PATH] = timestamp
    _follow(get, have, files, timestamp)
    return files


def _new_roots(get: Get, newest: int) -> dict[str, bytes]:
    roots: dict[str, bytes] = {}
    for version in range(newest + 1, newest + 1 + ROTATIONS):
        path = metadata_path(Role.ROOT, version)
        content = get(path, LIMITS[Role.ROOT])
        if content is None:
            break
        named = _step(_signed(content), "version")
        if named is None:
            # Mostly a sign-in page, which answers everything.
            raise Refused(Refusal.NOT_A_REPOSITORY, f"{path} is not TUF metadata")
        roots[path] = content
        if named != version:
            break
    return roots


def _follow(get: Get, have: Have, files: dict[str, bytes], timestamp: bytes) -> None:
    snapshot = _version(timestamp, "snapshot.json")
    if snapshot is None:
        raise Refused(Refusal.NOT_A_REPOSITORY, f"{TIMESTAMP_PATH} is not TUF metadata")
    targets = _version(_fetch(get, files, Role.SNAPSHOT, snapshot), "targets.json")
    if targets is None:
        return
    sha256 = _policy_hash(_fetch(get, files, Role.TARGETS, targets))
    path = policy_path(sha256) if sha256 else None
    if path and path not in have.policies and (content := get(path, POLICY_LIMIT)) is not None:
        files[path] = content


def _fetch(get: Get, files: dict[str, bytes], role: Role, version: int) -> bytes | None:
    path = metadata_path(role, version)
    content = get(path, LIMITS[role])
    if content is not None:
        files[path] = content
    return content


def _version(content: bytes | None, name: str) -> int | None:
    version = _step(_step(_step(_signed(content), "meta"), name), "version")
    return version if type(version) is int and 0 < version < 1 << 31 else None


def _policy_hash(content: bytes | None) -> str | None:
    sha256 = _step(_step(_step(_step(_signed(content), "targets"), POLICY), "hashes"), "sha256")
    plain = isinstance(sha256, str) and len(sha256) == 64 and not set(sha256) - set("0123456789abcdef")
    return sha256 if isinstance(sha256, str) and plain else None


def _signed(content: bytes | None) -> object:
    try:
        return _step(json.loads(content or b"null"), "signed")
    except (ValueError, RecursionError):
        return None


def _step(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, Mapping) else None
