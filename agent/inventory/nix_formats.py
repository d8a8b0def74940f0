"""Manifests of Nix profiles, and names in the Nix store. Pure; any bytes in, a value or a ValueError out.

Rules: Nix's manual on `manifest.nix` (nix-env), `manifest.json` (nix profile, versions 1 to 3) and on how the name of a
derivation divides into name and version: at the first dash that no letter follows.
"""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import NamedTuple

from agent.inventory.json_object import read_object

STORE = "/nix/store"
MAX_PATHS = 10_000
_PATH = re.compile(r"/nix/store/[0-9a-z]{32}-[0-9A-Za-z+._?=-]{1,211}")
_ENTRY = re.compile(r"[0-9a-z]{32}-(?P<name>[0-9A-Za-z+._?=-]{1,211})")
_OUT_PATH = re.compile(r"\boutPath = \"([^\"\\\n]{1,260})\"")
_DIVIDE = re.compile(r"-(?![A-Za-z])")
_OUTPUTS = ("-bin", "-dev", "-doc", "-lib", "-man", "-out")


class StorePackage(NamedTuple):
    """What the name of a path in the store says; the version is empty if it says none."""

    name: str
    version: str


def parse_manifest_nix(data: bytes) -> list[str]:
    """The store paths that a profile of nix-env holds, in their order, once each. The expression is not evaluated.

    Raises:
        ValueError: it is no list, as nix-env writes one.
    """
    text = data.decode("utf-8", "replace")
    if not text.lstrip().startswith("["):
        raise ValueError("not a list of packages")
    return _store_paths(_OUT_PATH.findall(text))


def parse_manifest_json(data: bytes) -> list[str]:
    """The store paths of the elements that are active.

    Raises:
        ValueError: no JSON object, or without elements.
    """
    elements = read_object(data).get("elements")
    rows = list(elements.values()) if isinstance(elements, dict) else elements
    if not isinstance(rows, list):
        raise ValueError("no elements in it")
    paths: list[object] = []
    for row in rows[:MAX_PATHS]:
        if isinstance(row, dict) and row.get("active") is not False:
            listed = row.get("storePaths")
            paths += listed[:100] if isinstance(listed, list) else []
    return _store_paths(paths)


def store_path(path: str) -> str:
    """The path in the store that a path leads into; empty if it leads elsewhere."""
    match = _PATH.match(path)
    return match[0] if match and (len(path) == match.end() or path[match.end()] == "/") else ""


def parse_store_name(entry: str) -> StorePackage | None:
    """What `HASH-NAME-VERSION` says; None for what is no such name. An output's name (`-bin`) is no part of it."""
    match = _ENTRY.fullmatch(entry)
    if not match or entry.endswith(".drv"):
        return None
    name = match["name"]
    divided = _DIVIDE.search(name)
    if not divided or divided.start() == 0:
        return StorePackage(name, "")
    version = name[divided.end() :]
    for output in _OUTPUTS:
        version = version.removesuffix(output)
    return StorePackage(name[: divided.start()], version)


def _store_paths(values: Iterable[object]) -> list[str]:
    found = (store_path(value) for value in values if isinstance(value, str) and len(value) < 300)
    return list(dict.fromkeys(path for path in found if path))[:MAX_PATHS]
