"""Which files make up the newest state of a repository: walks from file to file, trusts nothing, verifies nothing.

The courier runs this with HTTP below it, the author's `verify` with HTTP or a folder. What is read here only decides
what is asked for next; `policy_schema.trust.verify` decides what is believed. Standard library only, so that an
unchanged poll costs two requests and no TUF.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from typing import NamedTuple

from policy_schema.rules.relief import PAUSES, bin_name
from policy_schema.trust.layout import (
    EXCEPTIONS,
    EXCEPTIONS_LIMIT,
    LIMITS,
    POLICY,
    POLICY_LIMIT,
    RELIEF_LIMIT,
    ROTATIONS,
    TIMESTAMP_PATH,
    Role,
    exceptions_path,
    metadata_path,
    target_path,
)
from policy_schema.trust.refusal import Refusal, Refused

Get = Callable[[str, int], bytes | None]
"""Relative path and most bytes to the content; None when there is no such file. May raise Refused."""


class Have(NamedTuple):
    """What is already there and was verified."""

    root: int = 0
    timestamp: bytes | None = None
    policies: frozenset[str] = frozenset()
    """The targets that are there, by path."""
    target: str = POLICY
    """The one target that is wanted; empty for none."""
    bin: str = ""
    """Which exceptions are wanted: the bin of this device (`policy_schema.rules.relief`); empty for none."""


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
    content = _fetch(get, files, Role.SNAPSHOT, snapshot)
    _exceptions(get, have, files, _version(content, f"{EXCEPTIONS}.json"))
    targets = _version(content, "targets.json")
    if targets is None:
        return
    sha256 = _hash(_fetch(get, files, Role.TARGETS, targets), have.target)
    path = target_path(sha256, have.target) if sha256 else None
    if path and path not in have.policies and (content := get(path, POLICY_LIMIT)) is not None:
        files[path] = content


def _exceptions(get: Get, have: Have, files: dict[str, bytes], version: int | None) -> None:
    """The role that can only weaken: its file, the pauses, and the one bin that this device is in."""
    if version is None or not have.bin:
        return
    path = exceptions_path(version)
    try:
        content = get(path, EXCEPTIONS_LIMIT)
        if content is None:
            return
        files[path] = content
        for name in (PAUSES, bin_name(have.bin)):
            sha256 = _hash(content, name)
            where = target_path(sha256, name) if sha256 else None
            if where and where not in have.policies and (document := get(where, RELIEF_LIMIT)) is not None:
                files[where] = document
    except Refused:
        # Whoever holds this role must not keep a policy away by what it serves: the verifier says what is missing.
        return


def _fetch(get: Get, files: dict[str, bytes], role: Role, version: int) -> bytes | None:
    path = metadata_path(role, version)
    content = get(path, LIMITS[role])
    if content is not None:
        files[path] = content
    return content


def _version(content: bytes | None, name: str) -> int | None:
    version = _step(_step(_step(_signed(content), "meta"), name), "version")
    return version if type(version) is int and 0 < version < 1 << 31 else None


def _hash(content: bytes | None, name: str) -> str | None:
    sha256 = _step(_step(_step(_step(_signed(content), "targets"), name), "hashes"), "sha256")
    plain = isinstance(sha256, str) and len(sha256) == 64 and not set(sha256) - set("0123456789abcdef")
    return sha256 if isinstance(sha256, str) and plain else None


def _signed(content: bytes | None) -> object:
    try:
        return _step(json.loads(content or b"null"), "signed")
    except (ValueError, RecursionError):
        return None


def _step(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, Mapping) else None
