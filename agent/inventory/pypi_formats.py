"""METADATA, RECORD and names of installed distributions. Pure; any bytes in, a value or a ValueError out.

Rules: the core metadata and "recording installed projects" specifications of the Python packaging guide.
"""

from __future__ import annotations

import csv
import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from policy_schema.rules.identity import make_purl

MAX_NAME = 150
MAX_VERSION = 80
_NAME = re.compile(r"[A-Za-z0-9]([A-Za-z0-9._-]*[A-Za-z0-9])?")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.!+_-]*")
_FOLDER = re.compile(r"(?P<name>.+?)(-(?P<version>[^-]+))?(-py[0-9.]+(-.+)?)?\.(dist|egg)-info", re.IGNORECASE)


class Distribution(NamedTuple):
    """Name and version of a distribution; the version is empty when it is none that pip would take."""

    name: str
    version: str


def parse_metadata(data: bytes) -> Distribution:
    """Reads Name and Version from the head of a METADATA or PKG-INFO file.

    Raises:
        ValueError: it has no usable name.
    """
    name = version = ""
    for line in data.decode("utf-8", "replace").splitlines():
        if not line.strip():
            break
        key, colon, value = line.partition(":")
        if colon and key.lower() == "name" and not name:
            name = value.strip()
        if colon and key.lower() == "version" and not version:
            version = value.strip()
    if not _is_name(name):
        raise ValueError("no usable name in it")
    return Distribution(name, version if _is_version(version) else "")


def parse_folder(name: str) -> Distribution | None:
    """What the name of a `.dist-info` or `.egg-info` says; None for anything else."""
    match = _FOLDER.fullmatch(name)
    if not match or not _is_name(match["name"]):
        return None
    version = match["version"] or ""
    return Distribution(match["name"], version if _is_version(version) else "")


def parse_record(data: bytes) -> Iterator[str]:
    """The paths of a RECORD, relative to the folder of the packages. Lines that are no CSV are left out."""
    rows = csv.reader(data.decode("utf-8", "replace").replace("\0", "").splitlines())
    while True:
        try:
            row = next(rows)
        except StopIteration:
            return
        except csv.Error:
            continue
        if row and row[0]:
            yield row[0].replace("\\", "/")


def scripts_of(record: Iterator[str], site: str) -> list[str]:
    """The programs among a RECORD's paths: what lies in a folder `bin` or `Scripts` outside of the packages."""
    found: list[str] = []
    for path in record:
        if path.startswith("../") and posixpath.basename(posixpath.dirname(path)) in ("bin", "Scripts"):
            full = posixpath.normpath(f"{site}/{path}")
            found.append(full)
    return sorted(found)


def starts_of(record: bytes) -> list[str]:
    """The lines of a RECORD that can name a program (see `scripts_of`), the only ones of its thousands to parse."""
    lines = record.decode("utf-8", "replace").splitlines()
    return [line for line in lines if line.startswith(("..", '"..'))]


def package_purl(name: str, version: str = "") -> str:
    """The purl of a distribution."""
    return make_purl("pypi", name, version)


def _is_name(text: str) -> bool:
    return len(text) <= MAX_NAME and _NAME.fullmatch(text) is not None


def _is_version(text: str) -> bool:
    return len(text) <= MAX_VERSION and _VERSION.fullmatch(text) is not None
