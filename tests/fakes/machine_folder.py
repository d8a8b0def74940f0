"""A throw-away machine below a folder: an account list, homes, and helpers that put things into it."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Sequence
from pathlib import Path

from agent.inventory.content_cache import ContentCache
from agent.inventory.interface import Look, Wanted
from agent.inventory.machine import never, open_machine
from agent.inventory.recall import Recall
from agent.inventory.runner import look
from policy_schema.rules.observation import Observation, Unknown

SAMPLES = Path(__file__).parents[1] / "samples"


class MachineFolder:
    """The folder that stands for a machine; paths are written as that machine names them."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.cache = ContentCache()
        self.home("li")

    def at(self, path: str) -> Path:
        """Where a path of the machine stands for the test."""
        return self.root / path.lstrip("/")

    def home(self, name: str) -> None:
        """Makes a home and its account."""
        self.at(f"/home/{name}").mkdir(parents=True)
        self.at("/etc").mkdir(exist_ok=True)
        with self.at("/etc/passwd").open("a") as file:
            file.write(f"{name}:x:{os.getuid()}:{os.getgid()}:{name}:/home/{name}:/bin/bash\n")

    def file(self, path: str, content: bytes | str = b"", mode: int = 0o644) -> Path:
        """Writes a file."""
        at = self.at(path)
        at.parent.mkdir(parents=True, exist_ok=True)
        at.write_bytes(content.encode() if isinstance(content, str) else content)
        at.chmod(mode)
        return at

    def link(self, path: str, target: str) -> None:
        """Makes a link."""
        at = self.at(path)
        at.parent.mkdir(parents=True, exist_ok=True)
        at.symlink_to(target)

    def npm(self, folder: str, name: str, version: str, bins: dict[str, str] | None = None) -> None:
        """Puts a package at `folder`, whose programs are there too."""
        self.file(f"{folder}/package.json", json.dumps({"name": name, "version": version, "bin": bins or {}}))
        for path in (bins or {}).values():
            self.file(f"{folder}/{path}", "#!/usr/bin/env node\n", 0o755)

    def dist(self, site: str, name: str, version: str, record: Sequence[str] = (), installer: str = "pip") -> str:
        """Puts a distribution into a folder of packages; returns its `.dist-info`."""
        info = f"{site}/{name.replace('-', '_')}-{version}.dist-info"
        self.file(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n\nText\n")
        self.file(f"{info}/RECORD", "".join(f"{path},,\n" for path in record))
        self.file(f"{info}/INSTALLER", f"{installer}\n")
        return info

    def look(
        self,
        *sources: str,
        wanted: Wanted | None = None,
        homes: Sequence[str] = (),
        path_folders: Sequence[str] = (),
        project_roots: Sequence[str] = (),
        hints: Sequence[str] = (),
        system: bool = True,
        recall: Recall | None = None,
        changed: frozenset[str] = frozenset(),
        stopped: Callable[[], bool] = never,
    ) -> Look:
        """One look by these sources."""
        with open_machine(
            root=str(self.root),
            homes=homes,
            path_folders=path_folders,
            project_roots=project_roots,
            hints=hints,
            wanted=wanted or Wanted(),
            system=system,
            cache=self.cache,
            recall=recall,
            stopped=stopped,
        ) as machine:
            return look(machine, sources, changed=changed)


def seen(found: Look) -> list[Observation]:
    """Everything that a look saw."""
    return [one for source in found.observations.values() for one in source]


def unknown(found: Look) -> list[Unknown]:
    """Everything that a look could not see."""
    return [place for row in found.coverage for place in row.unknown]
