"""The verified repository on disk: after a restart without a network it is verified again, offline, and recompiled.

    STATE/policy/metadata/1.root.json …, timestamp.json     as published: `interdict-policy verify` reads this folder
    STATE/policy/targets/HASH.policy.json
    STATE/policy/seen.json                                  the highest versions, once more in the journal

Only root writes here. Every file but `timestamp.json` has a name that never gets another content, so writing that one
last makes a change of several files one step: cut off anywhere, the old state is whole.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterable
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import read_bounded, write_atomically
from policy_schema.trust.highest import Highest, merged, read_highest
from policy_schema.trust.layout import (
    LIMITS,
    POLICY,
    POLICY_LIMIT,
    TIMESTAMP_PATH,
    Files,
    Role,
    newest_root,
    root_number,
    write_order,
)

FOLDERS = ("metadata", "targets")
SEEN = "seen.json"
MOST_FILES = 200


class Stored(NamedTuple):
    """What is on disk, and what could not be read of it (one sentence; empty: nothing)."""

    files: dict[str, bytes]
    seen: dict[str, int]
    trouble: str = ""

    @property
    def timestamp(self) -> bytes | None:
        """The stored timestamp; None when nothing was ever adopted, or the cache was wiped."""
        return self.files.get(TIMESTAMP_PATH)

    @property
    def root(self) -> int:
        """The number of the newest stored root; 0 when there is none."""
        return newest_root(self.files)

    @property
    def metadata(self) -> dict[str, bytes]:
        """Every stored signed file but the roots."""
        return {p: content for p, content in self.files.items() if p.startswith("metadata/") and not root_number(p)}

    @property
    def policies(self) -> tuple[str, ...]:
        """The stored policies by path: after an adoption exactly one."""
        return tuple(path for path in self.targets if path.endswith(f".{POLICY}"))

    @property
    def targets(self) -> tuple[str, ...]:
        """Every stored target by path: policies, and documents of exceptions."""
        return tuple(sorted(path for path in self.files if path.startswith("targets/")))


class Store:
    """The folder `policy` in the agent's state."""

    def __init__(self, state_dir: str) -> None:
        self._folder = os.path.join(state_dir, "policy")

    def load(self) -> Stored:
        """Everything that is stored. A file that cannot be read is as good as absent: it is fetched again."""
        files: dict[str, bytes] = {}
        trouble = ""
        for path in self._listed():
            limit = POLICY_LIMIT if path.startswith("targets/") else max(LIMITS.values())
            try:
                files[path] = read_bounded(self._at(path), limit)
            except InterdictError as error:
                trouble = str(error)
        try:
            seen = read_highest(json.loads(read_bounded(self._at(SEEN), LIMITS[Role.ROOT])))
        except Gone:
            seen = {}
        except (InterdictError, ValueError, RecursionError) as error:
            seen, trouble = {}, f"{SEEN}: {error}"
        return Stored(files, seen, trouble)

    def save(self, files: Files, seen: Highest) -> None:
        """Keeps exactly these verified files and raises the highest versions.

        Raises:
            InterdictError: the disk refuses; the old state is whole then.
        """
        for folder in FOLDERS:
            self._make(os.path.join(self._folder, folder))
        # The numbers first: accepted once means never below again, whatever happens in between.
        there = self.load()
        most = merged(there.seen, seen)
        write_atomically(self._at(SEEN), json.dumps(most, sort_keys=True).encode() + b"\n", 0o600)
        for path in sorted(files, key=write_order):
            if there.files.get(path) != files[path]:
                write_atomically(self._at(path), files[path], 0o600)
        self._remove(set(self._listed()) - set(files))

    def _at(self, path: str) -> str:
        return os.path.join(self._folder, *path.split("/"))

    def _listed(self) -> list[str]:
        found: list[str] = []
        for folder in FOLDERS:
            try:
                names = sorted(os.listdir(os.path.join(self._folder, folder)))
            except OSError:
                continue
            found += [f"{folder}/{name}" for name in names if name.endswith(".json")]
        return found[:MOST_FILES]

    def _make(self, folder: str) -> None:
        try:
            os.makedirs(folder, mode=0o700, exist_ok=True)
        except OSError as error:
            raise InterdictError(
                f"{folder}: {error.strerror or error}", "Check the state folder and its disk."
            ) from error

    def _remove(self, paths: Iterable[str]) -> None:
        for path in paths:
            try:
                os.unlink(self._at(path))
            except OSError:
                # An old version that stays costs room and nothing else.
                continue


def read_repository(folder: str) -> dict[str, bytes]:
    """The published files of a repository in a folder of this machine, within the bounds of what is ever read.

    Raises:
        InterdictError: a file cannot be read.
    """
    found: dict[str, bytes] = {}
    for part in FOLDERS:
        try:
            names = sorted(os.listdir(os.path.join(folder, part)))
        except OSError:
            continue
        for name in [name for name in names if name.endswith(".json")][:MOST_FILES]:
            found[f"{part}/{name}"] = read_bounded(os.path.join(folder, part, name), POLICY_LIMIT)
    return found
