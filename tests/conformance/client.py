#!/usr/bin/env python3
"""The client under test of the TUF conformance suite: the agent's fetcher, collector and verifier, by three verbs.

The suite speaks to any client through `init`, `refresh` and `download`. Here they run `policy_schema.network.fetcher`,
`policy_schema.trust.collect`, `verify` and `search`, the code that courier and adopter run; this file only keeps what
was accepted, under the names that the suite looks for. Two things differ from the agent, and both are the suite's:
it wants to see each file that was accepted before a later one failed (the agent keeps all of a state or nothing), and
targets of any name (the agent asks for the policy, the pauses and its own bin of exceptions).
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from urllib.parse import quote, unquote

from policy_schema.network.fetcher import Access, Fetcher
from policy_schema.trust.collect import Have, collect
from policy_schema.trust.layout import RELIEF_LIMIT, TIMESTAMP_PATH, Role, target_path
from policy_schema.trust.library import TrustedMetadataSet
from policy_schema.trust.refusal import Refused
from policy_schema.trust.search import find_target, verified_target
from policy_schema.trust.verify import NothingNew, verify_metadata, verify_roots


class Client:
    """The client's folder: metadata by role, without numbers, and targets by their hash and name."""

    def __init__(self, metadata: Path, url: str, targets: Path | None) -> None:
        self._metadata = metadata
        self._targets = targets
        self._base = url.rstrip("/").removesuffix("/metadata") + "/"
        self._fetched: dict[str, bytes] = {}

    def begin(self, trusted_root: bytes) -> None:
        """Takes a first root."""
        self._keep(Role.ROOT, trusted_root)

    def refresh(self, *wanted: str) -> TrustedMetadataSet:
        """Brings the metadata up to date, with the files of the targets that are wanted.

        Raises:
            Refused: something is not as it must be. What was good before it is kept.
        """
        trust = self._read(Role.ROOT)
        # The agent learns this from its adopter; the suite wants to hear of it before the first request.
        verify_roots({}, trust)
        before = self._before()
        have = Have(_version(trust), before, frozenset(self._held()), wanted)
        with Fetcher(Access(), self._base) as fetcher:
            self._fetched = collect(fetcher.get, have)
        now = int(time.time())
        try:
            trusted, _ = verify_metadata(self._files(before), trust, now=now, before=before, accepted=self._keep)
        except NothingNew:
            self._fetched.pop(TIMESTAMP_PATH)
            trusted, _ = verify_metadata(self._files(before), trust, now=now, before=before)
        return trusted

    def download(self, name: str) -> None:
        """Brings one target.

        Raises:
            Refused: nobody may or does name it, or it is another.
        """
        trusted = self.refresh(name)
        files = {**self._files(self._before()), **self._held()}
        path, content = verified_target(find_target(trusted, name, files, self._keep), name, files, RELIEF_LIMIT)
        assert self._targets is not None
        there = self._targets / f"{_hash(path)}.{quote(name, safe='')}"
        if not there.exists():
            for older in self._targets.glob(f"*.{quote(name, safe='')}"):
                older.unlink()
            there.write_bytes(content)

    def _files(self, before: dict[str, bytes]) -> dict[str, bytes]:
        return {**before, **self._fetched}

    def _before(self) -> dict[str, bytes]:
        """What was accepted before, as the agent's store holds it: under the paths with numbers."""
        found: dict[str, bytes] = {}
        for file in self._metadata.glob("*.json"):
            content, role = file.read_bytes(), file.stem
            path = TIMESTAMP_PATH if role == Role.TIMESTAMP else f"metadata/{_version(content)}.{role}.json"
            found |= {path: content} if role != Role.ROOT else {}
        return found

    def _held(self) -> dict[str, bytes]:
        files = sorted(self._targets.iterdir()) if self._targets is not None else []
        names = {file: file.name.partition(".") for file in files}
        return {target_path(names[f][0], unquote(names[f][2])): f.read_bytes() for f in files}

    def _read(self, role: str) -> bytes:
        return (self._metadata / f"{role}.json").read_bytes()

    def _keep(self, role: str, content: bytes) -> None:
        (self._metadata / f"{quote(role, safe='')}.json").write_bytes(content)


def _hash(path: str) -> str:
    return path.rpartition("/")[2].partition(".")[0]


def _version(content: bytes) -> int:
    return int(json.loads(content)["signed"]["version"])


def main() -> int:
    """Exit code 0 when it went well, 1 when something was refused."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--metadata-dir", type=Path, required=True)
    parser.add_argument("--metadata-url", default="")
    parser.add_argument("--target-name", action="append", default=[])
    parser.add_argument("--target-dir", type=Path)
    parser.add_argument("--target-base-url")
    parser.add_argument("do", choices=["init", "refresh", "download"])
    parser.add_argument("trusted_root", type=Path, nargs="?")
    args = parser.parse_args()
    client = Client(args.metadata_dir, args.metadata_url, args.target_dir)
    try:
        if args.do == "init":
            client.begin(args.trusted_root.read_bytes())
        elif args.do == "refresh":
            client.refresh()
        for name in args.target_name:
            client.download(name)
    except Refused as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
