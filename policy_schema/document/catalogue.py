"""The catalogue as models: the files of `policy_schema.catalogue`, checked, by id.

A policy names a few tools of a hundred, and reading one costs two milliseconds. So each entry is read when it is asked
for; what a search needs of all of them (`Head`) stands in a few lines that are found without reading the rest.
"""

from __future__ import annotations

import difflib
import json
import re
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import NamedTuple

from pydantic import ValidationError

from policy_schema.catalogue import VERSION, entry_texts
from policy_schema.document.complaints import problems_of
from policy_schema.document.problems import Places, Problem
from policy_schema.document.tool import Tool
from policy_schema.document.yaml_tree import parse_yaml
from policy_schema.errors import BadCatalogue, BadDocument

_HEAD_LINE = re.compile(r"^(id|name|vendor|category|aliases|embeds): (.+)$", re.MULTILINE)


class Head(NamedTuple):
    """What a search looks at."""

    id: str
    name: str
    vendor: str
    category: str
    aliases: tuple[str, ...]
    embeds: tuple[str, ...]


class Tools(Mapping[str, Tool]):
    """Tools by id: an organisation's own, and those of the catalogue, which are read when they are asked for."""

    def __init__(self, texts: Mapping[str, str], own: Mapping[str, Tool], read: dict[str, Tool] | None = None) -> None:
        self._texts = texts
        self._own = own
        self._read: dict[str, Tool] = {} if read is None else read

    def __getitem__(self, name: str) -> Tool:
        """The tool of this id.

        Raises:
            KeyError: there is none.
            BadCatalogue: its entry is wrong.
        """
        if name in self._own:
            return self._own[name]
        if name not in self._read:
            self._read[name] = parse_tool(self._texts[name], f"{name}.yaml")
        return self._read[name]

    def __iter__(self) -> Iterator[str]:
        """The ids, the catalogue's first."""
        return iter({**dict.fromkeys(self._texts), **dict.fromkeys(self._own)})

    def __len__(self) -> int:
        """How many there are."""
        return len(self._texts.keys() | self._own.keys())

    def __contains__(self, name: object) -> bool:
        """Asks without reading the entry."""
        return name in self._texts or name in self._own

    def entries_read(self) -> tuple[str, ...]:
        """The ids of the entries that were read so far."""
        return tuple(self._read)

    def with_own(self, own: Iterable[Tool]) -> Tools:
        """The same with an organisation's tools."""
        return Tools(self._texts, {**self._own, **{tool.id: tool for tool in own}}, self._read)


class Catalogue(NamedTuple):
    """The tools we know, by id, with the version of that knowledge."""

    version: str
    tools: Tools
    heads: Mapping[str, Head]

    def find(self, name: str) -> Tool | None:
        """The tool with this id, or whose former id this is."""
        if name in self.heads:
            return self.tools[name]
        return next((self.tools[head.id] for head in self.heads.values() if name in head.aliases), None)

    def nearest(self, name: str) -> str:
        """Advice for an id that does not exist."""
        names = {
            alias: head.id for head in self.heads.values() for alias in (head.id, head.name.lower(), *head.aliases)
        }
        near = difflib.get_close_matches(name.lower(), names, n=1)
        return f"did you mean {names[near[0]]}?" if near else "see `interdict-policy catalogue list`"

    def with_defined(self, defined: Iterable[Tool]) -> Catalogue:
        """The same catalogue with an organisation's own tools."""
        own = tuple(defined)
        return Catalogue(self.version, self.tools.with_own(own), {**self.heads, **{t.id: head_of(t) for t in own}})


@cache
def load_catalogue() -> Catalogue:
    """The catalogue of this release. What is wrong inside an entry is said when it is read.

    Raises:
        BadCatalogue: an entry has no id, or another than its file.
    """
    texts = {file.removesuffix(".yaml"): text for file, text in entry_texts()}
    heads = {name: read_head(text, f"{name}.yaml") for name, text in texts.items()}
    for name, head in heads.items():
        if head.id != name:
            problem = Problem(f"{name}.yaml", 1, "id", f"{head.id} does not fit the file", "one file a tool, ID.yaml")
            raise BadCatalogue([problem])
    return Catalogue(VERSION, Tools(texts, {}), heads)


def read_head(text: str, name: str) -> Head:
    """The head of an entry: from its lines where they are written as usual, else by reading all of it.

    Raises:
        BadCatalogue: the entry has to be read, and is wrong.
    """
    try:
        values = {found[1]: json.loads(found[2]) for found in _HEAD_LINE.finditer(text)}
        aliases, embeds = tuple(values.pop("aliases")), tuple(values.pop("embeds"))
        return Head(**values, aliases=aliases, embeds=embeds)
    except (ValueError, KeyError, TypeError):
        # Another way of writing YAML: right all the same, only slower.
        return head_of(parse_tool(text, name))


def head_of(tool: Tool) -> Head:
    """The head of a tool that was read."""
    return Head(tool.id, tool.name, tool.vendor, tool.category, tool.aliases, tool.embeds)


def parse_tool(text: str, name: str) -> Tool:
    """Reads one catalogue entry.

    Raises:
        BadCatalogue: it is wrong; `problems` tell where.
    """
    try:
        document = parse_yaml(text, name)
    except BadDocument as error:
        raise BadCatalogue(error.problems) from error
    try:
        return Tool.model_validate(document.tree)
    except ValidationError as error:
        raise BadCatalogue(problems_of(error, document.places, Tool)) from error


def tool_places(text: str, name: str) -> Places:
    """Where the values of a catalogue entry stand.

    Raises:
        BadDocument: the text is not plain YAML.
    """
    return parse_yaml(text, name).places
