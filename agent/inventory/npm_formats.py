"""`package.json` and `.npmrc` as far as the inventory needs them. Pure; any bytes in, a value or a ValueError out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from agent.inventory.json_object import read_object
from policy_schema.rules.identity import make_purl

MAX_NAME = 214
MAX_VERSION = 80
"""Longer than any that was published; name and version together stay within the bound of a purl."""
MAX_BINS = 200
_NAME = re.compile(r"(@[A-Za-z0-9._~-]+/)?[A-Za-z0-9._~-]+")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")
_VARIABLE = re.compile(r"\$\{([^}]*)\}")


class Manifest(NamedTuple):
    """What a `package.json` says: its name, version, and programs by name."""

    name: str
    version: str
    """Empty when it is none that npm would take."""
    bins: Mapping[str, str]


def parse_manifest(data: bytes) -> Manifest:
    """Reads name, version and bin. Rules: npm's package.json documentation.

    Raises:
        ValueError: no JSON object, or without a name that npm would take.
    """
    value = read_object(data)
    name = value.get("name")
    if not isinstance(name, str) or len(name) > MAX_NAME or not _NAME.fullmatch(name):
        raise ValueError("no usable name in it")
    return Manifest(name, _version(value.get("version")), _bins(name, value.get("bin")))


def package_purl(name: str, version: str = "") -> str:
    """The purl of an npm package; empty for a name that npm would not take (that of a folder)."""
    return make_purl("npm", name, version) if len(name) <= MAX_NAME and _NAME.fullmatch(name) else ""


def parse_npmrc(text: str) -> str:
    """The value of `prefix` in npm's settings, empty if it has none. Every other key (tokens too) is passed over."""
    found = ""
    for line in text.splitlines():
        key, equals, value = line.partition("=")
        if line.lstrip().startswith("["):
            break  # a section of ini: npm's own keys stand before it
        if equals and key.strip() == "prefix":
            found = value.strip().strip("\"'").strip()
    return found


def expand_prefix(value: str, home: str) -> str:
    """A prefix as an absolute path: `~` and `${HOME}` replaced.

    Raises:
        ValueError: it names another variable, or is relative to wherever npm is started.
    """
    if not value:
        return ""
    if value == "~" or value.startswith("~/"):
        value = "${HOME}" + value[1:]
    names = set(_VARIABLE.findall(value))
    if names - {"HOME"} or (names and not home):
        raise ValueError("the prefix depends on a variable that only the user's shell knows")
    path = _VARIABLE.sub(lambda _: home, value)
    if not path.startswith("/") or "\0" in path:
        raise ValueError("the prefix is no absolute path")
    return path


def _version(value: object) -> str:
    if isinstance(value, str) and len(value) <= MAX_VERSION and _VERSION.fullmatch(value):
        return value
    return ""


def _bins(name: str, value: object) -> dict[str, str]:
    if isinstance(value, str):
        value = {name.rpartition("/")[2]: value}
    if not isinstance(value, dict):
        return {}
    pairs = list(value.items())[:MAX_BINS]
    return {key: path for key, path in pairs if isinstance(path, str) and _NAME.fullmatch(key) and "/" not in key}
