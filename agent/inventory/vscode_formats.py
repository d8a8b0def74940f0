"""Manifests, folder names and lists of extensions of VS Code and the editors made from it. Pure.

Any bytes in, a value or a ValueError out. Rules: VS Code's extension manifest and its "extensions.json".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from agent.inventory.json_object import read_json, read_object

MAX_PART = 200
MAX_VERSION = 80
MAX_LISTED = 5_000
_NOBODY = "undefined_publisher"
"""What VS Code itself takes for an extension without a publisher."""
_PUBLISHER = re.compile(r"[A-Za-z0-9_~-]+")
_NAME = re.compile(r"[A-Za-z0-9._~-]+")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")
_FOLDER = re.compile(
    r"(?P<publisher>[A-Za-z0-9_~-]+)\.(?P<name>[A-Za-z0-9._~-]+?)-(?P<version>[0-9]+\.[0-9]+\.[0-9]+[0-9A-Za-z.+-]*?)"
    r"(-(win32|linux|alpine|darwin)-[a-z0-9]+|-web|-universal|-unknown)?"
)


class Extension(NamedTuple):
    """One extension; the version is empty when nothing usable tells it."""

    publisher: str
    name: str
    version: str

    @property
    def id(self) -> str:
        """`publisher.name`, as editors compare it: in lower case."""
        return f"{self.publisher}.{self.name}".lower()

    @property
    def key(self) -> str:
        """The key of the rulebook's table: `vscode:anthropic.claude-code`."""
        return f"vscode:{self.id}"


def parse_manifest(data: bytes) -> Extension | None:
    """Reads publisher, name and version of a `package.json`; None for one that is no editor's extension.

    Raises:
        ValueError: no JSON object, or without a name that an editor would take.
    """
    value = read_object(data)
    engines = value.get("engines")
    if not isinstance(engines, Mapping) or not isinstance(engines.get("vscode"), str):
        return None
    publisher, name = value.get("publisher") or _NOBODY, value.get("name")
    if not _is_part(publisher, _PUBLISHER) or not _is_part(name, _NAME):
        raise ValueError("no usable publisher and name in it")
    return Extension(str(publisher), str(name), _version(value.get("version")))


def parse_folder(name: str) -> Extension | None:
    """What the name of an extension's folder says: `publisher.name-1.2.3`, `publisher.name-1.2.3-linux-x64`."""
    match = _FOLDER.fullmatch(name) if len(name) <= MAX_PART else None
    return Extension(match["publisher"], match["name"], _version(match["version"])) if match else None


def parse_places(data: bytes) -> tuple[str, ...]:
    """The absolute paths that an `extensions.json` says its extensions lie at. Rows that say none are passed over.

    Raises:
        ValueError: no JSON list.
    """
    rows = read_json(data)
    if not isinstance(rows, list):
        raise ValueError("not a JSON list")
    return tuple(dict.fromkeys(path for row in rows[:MAX_LISTED] if (path := _place(row))))


def _place(row: object) -> str:
    location = row.get("location") if isinstance(row, Mapping) else None
    if not isinstance(location, Mapping) or location.get("scheme", "file") != "file":
        return ""
    path = location.get("path")
    return path if isinstance(path, str) and path.startswith("/") and "\0" not in path and len(path) <= 4096 else ""


def _is_part(value: object, pattern: re.Pattern[str]) -> bool:
    return isinstance(value, str) and len(value) <= MAX_PART and pattern.fullmatch(value) is not None


def _version(value: object) -> str:
    if isinstance(value, str) and len(value) <= MAX_VERSION and _VERSION.fullmatch(value):
        return value
    return ""
