"""How `restore.py` reads and writes its records: JSON as far as the agent writes it, for a Python without `json`.

`agent.enforce.quarantine` puts the text of this module into `restore.py`, in place of the line that imports it.
"""

from __future__ import annotations

import os
import re
import time
from typing import Any, Dict  # noqa: UP035  # for Python 3.8

Facts = Dict[str, Any]  # noqa: UP006  # evaluated by Python 3.8

TOKEN = re.compile(
    r'[ \t\r\n]*(?:([][{},:])|"((?:[^"\\\x00-\x1f]|\\["\\/bfnrt]|\\u[0-9a-fA-F]{4})*)"|'
    r"(-?[0-9]+)(?![0-9.eE])|(true|false|null))"
)
ESCAPED = re.compile(r"\\(?:u([0-9a-fA-F]{4})|(.))")
SHORT = {"b": "\b", "f": "\f", "n": "\n", "r": "\r", "t": "\t", '"': '"', "\\": "\\", "/": "/"}
WORDS = {"true": True, "false": False, "null": None}


def load(path: str) -> Facts:
    """Reads one of our JSON files."""
    with open(path, "rb") as file:
        value = parse(file.read().decode("ascii"))
    if not isinstance(value, dict) or value.get("schema") != 1:
        raise ValueError(f"{path} has a form that this script does not know")
    return value


def save(cell: str, record: Facts, state: str, place: str, identity: tuple[int, int]) -> None:
    """Replaces the record, so that an agent that is still there sees what happened."""
    record["state"], record["restored_to"], record["identity"] = state, place, list(identity)
    record["by"], record["restored_under"] = "restore.py", None
    record["at"] = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime())
    path = os.path.join(cell, "record.json")
    with open(path + ".new", "w", encoding="ascii") as file:
        file.write(written(record) + "\n")
        file.flush()
        os.fsync(file.fileno())
    os.replace(path + ".new", path)


def parse(text: str) -> Any:
    """The value that a text in JSON stands for, as far as the agent writes it: no fractions. Raises ValueError."""
    value, end = parse_at(text, 0)
    if text[end:].strip(" \t\r\n"):
        raise ValueError(f"not JSON at character {end}")
    return value


def parse_at(text: str, at: int) -> tuple[Any, int]:
    """The value that begins here, and where it ends."""
    found = TOKEN.match(text, at)
    if found is None:
        raise ValueError(f"not JSON at character {at}")
    sign, quoted, number, word = found.groups()
    at = found.end()
    if quoted is not None:
        return unescaped(quoted), at
    if number is not None:
        return int(number), at
    if word is not None:
        return WORDS[word], at
    if sign not in "[{":
        raise ValueError(f"not JSON before character {at}")
    return parse_many(text, at, sign)


def parse_many(text: str, at: int, sign: str) -> tuple[Any, int]:
    """What stands between two brackets."""
    names: list[Any] = []
    values: list[Any] = []
    at, close = skip(text, at), "]" if sign == "[" else "}"
    while text[at : at + 1] != close:
        if values:
            at = expect(text, at, ",")
        if sign == "{":
            name, at = parse_at(text, at)
            if not isinstance(name, str):
                raise ValueError(f"not JSON before character {at}")
            names.append(name)
            at = expect(text, at, ":")
        value, at = parse_at(text, at)
        values.append(value)
        at = skip(text, at)
    return (values if sign == "[" else dict(zip(names, values))), at + 1  # noqa: B905  # Python 3.10's word


def skip(text: str, at: int) -> int:
    """Where the next thing begins."""
    while text[at : at + 1] in (" ", "\n", "\r", "\t"):
        at += 1
    return at


def expect(text: str, at: int, sign: str) -> int:
    """Behind a sign that must stand there."""
    at = skip(text, at)
    if text[at : at + 1] != sign:
        raise ValueError(f"not JSON at character {at}: {sign} is missing")
    return at + 1


def unescaped(quoted: str) -> str:
    """A text without its backslashes; two halves of a sign become one."""
    if "\\" not in quoted:
        return quoted
    text = ESCAPED.sub(lambda found: chr(int(found[1], 16)) if found[1] else SHORT[found[2]], quoted)
    return text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "surrogatepass")


def written(value: Any) -> str:
    """The same the other way, in ASCII."""
    if isinstance(value, str):
        units = value.encode("utf-16-le", "surrogatepass")
        signs = [units[at] | units[at + 1] << 8 for at in range(0, len(units), 2)]
        return '"' + "".join(chr(s) if 32 <= s < 127 and s not in (34, 92) else f"\\u{s:04x}" for s in signs) + '"'
    if isinstance(value, dict):
        return "{" + ",\n ".join(f"{written(name)}: {written(inner)}" for name, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(written, value)) + "]"
    return next((word for word, meant in WORDS.items() if value is meant), "") or str(int(value))
