#!/usr/bin/env python3
"""The client under test of the TUF conformance suite: the agent's fetcher, collector and verifier, by three verbs.

The suite speaks to any client through `init`, `refresh` and `download`. Here they run `agent.policy.fetcher`,
`policy_schema.trust.collect` and `policy_schema.trust.verify`; this file only keeps what was accepted, under the names
that the suite looks for. The agent itself keeps a repository all at once or not at all; the suite wants to see each
file that was accepted before a later one failed, so that is what is kept here.
"""

from __future__ import annotations

import argparse
import json
import sys
import time
from pathlib import Path
from urllib.parse import quote

from agent.policy.fetcher import Access, Fetcher
from policy_schema.trust.collect import Have, collect
from policy_schema.trust.layout import POLICY_LIMIT, Role, metadata_path
from policy_schema.trust.refusal import Refused
from policy_schema.trust.verify import verify_metadata, verify_target

OTHERS = (Role.TIMESTAMP, Role.SNAPSHOT, Role.TARGETS)


class Kept:
    """The client's folder: `root.json` and the others without their numbers."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def read(self, role: Role) -> bytes | None:
        """What was accepted last; None when nothing was."""
        path = self._folder / f"{role}.json"
        return path.read_bytes() if path.exists() else None

    def write(self, role: Role, content: bytes) -> None:
        """Keeps what was accepted."""
        (self._folder / f"{role}.json").write_bytes(content)

    def files(self) -> dict[str, bytes]:
        """As a repository: under the paths with numbers."""
        kept = {role: content for role in OTHERS if (content := self.read(role)) is not None}
        return {metadata_path(role, _version(content)): content for role, content in kept.items()}


def refresh(kept: Kept, metadata_url: str, target: str) -> dict[str, bytes]:
    """Brings the metadata up to date; answers with the targets that came along."""
    trust = kept.read(Role.ROOT) or b""
    with Fetcher(Access(), metadata_url.rstrip("/").removesuffix("/metadata") + "/") as fetcher:
        have = Have(root=_version(trust), timestamp=_usable(kept), target=target)
        fetched = collect(lambda path, limit: fetcher.get(quote(path), limit), have)
    files = {**kept.files(), **fetched}
    seen: dict[str, int] = {}
    verify_metadata(files, trust, now=int(time.time()), seen=seen, accepted=kept.write)
    return files


def download(kept: Kept, metadata_url: str, names: list[str], folder: Path) -> None:
    """Brings one target after the other."""
    for name in names:
        files = refresh(kept, metadata_url, name)
        trusted, _ = verify_metadata(files, kept.read(Role.ROOT) or b"", now=int(time.time()))
        _, content = verify_target(trusted.targets, name, files, POLICY_LIMIT)
        (folder / quote(name, "")).write_bytes(content)


def _usable(kept: Kept) -> bytes | None:
    """The timestamp that means "nothing new", if all that it leads to is at hand."""
    return kept.read(Role.TIMESTAMP) if all(kept.read(role) for role in OTHERS) else None


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
    kept = Kept(args.metadata_dir)
    try:
        if args.do == "init":
            kept.write(Role.ROOT, args.trusted_root.read_bytes())
        elif args.do == "refresh":
            refresh(kept, args.metadata_url, "")
        else:
            download(kept, args.metadata_url, args.target_name, args.target_dir)
    except Refused as error:
        print(f"{error.code}: {error}", file=sys.stderr)
        return 1
    except (KeyError, ValueError, TypeError) as error:
        print(f"bad root: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
