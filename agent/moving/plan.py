"""What a move would carry over: every file that would change, before and after, and what stays behind, with reasons."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from typing import NamedTuple

from agent.errors import InterdictError
from agent.inventory.json_object import read_object
from agent.moving import instructions, json_settings
from agent.moving.home import File, Home
from agent.moving.instructions import carry_text
from agent.moving.json_settings import read_table, shown_table, write_table
from agent.moving.permissions import carry_rules
from agent.moving.servers import carry_servers, hidden_values
from policy_schema.rules.portable import FORMS, SettingKind

_SERVERS, _PERMISSIONS = "mcpServers", "permissions"


class Change(NamedTuple):
    """One file that would be written. `shown` is a unified diff that holds no value of what was there before."""

    place: str
    before: bytes | None
    after: bytes
    mode: int
    shown: str


class Plan(NamedTuple):
    """Everything a move would carry over."""

    changes: tuple[Change, ...]
    carried: dict[str, int]
    """By kind how many things."""
    left: tuple[str, ...]
    needs: dict[str, tuple[str, ...]]
    """By server the names that the person must set."""


class _Table:
    """A JSON settings file of the new tool, with what is added to it."""

    def __init__(self, place: str, file: File | None) -> None:
        self.place, self.file = place, file
        self.text = file.data.decode("utf-8") if file else ""
        self.table = read_table(self.text)
        self.new: dict[str, object] = {}

    def part(self, key: str) -> dict[str, object]:
        """A table in it; raises CannotKeep if something else stands there."""
        value = self.table.get(key, {})
        if not isinstance(value, dict):
            raise json_settings.CannotKeep(f"has something else than a table under {key}")
        return value

    def change(self) -> Change | None:
        """The file with what was added."""
        if not self.new:
            return None
        after = write_table(self.table, self.text)
        shown_after = write_table(_mapping(shown_table(self.table, self.new)), self.text)
        was = write_table(_mapping(shown_table(read_table(self.text), {})), self.text) if self.file else ""
        mode = self.file.mode & 0o777 if self.file else 0o600
        before = self.file.data if self.file else None
        return Change(self.place, before, after.encode(), mode, unified(self.place, was, shown_after))


class Planner:
    """Makes the plan for one person and two tools. Every problem with a file is a sentence, never an end."""

    def __init__(self, home: Home, source: Mapping[str, str], target: Mapping[str, str]) -> None:
        """`source` and `target` give by kind the file of each tool (`places_of`)."""
        self._home, self._source, self._target = home, source, target
        self._tables: dict[str, _Table] = {}
        self._texts: list[Change] = []
        self._left: list[str] = []
        self._carried: dict[str, int] = {}
        self._needs: dict[str, tuple[str, ...]] = {}
        self._hidden: frozenset[str] = frozenset()

    def plan(self) -> Plan:
        """Reads both sides."""
        sources = {kind: self._table_of(kind) for kind in (SettingKind.MCP_SERVERS, SettingKind.PERMISSIONS)}
        self._hidden = self._secrets(sources[SettingKind.MCP_SERVERS])
        for table in sources.values():
            self._hidden |= hidden_values({"": table})
        for kind in SettingKind:
            if kind in self._source and kind in self._target:
                self._try(kind, sources.get(kind))
            elif kind in self._source:
                self._left.append(f"{kind}: the new tool has no place for them that is known.")
        changes = [change for table in self._tables.values() if (change := table.change())]
        return Plan((*changes, *self._texts), self._carried, tuple(self._left), self._needs)

    def _try(self, kind: SettingKind, source: dict[str, object] | None) -> None:
        place = self._target[kind]
        try:
            if kind is SettingKind.MCP_SERVERS:
                self._servers(place, source)
            elif kind is SettingKind.PERMISSIONS:
                self._permissions(place, source)
            else:
                self._instructions(place)
        except json_settings.CannotKeep as error:
            self._left.append(f"{kind}: {place} {error}; it is left as it is.")
        except UnicodeDecodeError:
            self._left.append(f"{kind}: {place} is not written in UTF-8; it is left as it is.")
        except (InterdictError, ValueError) as error:
            self._left.append(f"{kind}: {error}; not carried over.")

    def _servers(self, place: str, source: dict[str, object] | None) -> None:
        if not source or not source.get(_SERVERS):
            return
        target = self._open(place)
        there = target.part(_SERVERS)
        found = carry_servers(source[_SERVERS], there, self._hidden)
        self._left += found.left
        if found.entries:
            target.table[_SERVERS] = {**there, **found.entries}
            target.new[_SERVERS] = found.entries
            self._needs = {name: needs for name, needs in found.needs.items() if needs}
            self._carried[SettingKind.MCP_SERVERS] = len(found.entries)

    def _permissions(self, place: str, source: dict[str, object] | None) -> None:
        if not source or not source.get(_PERMISSIONS):
            return
        target = self._open(place)
        there = target.part(_PERMISSIONS)
        found = carry_rules(source[_PERMISSIONS], there, self._hidden)
        self._left += found.left
        if found.added:
            lists = {name: [*_list(there.get(name)), *rules] for name, rules in found.added.items()}
            target.table[_PERMISSIONS] = {**there, **lists}
            target.new[_PERMISSIONS] = found.added
            self._carried[SettingKind.PERMISSIONS] = sum(map(len, found.added.values()))

    def _instructions(self, place: str) -> None:
        origin = self._source[SettingKind.INSTRUCTIONS]
        source = self._home.read(origin, instructions.MOST)
        if source is None:
            return
        file = self._home.read_target(place, instructions.MOST)
        target = file.data.decode("utf-8") if file else ""
        try:
            text = source.data.decode("utf-8-sig")
        except UnicodeDecodeError:
            raise ValueError(f"{origin} is not written in UTF-8") from None
        found = carry_text(text, target, origin, self._hidden)
        self._left += found.left
        if found.after is not None:
            # No line of what was there is shown: only what comes behind it.
            shown = unified(place, "", found.after[len(target) :], was_there=bool(file))
            mode = file.mode & 0o777 if file else 0o600
            self._texts.append(Change(place, file.data if file else None, found.after.encode(), mode, shown))
            self._carried[SettingKind.INSTRUCTIONS] = 1

    def _open(self, place: str) -> _Table:
        if place not in self._tables:
            self._tables[place] = _Table(place, self._home.read_target(place, json_settings.MOST))
        return self._tables[place]

    def _table_of(self, kind: SettingKind) -> dict[str, object] | None:
        """What the old tool's file says; None when there is none."""
        place = self._source.get(kind)
        if place is None:
            return None
        try:
            file = self._home.read(place, json_settings.MOST)
            return read_object(file.data) if file else None
        except (InterdictError, ValueError) as error:
            self._left.append(f"{kind}: {place}: {str(error).removeprefix(place + ': ')}; not carried over.")
            return None

    def _secrets(self, servers: dict[str, object] | None) -> frozenset[str]:
        """Values that the old tool's settings keep as secrets, in all of them: also those of single projects."""
        if servers is None:
            return frozenset()
        found = set(hidden_values(servers.get(_SERVERS)))
        projects = servers.get("projects")
        for project in projects.values() if isinstance(projects, dict) else ():
            if isinstance(project, dict) and project.get(_SERVERS):
                found |= hidden_values(project[_SERVERS])
                if "single projects" not in "".join(self._left):
                    self._left.append("MCP servers of single projects stay with their projects; add those you need.")
        return frozenset(found)


def places_of(tool: object) -> dict[str, str]:
    """By kind the file of a tool's catalogue entry, for kinds and forms that are known here."""
    entry = tool.get("portable") if isinstance(tool, Mapping) else None
    found: dict[str, str] = {}
    for kind, (form, ending) in FORMS.items():
        place = entry.get(kind.value) if isinstance(entry, Mapping) else None
        if isinstance(place, Mapping) and place.get("form") == form.value and str(place.get("file")).endswith(ending):
            found[kind.value] = str(place["file"])
    return found


def unified(place: str, before: str, after: str, *, was_there: bool | None = None) -> str:
    """A unified diff of two texts as they may be shown."""
    there = bool(before) if was_there is None else was_there
    head = (place if there else "/dev/null", place)
    lines = difflib.unified_diff(before.splitlines(), after.splitlines(), *head, lineterm="", n=2)
    return "\n".join(lines)


def _mapping(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []
