"""Specifications of installed gems, and the scripts that start their programs. Pure; any bytes in, a value or a
ValueError out.

A specification is a Ruby program that RubyGems wrote. It is not run: its `# stub:` line and the plain assignments in
the form in which RubyGems writes them are read, and nothing else of it.
"""

from __future__ import annotations

import re
from typing import NamedTuple

from policy_schema.rules.identity import make_purl

MAX_PROGRAMS = 200
_NAME_PATTERN = r"[A-Za-z0-9_][A-Za-z0-9_.-]{0,149}"
_VERSION_PATTERN = r"[0-9][0-9A-Za-z.]{0,79}"
_NAME = re.compile(_NAME_PATTERN)
_VERSION = re.compile(_VERSION_PATTERN)
_FILE = re.compile(rf"(?P<name>{_NAME_PATTERN})-(?P<version>{_VERSION_PATTERN})(-(?P<platform>[A-Za-z0-9_.-]+))?")
_STUB = re.compile(rb"^# stub: (?P<name>\S+) (?P<version>\S+) ", re.MULTILINE)
_FIELD = re.compile(
    rb"^[ \t]*+\w++\.(?P<field>name|version) = (?:Gem::Version\.new\(?\s*)?\"(?P<value>[^\"\\\n]*)\"", re.MULTILINE
)
_EXECUTABLES = re.compile(rb"^[ \t]*+\w++\.executables = \[(?P<values>[^\]\n]{0,20000})\]", re.MULTILINE)
_TEXT = re.compile(rb"\"([^\"\\]{1,100})\"")
_ACTIVATES = re.compile(rb"activate_bin_path\(\s*['\"](?P<name>[^'\"\n]{1,150})['\"]")


class Gem(NamedTuple):
    """An installed gem: its name, its version (empty when it is none that RubyGems takes) and its programs."""

    name: str
    version: str
    programs: tuple[str, ...] = ()


def parse_specification(data: bytes) -> Gem:
    """Name, version and executables of a `.gemspec` as RubyGems writes it on installing.

    Raises:
        ValueError: no name in that form in it.
    """
    stub = _STUB.search(data)
    field = {match["field"]: match["value"] for match in reversed(list(_FIELD.finditer(data)))}
    name = (stub["name"] if stub else field.get(b"name", b"")).decode("utf-8", "replace")
    version = (stub["version"] if stub else field.get(b"version", b"")).decode("utf-8", "replace")
    if not _NAME.fullmatch(name):
        raise ValueError("no usable name in it")
    return Gem(name, version if _VERSION.fullmatch(version) else "", _executables(data))


def parse_file_name(stem: str) -> Gem | None:
    """What the name of a specification or of a gem's folder says: `NAME-VERSION` or `NAME-VERSION-PLATFORM`."""
    match = _FILE.fullmatch(stem) if len(stem) <= 255 else None
    return Gem(match["name"], match["version"]) if match else None


def started_gem(script: bytes) -> str:
    """The gem that a script in a folder of programs starts, as RubyGems writes such scripts; empty for any other."""
    match = _ACTIVATES.search(script)
    name = match["name"].decode("utf-8", "replace") if match else ""
    return name if _NAME.fullmatch(name) else ""


def package_purl(name: str, version: str = "") -> str:
    """The purl of a gem."""
    return make_purl("gem", name, version)


def _executables(data: bytes) -> tuple[str, ...]:
    match = _EXECUTABLES.search(data)
    values = _TEXT.findall(match["values"])[:MAX_PROGRAMS] if match else []
    names = (value.decode("utf-8", "replace") for value in values)
    return tuple(name for name in names if _NAME.fullmatch(name))
