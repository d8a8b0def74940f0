"""JSON settings that are added to: read strictly, so that nothing is lost, and shown without their values. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping

from agent.moving.secrets import looks_secret

MOST = 8 << 20
"""Bytes of a settings file that are read."""
DEEPEST = 40
HIDDEN = "…"
_INDENT = re.compile(r"^\{\r?\n([ \t]+)\"")


class CannotKeep(ValueError):
    """Writing it again would lose something; the text says what."""


def read_table(text: str) -> dict[str, object]:
    """The JSON object in a text; an empty text is an empty one.

    Raises:
        CannotKeep: it has comments, a key twice, numbers that would change, or is no JSON object.
    """
    if not text.strip():
        return {}
    try:
        value = json.loads(text, object_pairs_hook=_once, parse_constant=_no_constant, parse_float=_same_float)
    except RecursionError:
        raise CannotKeep("is nested too deeply") from None
    except CannotKeep:
        raise
    except ValueError:
        raise CannotKeep("is not plain JSON (comments, or a mistake in it)") from None
    if not isinstance(value, dict):
        raise CannotKeep("is not a JSON object")
    _refuse_deep(value, 0)
    try:
        json.dumps(value, ensure_ascii=False).encode()
    except UnicodeEncodeError:
        raise CannotKeep("has a text with half a character") from None
    return value


def write_table(table: Mapping[str, object], like: str) -> str:
    """The text of an object, indented as the text that it replaces."""
    found = _INDENT.match(like)
    return json.dumps(table, indent=found[1] if found else 2, ensure_ascii=False) + "\n"


def shown_table(table: object, new: object) -> object:
    """The same with `…` for every value that is not in `new`, the part that was added: those are not ours to show."""
    if isinstance(table, Mapping):
        inside = new if isinstance(new, Mapping) else {}
        return {
            HIDDEN if looks_secret(key) and key not in inside else key: shown_table(value, inside.get(key))
            for key, value in table.items()
        }
    if isinstance(table, list):
        inside_list = new if isinstance(new, list) else []
        return [one if one in inside_list else shown_table(one, None) for one in table]
    return table if table == new and new is not None else HIDDEN


def _once(pairs: list[tuple[str, object]]) -> dict[str, object]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise CannotKeep("has a key twice")
    return made


def _no_constant(name: str) -> object:
    raise CannotKeep(f"has {name}, which is not JSON")


def _same_float(text: str) -> float:
    number = float(text)
    if json.dumps(number) != text:
        raise CannotKeep("has a number that would be written differently")
    return number


def _refuse_deep(value: object, depth: int) -> None:
    if depth > DEEPEST:
        raise CannotKeep("is nested too deeply")
    if isinstance(value, dict):
        for inner in value.values():
            _refuse_deep(inner, depth + 1)
    elif isinstance(value, list):
        for inner in value:
            _refuse_deep(inner, depth + 1)
