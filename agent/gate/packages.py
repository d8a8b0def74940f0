"""Packages around a file: what their metadata say. Pure but for the reader that is handed in; any bytes, no exception.

Rules: npm's package.json; PyPA's "recording installed projects" for `*.dist-info`.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from typing import NamedTuple

from policy_schema.rules.identity import make_purl, normal_name

MANIFEST = "package.json"
MAX_MANIFEST = 256 << 10
MAX_RECORD = 4 << 20
_NAME_LIMIT = 214
_FOLDERS_UP = 3
"""How far above a file its package's own folder can be, outside of node_modules: `bin/`, `dist/cli/`."""
_NODE, _SITES = "node_modules", ("site-packages", "dist-packages")


class Package(NamedTuple):
    """The package around a file."""

    purl: str
    folder: str


def npm_folders(path: str) -> Iterator[str]:
    """The folders in which the `package.json` of this file can stand, the nearest first."""
    parts = path.split("/")[:-1]
    if _NODE in parts:
        root = len(parts) - parts[::-1].index(_NODE)
        least = root + (2 if parts[root : root + 1] and parts[root].startswith("@") else 1)
    else:
        least = max(2, len(parts) - _FOLDERS_UP + 1)
    for end in range(len(parts), least - 1, -1):
        yield "/".join(parts[:end])


def parse_manifest(data: bytes, folder: str) -> Package | None:
    """The package that a `package.json` describes; None when it has no name, as those that only set a module type."""
    try:
        value = json.loads(data)
    except (ValueError, RecursionError):
        return by_folder(folder)
    if not isinstance(value, dict):
        return by_folder(folder)
    name, version = value.get("name"), value.get("version")
    if not isinstance(name, str) or not _is_name(name):
        return None
    return Package(make_purl("npm", name, version if isinstance(version, str) and len(version) <= 80 else ""), folder)


def by_folder(folder: str) -> Package | None:
    """What the place of a package in node_modules says, where its metadata cannot be read: its name, no version."""
    root, _, name = folder.rpartition(f"/{_NODE}/")
    good = root and _is_name(name) and name.count("/") == (1 if name.startswith("@") else 0)
    return Package(make_purl("npm", name), folder) if good else None


def site_folders(path: str) -> tuple[tuple[str, str], ...]:
    """Where the distribution of this file can be recorded: (pattern of a folder, the file's name in RECORD there)."""
    parts = path.split("/")
    for site in _SITES:
        if site in parts[:-1]:
            at = parts.index(site) + 1
            return (("/".join(parts[:at]), "/".join(parts[at:])),)
    if len(parts) > 2 and parts[-2] == "bin":
        prefix, name = "/".join(parts[:-2]), parts[-1]
        return tuple((f"{prefix}/lib/python*/{site}", f"../../../bin/{name}") for site in _SITES)
    return ()


def distributions(names: Iterable[str], wanted: frozenset[str]) -> Iterator[tuple[str, str, str]]:
    """The wanted distributions among the names in a site folder: (folder of metadata, name, version)."""
    for entry in names:
        if entry.endswith(".dist-info"):
            name, _, version = entry[: -len(".dist-info")].rpartition("-")
            if name and normal_name("pypi", name) in wanted:
                yield entry, name, version


def records(data: bytes, name: str) -> bool:
    """Whether a RECORD lists a file."""
    wanted = name.encode("utf-8", "surrogateescape")
    return any(line.startswith((wanted + b",", b'"' + wanted + b'",')) or line == wanted for line in data.splitlines())


def _is_name(name: str) -> bool:
    return 0 < len(name) <= _NAME_LIMIT and all(c.isascii() and (c.isalnum() or c in "@/._~-") for c in name)
