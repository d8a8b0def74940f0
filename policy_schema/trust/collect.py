"""Which files make up the newest state of a repository: walks from file to file, trusts nothing, verifies nothing.

The courier runs this with HTTP below it, the author's `verify` with HTTP or a folder. What is read here only decides
what is asked for next; `policy_schema.trust.verify` decides what is believed. Standard library only, so that an
unchanged poll costs two requests and no TUF.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from fnmatch import fnmatchcase
from hashlib import sha256
from typing import NamedTuple

from policy_schema.trust.layout import (
    EXCEPTIONS_LIMIT,
    LIMITS,
    MOST_ROLES,
    POLICY,
    POLICY_LIMIT,
    RELIEF_LIMIT,
    ROTATIONS,
    TIMESTAMP_PATH,
    Role,
    chosen_hash,
    delegated_path,
    metadata_path,
    target_path,
)
from policy_schema.trust.refusal import Refusal, Refused

Get = Callable[[str, int], bytes | None]
"""Relative path and most bytes to the content; None when there is no such file. May raise Refused."""

DIGITS = {"sha256": 64, "sha512": 128}
"""The hashes that count, with their lengths."""


class Have(NamedTuple):
    """What is already there and was verified, and what is wanted."""

    root: int = 0
    files: Mapping[str, bytes] = {}
    """Timestamp, snapshot, targets and delegated roles, by path."""
    held: frozenset[str] = frozenset()
    """The targets that are there, by path."""
    wanted: tuple[str, ...] = (POLICY,)
    """The targets that are wanted, by name. What is wrong with any but the policy is left to the verifier."""


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
    known = have.files.get(TIMESTAMP_PATH)
    if known is not None and not files and _number(known) == _number(timestamp):
        # Another timestamp of the same version is never followed (TUF 5.4.3); the verifier says what it is.
        files |= {} if timestamp == known else {TIMESTAMP_PATH: timestamp}
        timestamp = known
    elif known is not None and not files and _snapshot(timestamp) < _snapshot(known):
        # Without a new root nothing goes back: no need to ask for what will be refused.
        return {TIMESTAMP_PATH: timestamp}
    else:
        files[TIMESTAMP_PATH] = timestamp
    _Walk(get, have, files).follow(timestamp)
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


class _Walk:
    """From a timestamp to the targets that are wanted."""

    def __init__(self, get: Get, have: Have, files: dict[str, bytes]) -> None:
        self._get = get
        self._have = have
        self._files = files
        self._meta: object = None

    def follow(self, timestamp: bytes) -> None:
        """Raises Refused where the timestamp is none, and where `get` refuses a file that the policy needs."""
        snapshot = _step(_step(_signed(timestamp), "meta"), "snapshot.json")
        version = _version(snapshot)
        if version is None:
            raise Refused(Refusal.NOT_A_REPOSITORY, f"{TIMESTAMP_PATH} is not TUF metadata")
        content = self._metadata(metadata_path(Role.SNAPSHOT, version), LIMITS[Role.SNAPSHOT], snapshot)
        self._meta = _step(_signed(content), "meta")
        top = self._role(Role.TARGETS)
        if top is None:
            return
        for name in self._have.wanted:
            try:
                self._find(name, top)
            except Refused:
                # Whoever holds a delegated role must not keep a policy away by what it serves.
                if name == POLICY:
                    raise

    def _find(self, name: str, top: bytes) -> None:
        """TUF's search, 5.6.7: depth first, in the order of the delegations, each role once."""
        pending: list[str] = [Role.TARGETS]
        visited: set[str] = set()
        while pending and len(visited) <= MOST_ROLES:
            role = pending.pop()
            if role in visited:
                continue
            visited.add(role)
            content = top if role == Role.TARGETS else self._role(role)
            if content is None:
                return
            signed = _signed(content)
            promised = _step(_step(signed, "targets"), name)
            if promised is not None:
                self._target(name, promised)
                return
            children, ends = _children(_step(signed, "delegations"), name)
            pending = [*([] if ends else pending), *reversed(children)]

    def _role(self, role: str) -> bytes | None:
        promised = _step(self._meta, f"{role}.json")
        version = _version(promised)
        if version is None:
            return None
        limit = LIMITS[Role.TARGETS] if role == Role.TARGETS else EXCEPTIONS_LIMIT
        return self._metadata(delegated_path(role, version), limit, promised)

    def _metadata(self, path: str, limit: int, promised: object) -> bytes | None:
        """What is there already, unless it is another file than the one that is promised now."""
        content = self._files.get(path, self._have.files.get(path))
        wanted = _step(_step(promised, "hashes"), "sha256")
        if content is not None and wanted in (None, sha256(content).hexdigest()):
            return content
        content = self._get(path, limit)
        if content is not None:
            self._files[path] = content
        return content

    def _target(self, name: str, promised: object) -> None:
        hashes = _step(promised, "hashes")
        plain = {kind: text for kind, digits in DIGITS.items() if (text := _hash(_step(hashes, kind), digits))}
        path = target_path(chosen_hash(plain), name)
        if not plain or path in self._have.held or path in self._files:
            return
        content = self._get(path, POLICY_LIMIT if name == POLICY else RELIEF_LIMIT)
        if content is not None:
            self._files[path] = content


def _children(delegations: object, name: str) -> tuple[list[str], bool]:
    """The roles that a target of this name may be found in, and whether the search ends with them."""
    rows = _step(delegations, "roles")
    children: list[str] = []
    for row in rows if isinstance(rows, list) else []:
        role = _step(row, "name")
        if not isinstance(role, str) or not _covers(row, name):
            continue
        children.append(role)
        if _step(row, "terminating") is True:
            return children, True
    return children, False


def _covers(row: object, name: str) -> bool:
    hashed = sha256(name.encode()).hexdigest()
    if any(hashed.startswith(prefix) for prefix in _texts(_step(row, "path_hash_prefixes"))):
        return True
    return any(_matches(name, pattern) for pattern in _texts(_step(row, "paths")))


def _matches(name: str, pattern: str) -> bool:
    """Wildcards match within one folder only."""
    parts, wanted = name.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(map(fnmatchcase, parts, wanted))


def _texts(value: object) -> Iterable[str]:
    return [text for text in value if isinstance(text, str)] if isinstance(value, list) else []


def _number(timestamp: bytes) -> object:
    return _step(_signed(timestamp), "version")


def _snapshot(timestamp: bytes) -> int:
    """The version of the snapshot that a timestamp names; a huge one where it names none, which is then refused."""
    return _version(_step(_step(_signed(timestamp), "meta"), "snapshot.json")) or 1 << 31


def _version(promised: object) -> int | None:
    version = _step(promised, "version")
    return version if type(version) is int and 0 < version < 1 << 31 else None


def _hash(value: object, digits: int) -> str:
    plain = isinstance(value, str) and len(value) == digits and not set(value) - set("0123456789abcdef")
    return value if isinstance(value, str) and plain else ""


def _signed(content: bytes | None) -> object:
    try:
        return _step(json.loads(content or b"null"), "signed")
    except (ValueError, RecursionError):
        return None


def _step(value: object, key: str) -> object:
    return value.get(key) if isinstance(value, Mapping) else None
