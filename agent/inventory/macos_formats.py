"""What applications and packages of macOS say about themselves. Pure; any bytes in, a value or a ValueError."""

from __future__ import annotations

import re
from typing import NamedTuple

from agent.inventory.json_object import text_of
from agent.inventory.property_list import read_texts
from policy_schema.rules.identity import make_purl

MAX_PLIST = 4 << 20
_BUNDLE = re.compile(r"[A-Za-z0-9_-][A-Za-z0-9._-]{0,199}", re.ASCII)
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]{0,79}", re.ASCII)
_FILE = re.compile(r"[^/\0]{1,255}")


class Bundle(NamedTuple):
    """An application's `Info.plist`."""

    identifier: str
    name: str
    version: str
    """The version that people see, else the build; empty when neither is usable."""
    executable: str
    """The name of its program in `Contents/MacOS`; empty when it is not told."""

    @property
    def key(self) -> str:
        """The key of the rulebook's table: `macos:com.anthropic.claudefordesktop`."""
        return f"macos:{self.identifier}"


class Receipt(NamedTuple):
    """A package that the system's installer put there."""

    identifier: str
    version: str

    @property
    def purl(self) -> str:
        """`pkg:macos-pkg/com.example.tool@1.2.3`."""
        return make_purl("macos-pkg", self.identifier, self.version)


def parse_bundle(data: bytes) -> Bundle:
    """Reads an `Info.plist`.

    Raises:
        ValueError: no property list, or without a usable identifier.
    """
    names = ("CFBundleDisplayName", "CFBundleName")
    versions = ("CFBundleShortVersionString", "CFBundleVersion")
    says = read_texts(data, ("CFBundleIdentifier", "CFBundleExecutable", *names, *versions))
    identifier = says.get("CFBundleIdentifier", "").strip()
    if not _BUNDLE.fullmatch(identifier):
        raise ValueError("no usable CFBundleIdentifier in it")
    told = (says.get(name, "").strip() for name in versions)
    program = says.get("CFBundleExecutable", "")
    return Bundle(
        identifier,
        next((text for name in names if (text := text_of(says.get(name), 150))), identifier),
        next((version for version in told if _VERSION.fullmatch(version)), ""),
        program if _FILE.fullmatch(program) and program not in (".", "..") else "",
    )


def parse_receipt(data: bytes) -> Receipt:
    """Reads a receipt of `/var/db/receipts`.

    Raises:
        ValueError: no property list, or without a usable identifier.
    """
    says = read_texts(data, ("PackageIdentifier", "PackageVersion"))
    identifier, version = says.get("PackageIdentifier", "").strip(), says.get("PackageVersion", "").strip()
    if not _BUNDLE.fullmatch(identifier):
        raise ValueError("no usable PackageIdentifier in it")
    return Receipt(identifier, version if _VERSION.fullmatch(version) else "")
