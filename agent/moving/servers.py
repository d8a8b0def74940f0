"""MCP servers from one tool's settings to another's: how they are started and reached, without any value of a secret.

Pure. Every server arrives under its own name; what it needs and what was left out for `${NAME}` is named. A server that
cannot be carried over faithfully is left out as a whole, with the reason.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Iterator, Mapping
from typing import NamedTuple

from agent.moving.addresses import shown_address
from agent.moving.secrets import SECRET_NAME, SHORTEST, Word, holds, is_plain, looks_secret, reference, shown_words

MOST = 200
MOST_WORDS = 64
_NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9 _.@/-]{0,63}")
_ENV_NAME = re.compile(r"[A-Za-z_][A-Za-z0-9_]{0,63}")
_HEADER = re.compile(r"[A-Za-z][A-Za-z0-9-]{0,63}")
_KNOWN = frozenset({"type", "command", "args", "env", "url", "headers"})
_REMOTE = {"http": "http", "streamable-http": "http", "sse": "sse"}


class Servers(NamedTuple):
    """What is carried over, what the person must set for each server, and a sentence for what is not."""

    entries: dict[str, dict[str, object]]
    needs: dict[str, tuple[str, ...]]
    left: tuple[str, ...]


class _Cannot(Exception):
    """This server is not carried over; the text says why."""


def hidden_values(table: object) -> frozenset[str]:
    """Every value of an environment or header in a table of servers, or of tables that have such: looked for wherever
    else they may stand."""
    found: set[str] = set()
    for server in _tables(table):
        for part in ("env", "headers"):
            values = server.get(part)
            for key, value in values.items() if isinstance(values, Mapping) else ():
                if isinstance(value, str) and not reference(value):
                    named = part == "headers" or SECRET_NAME.search(str(key))
                    found.update(one for one in (value, *value.split()) if named or not is_plain(one))
    return frozenset(one for one in found if len(one) >= SHORTEST and one not in ("Bearer", "Basic"))


def carry_servers(table: object, existing: Collection[str], hidden: Collection[str]) -> Servers:
    """The servers of one tool in the form of another; those whose name is in `existing` stay as they are there.

    Raises:
        ValueError: this is no list of servers, or one of more than 200.
    """
    if not isinstance(table, Mapping):
        raise ValueError("the servers are not written as a table")
    if len(table) > MOST:
        raise ValueError(f"more than {MOST} servers")
    made = Servers({}, {}, ())
    left: list[str] = []
    for number, (name, server) in enumerate(table.items(), 1):
        if not _NAME.fullmatch(name) or looks_secret(name) or holds(name, hidden):
            left.append(f"MCP server number {number}: its name is not one that can be shown.")
        elif name in existing:
            left.append(f"MCP server {name}: there is one of that name already; it stays as it is.")
        else:
            try:
                entry, needs, remark = _carried(name, server, hidden)
            except _Cannot as why:
                left.append(f"MCP server {name}: {why}; add it yourself.")
                continue
            made.entries[name], made.needs[name] = entry, tuple(dict.fromkeys(needs))
            left += [f"MCP server {name}: {remark}"] if remark else []
    return made._replace(left=tuple(left))


def _carried(name: str, server: object, hidden: Collection[str]) -> tuple[dict[str, object], list[str], str]:
    if not isinstance(server, Mapping):
        raise _Cannot("it is not written as a table")
    stem = "MCP_" + re.sub(r"[^A-Za-z0-9]+", "_", name).strip("_").upper()
    remark = "some of its settings are not carried over." if set(server) - _KNOWN else ""
    if server.get("command"):
        entry, needs = _started(server, stem, hidden)
    elif server.get("url"):
        entry, needs = _reached(server, stem, hidden)
    else:
        raise _Cannot("it has neither a command nor an address")
    return entry, needs, remark


def _started(server: Mapping[str, object], stem: str, hidden: Collection[str]) -> tuple[dict[str, object], list[str]]:
    command, args = server.get("command"), server.get("args") or []
    if not isinstance(command, str) or not isinstance(args, list) or not all(isinstance(one, str) for one in args):
        raise _Cannot("its command is not written as text")
    if len(args) > MOST_WORDS:
        raise _Cannot(f"it has more than {MOST_WORDS} arguments")
    program = next(shown_words([command], stem, hidden, launcher="npx"))
    if program.missing or program.text != command:
        raise _Cannot("its command is written in a way that is not carried over")
    words = list(_words([str(one) for one in args], stem, hidden, _base(command)))
    needs = [word.missing for word in words if word.missing]
    entry: dict[str, object] = {"command": command, "args": [word.text for word in words]}
    if env := _named(server.get("env"), _ENV_NAME, lambda key: key):
        entry["env"] = env
        needs += [reference(value) for value in env.values()]
    return entry, needs


def _words(args: list[str], stem: str, hidden: Collection[str], launcher: str) -> Iterator[Word]:
    """Addresses among the words are judged part by part; one that lacks a part must be set as a whole."""
    before = ""
    for word, shown in zip(args, shown_words(args, stem, hidden, launcher=launcher), strict=True):
        yield Word(word) if shown.missing and _clean(word, before, hidden) else shown
        before = word


def _clean(word: str, before: str, hidden: Collection[str]) -> bool:
    if "://" not in word or SECRET_NAME.search(before) or any(char.isspace() for char in word):
        return False
    try:
        return not shown_address(word, "", hidden).missing
    except ValueError:
        return False


def _reached(server: Mapping[str, object], stem: str, hidden: Collection[str]) -> tuple[dict[str, object], list[str]]:
    url, kind = server["url"], _REMOTE.get(str(server.get("type") or "http"))
    if kind is None or not isinstance(url, str):
        raise _Cannot("it is reached in a way that is not carried over")
    try:
        address = shown_address(url, stem, hidden)
    except ValueError as error:
        raise _Cannot(str(error)) from error
    needs = list(address.missing)
    entry: dict[str, object] = {"url": address.text, "type": kind}
    headers = _named(server.get("headers"), _HEADER, lambda key: f"{stem}_{key.replace('-', '_').upper()}")
    if headers:
        entry["headers"] = headers
        needs += [reference(value) for value in headers.values()]
    return entry, needs


def _named(values: object, form: re.Pattern[str], name: Callable[[str], str]) -> dict[str, str]:
    """The names alone, each with a reference for its value.

    Raises:
        _Cannot: a name cannot be shown.
    """
    if values is None:
        return {}
    if not isinstance(values, Mapping) or len(values) > MOST_WORDS:
        raise _Cannot("its environment or headers are not written as a table")
    made: dict[str, str] = {}
    for key, value in values.items():
        if not form.fullmatch(key) or looks_secret(key):
            raise _Cannot("a name in its environment or headers is not one that can be shown")
        known = reference(value) if isinstance(value, str) else ""
        made[key] = f"${{{known or name(key)}}}"
    return made


def _base(command: str) -> str:
    return command.replace("\\", "/").rpartition("/")[2].removesuffix(".exe").removesuffix(".cmd")


def _tables(table: object) -> Iterator[Mapping[str, object]]:
    for server in table.values() if isinstance(table, Mapping) else ():
        if isinstance(server, Mapping):
            yield server
