"""The catalogue as models: the files of `policy_schema.catalogue`, checked, by id."""

from __future__ import annotations

import difflib
from collections.abc import Iterable, Mapping
from functools import cache
from typing import NamedTuple

from pydantic import ValidationError

from policy_schema.catalogue import VERSION, entry_texts
from policy_schema.document.complaints import problems_of
from policy_schema.document.problems import Places, Problem
from policy_schema.document.tool import Tool
from policy_schema.document.yaml_tree import parse_yaml
from policy_schema.errors import BadCatalogue, BadDocument


class Catalogue(NamedTuple):
    """The tools we know, by id, with the version of that knowledge."""

    version: str
    tools: Mapping[str, Tool]

    def find(self, name: str) -> Tool | None:
        """The tool with this id, or whose former id this is."""
        if name in self.tools:
            return self.tools[name]
        return next((tool for tool in self.tools.values() if name in tool.aliases), None)

    def nearest(self, name: str) -> str:
        """Advice for an id that does not exist."""
        names = {
            alias: tool.id for tool in self.tools.values() for alias in (tool.id, tool.name.lower(), *tool.aliases)
        }
        near = difflib.get_close_matches(name.lower(), names, n=1)
        return f"did you mean {names[near[0]]}?" if near else "see `interdict-policy catalogue list`"

    def with_defined(self, defined: Iterable[Tool]) -> Catalogue:
        """The same catalogue with an organisation's own tools."""
        return Catalogue(self.version, {**self.tools, **{tool.id: tool for tool in defined}})


@cache
def load_catalogue() -> Catalogue:
    """The catalogue of this release.

    Raises:
        BadCatalogue: an entry is wrong.
    """
    tools: dict[str, Tool] = {}
    for name, text in entry_texts():
        tool = parse_tool(text, name)
        if tool.id in tools or name != f"{tool.id}.yaml":
            raise BadCatalogue([Problem(name, 1, "id", f"{tool.id} does not fit the file", "one file a tool, ID.yaml")])
        tools[tool.id] = tool
    return Catalogue(VERSION, tools)


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
