"""Manifests and lists of browsers' extensions. Pure; any bytes in, a value or a ValueError out.

Rules: Chromium's extension manifest and folder layout; Firefox's `extensions.json` and its rule that the file of an
add-on is called as its id.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from agent.inventory.json_object import read_object, text_of

MAX_NAME = 200
MAX_VERSION = 80
MAX_ADDONS = 5_000
_CHROMIUM_ID = re.compile(r"[a-p]{32}")
_CHROMIUM_FOLDER = re.compile(r"(?P<version>[0-9]{1,9}(\.[0-9]{1,9}){0,3})_[0-9]{1,9}")
_FIREFOX_ID = re.compile(r"[A-Za-z0-9._-]*@[A-Za-z0-9._-]+|\{[0-9A-Fa-f]{8}(-[0-9A-Fa-f]{4}){3}-[0-9A-Fa-f]{12}\}")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")


class Extension(NamedTuple):
    """What an extension says of itself; both are empty when nothing usable tells them."""

    name: str
    version: str


def is_chromium_id(name: str) -> bool:
    """True for 32 letters from a to p."""
    return _CHROMIUM_ID.fullmatch(name) is not None


def chromium_version(folder: str) -> str:
    """The version that the name of a version's folder says (`1.2.3_0`); empty for any other name."""
    match = _CHROMIUM_FOLDER.fullmatch(folder)
    return match["version"] if match else ""


def newest(folders: Iterable[str]) -> str:
    """The folder of the newest version; empty when none is one."""
    versions = [name for name in folders if chromium_version(name)]
    return max(versions, key=lambda name: [int(part) for part in re.split(r"[._]", name)], default="")


def parse_chromium(data: bytes) -> Extension:
    """Reads name and version of a `manifest.json`. A name that is to be looked up in a translation is none.

    Raises:
        ValueError: no JSON object.
    """
    value = read_object(data)
    name = text_of(value.get("name"), MAX_NAME)
    return Extension("" if name.startswith("__MSG_") else name, _version(value.get("version")))


def firefox_id(file: str) -> str:
    """The id of an add-on by its file or folder (`ID.xpi`, or `ID` unpacked); empty for anything else."""
    name = file.removesuffix(".xpi")
    return name if len(name) <= MAX_NAME and _FIREFOX_ID.fullmatch(name) else ""


def parse_firefox(data: bytes) -> dict[str, Extension]:
    """What a profile's `extensions.json` says of its add-ons, by id.

    Raises:
        ValueError: no JSON object, or without a list of add-ons.
    """
    rows = read_object(data).get("addons")
    if not isinstance(rows, list):
        raise ValueError("no list of add-ons in it")
    found: dict[str, Extension] = {}
    for row in rows[:MAX_ADDONS]:
        if isinstance(row, Mapping) and isinstance(row.get("id"), str):
            locale = row.get("defaultLocale")
            name = text_of(locale.get("name"), MAX_NAME) if isinstance(locale, Mapping) else ""
            found.setdefault(row["id"], Extension(name, _version(row.get("version"))))
    return found


def _version(value: object) -> str:
    if isinstance(value, str) and len(value) <= MAX_VERSION and _VERSION.fullmatch(value):
        return value
    return ""
