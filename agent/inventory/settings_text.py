"""Settings of other tools, read for named keys only. Pure.

JSON (with comments and commas too many, as editors write it), TOML, YAML. Of JSON only the keys that are asked for are
kept while it is read, so that a file of many megabytes full of other things costs no memory; no form keeps anything
after its reader has returned.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from enum import StrEnum

from agent.inventory.flow_text import UNREAD
from agent.inventory.toml_subset import read_toml
from agent.inventory.yaml_subset import read_yaml

MAX_JSON = 8 << 20
MAX_COMMENTED = 1 << 20
MAX_TEXT = 256 << 10
_STRING = r'"[^"\\\n]*+(?:\\.[^"\\\n]*+)*+"?'
_COMMENTS = re.compile(rf"{_STRING}|(?P<out>//[^\n]*+|/\*.*?(?:\*/|\Z))", re.DOTALL)
_COMMAS = re.compile(rf"{_STRING}|(?P<out>,)(?=\s*+[}}\]])")
_Pairs = list[tuple[str, object]]


class _TooDeep(Exception):
    """Nested deeper than is read."""


class Form(StrEnum):
    """How a settings file is written."""

    JSON = "json"
    TOML = "toml"
    YAML = "yaml"
    LINE = "line"
    """One value alone, in the first line."""


LIMITS = {Form.JSON: MAX_JSON, Form.TOML: MAX_TEXT, Form.YAML: MAX_TEXT, Form.LINE: 4096}
"""Bytes that are read at most."""


def read_settings(data: bytes, form: Form, keys: frozenset[str]) -> object:
    """What a file says under these keys, in the tables and lists around them; other values may be left out.

    Raises:
        ValueError: not written in this form, nested too deeply, or too large.
    """
    if len(data) > LIMITS[form]:
        raise ValueError(f"larger than {LIMITS[form]} bytes")
    match form:
        case Form.JSON:
            try:
                return _json(data, keys)
            except _TooDeep:
                raise ValueError("nested too deeply") from None
        case Form.TOML:
            return read_toml(data)
        case Form.YAML:
            return read_yaml(data)
        case Form.LINE:
            lines = data.decode("utf-8", "replace").splitlines()
            return lines[0].strip() if lines else ""


def values(document: object, path: tuple[str, ...]) -> Iterator[object]:
    """Every value at a path of keys; `*` is every key of a table, or every member of a list."""
    if not path:
        yield document
        return
    here, *rest = path
    below: list[object] = []
    if here == "*":
        below = list(document.values()) if isinstance(document, dict) else list(_members(document))
    elif isinstance(document, dict) and here in document:
        below = [document[here]]
    elif document is UNREAD:
        yield UNREAD
    for one in below:
        yield from values(one, tuple(rest))


def _members(value: object) -> list[object]:
    return value if isinstance(value, list) else [UNREAD] if value is UNREAD else []


def _json(data: bytes, keys: frozenset[str]) -> object:
    text = data.decode("utf-8-sig", "replace")

    def kept(pairs: _Pairs) -> dict[str, object]:
        return {key: value for key, value in pairs if key in keys or _holds_something(value)}

    try:
        return _loaded(text, kept)
    except ValueError:
        if len(text) > MAX_COMMENTED:
            raise ValueError(f"not JSON, and larger than {MAX_COMMENTED} bytes") from None
        if not text.lstrip().startswith(("{", "[", "//", "/*")):
            raise ValueError("not JSON") from None  # a megabyte of quotes is a hundred times slower to look through
    try:
        return _loaded(_without(_COMMAS, _without(_COMMENTS, text)), kept)
    except ValueError:
        raise ValueError("not JSON") from None


def _loaded(text: str, kept: Callable[[_Pairs], dict[str, object]]) -> object:
    try:
        value: object = json.loads(text, object_pairs_hook=kept)
    except RecursionError:
        raise _TooDeep from None
    return value


def _without(pattern: re.Pattern[str], text: str) -> str:
    """The text without what the pattern calls `out`, a blank in its place; texts in quotes are passed over."""
    parts: list[str] = []
    begin = 0
    for found in pattern.finditer(text):
        if found["out"] is not None:
            parts.append(text[begin : found.start()])
            begin = found.end()
    return " ".join([*parts, text[begin:]])


def _holds_something(value: object) -> bool:
    """Whether a table holds anything after its own pairs were looked through, or a list such a table."""
    if isinstance(value, list):
        return any(isinstance(one, (dict, list)) and _holds_something(one) for one in value)
    return isinstance(value, dict) and bool(value)
