"""The lists that `cargo install` and cargo-binstall keep of what they installed. Pure; any bytes in, a value or a
ValueError out.

Rules: cargo's `.crates.toml` (v1) and `.crates2.json`, and cargo-binstall's `crates-v1.json`, which is one JSON object
after the other. cargo itself keeps the first two in step and believes the first where they differ.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import NamedTuple

from agent.inventory.json_object import read_object
from agent.inventory.toml_subset import read_toml

MAX_CRATES = 5_000
MAX_PROGRAMS = 200
_ID = re.compile(r"(?P<name>[A-Za-z0-9_][A-Za-z0-9_-]{0,63}) (?P<version>[0-9][0-9A-Za-z.+-]{0,79}) \(.*\)", re.DOTALL)
_NAME = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_-]{0,63}")
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+-]{0,79}")
_BLANKS = re.compile(r"[ \t\r\n]*+")
_PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,99}")


class Crate(NamedTuple):
    """An installed crate and the names of its programs in `bin`."""

    name: str
    version: str
    programs: tuple[str, ...]


def parse_crates_toml(data: bytes) -> list[Crate]:
    """`.crates.toml`: `"NAME VERSION (SOURCE)" = [programs]` under `[v1]`. The source is not kept.

    Raises:
        ValueError: not TOML as it is read here, or without such a table.
    """
    listed = read_toml(data).get("v1")
    if not isinstance(listed, dict):
        raise ValueError("no table of installed crates in it")
    return _crates(listed)


def parse_crates_json(data: bytes) -> list[Crate]:
    """`.crates2.json`: the same ids, with more about each.

    Raises:
        ValueError: no JSON object, or without `installs`.
    """
    listed = read_object(data).get("installs")
    if not isinstance(listed, dict):
        raise ValueError("no table of installed crates in it")
    return _crates({key: row.get("bins") if isinstance(row, dict) else None for key, row in listed.items()})


def parse_binstall(data: bytes) -> list[Crate]:
    """cargo-binstall's `crates-v1.json`. What follows a broken object is not read.

    Raises:
        ValueError: it does not begin with a JSON object.
    """
    found: list[Crate] = []
    for row in _objects(data.decode("utf-8-sig", "replace")):
        name, version = row.get("name"), row.get("current_version")
        if isinstance(name, str) and _NAME.fullmatch(name):
            usable = version if isinstance(version, str) and _VERSION.fullmatch(version) else ""
            found.append(Crate(name, usable, _programs(row.get("bins"))))
    return found[:MAX_CRATES]


def _objects(text: str) -> Iterator[Mapping[str, object]]:
    decoder, at, count = json.JSONDecoder(), 0, 0
    while at < len(text) and count < MAX_CRATES:
        if blanks := _BLANKS.match(text, at):
            at = blanks.end()
        if at == len(text):
            return
        try:
            value, at = decoder.raw_decode(text, at)
        except (ValueError, RecursionError):
            value = None
        if not isinstance(value, dict):
            if not count:
                raise ValueError("not a list of JSON objects")
            return
        count += 1
        yield value


def _crates(listed: Mapping[object, object]) -> list[Crate]:
    found: list[Crate] = []
    for key, programs in listed.items():
        match = _ID.fullmatch(key) if isinstance(key, str) and len(key) < 4096 else None
        if match:
            found.append(Crate(match["name"], match["version"], _programs(programs)))
    return found[:MAX_CRATES]


def _programs(value: object) -> tuple[str, ...]:
    names = value[:MAX_PROGRAMS] if isinstance(value, list) else []
    return tuple(name for name in names if isinstance(name, str) and _PROGRAM.fullmatch(name))
