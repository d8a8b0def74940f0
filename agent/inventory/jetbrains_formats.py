"""`plugin.xml` of JetBrains' IDEs: the id, name and version of a plugin. Pure; any bytes in, a value or a ValueError.

Entities are never expanded and nothing outside is fetched: a document that declares entities is refused.
Rules: "Plugin Configuration File" of the IntelliJ platform's documentation.
"""

from __future__ import annotations

import re
from typing import NamedTuple
from xml.parsers import expat

from agent.inventory.json_object import text_of

MAX_ID = 200
MAX_VERSION = 80
MAX_NESTING = 200
_MAX_TEXT = 4 * MAX_ID
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+_-]*")
_WANTED = ("id", "name", "version")


class Plugin(NamedTuple):
    """One plugin; the version is empty when nothing usable tells it."""

    id: str
    name: str
    version: str

    @property
    def key(self) -> str:
        """The key of the rulebook's table: `jetbrains:com.anthropic.code.plugin`."""
        return f"jetbrains:{self.id}"


def parse_plugin(data: bytes) -> Plugin:
    """Reads what a `plugin.xml` says about itself. Without an id the name is the id, as the IDE takes it.

    Raises:
        ValueError: no XML, one that declares entities, no plugin's, or without a usable id.
    """
    reader = _Reader()
    try:
        reader.parser.Parse(data, True)
    except expat.ExpatError as error:
        raise ValueError(f"not XML: {expat.ErrorString(error.code)}") from None
    except LookupError:
        raise ValueError("not XML: an unknown encoding") from None
    name = text_of(reader.text["name"], MAX_ID)
    plugin = text_of(reader.text["id"], MAX_ID) or name
    if not plugin:
        raise ValueError("no usable id in it")
    version = reader.text["version"].strip()
    good = len(version) <= MAX_VERSION and _VERSION.fullmatch(version)
    return Plugin(plugin, name or plugin, version if good else "")


class _Reader:
    """Collects the text of the wanted children of `<idea-plugin>`; of two with one name the first counts."""

    def __init__(self) -> None:
        self.text = dict.fromkeys(_WANTED, "")
        self._path: list[str] = []
        self._done: set[str] = set()
        self.parser = expat.ParserCreate()
        self.parser.buffer_text = True
        self.parser.StartElementHandler = self._start
        self.parser.EndElementHandler = self._end
        self.parser.CharacterDataHandler = self._characters
        self.parser.EntityDeclHandler = self._entity

    def _start(self, name: str, attributes: dict[str, str]) -> None:
        if not self._path and name != "idea-plugin":
            raise ValueError("the document is not about a plugin")
        if len(self._path) >= MAX_NESTING:
            raise ValueError("nested too deeply")
        self._path.append(name)

    def _end(self, name: str) -> None:
        if len(self._path) == 2 and self.text.get(name, "").strip():
            self._done.add(name)
        self._path.pop()

    def _characters(self, text: str) -> None:
        name = self._path[1] if len(self._path) == 2 else ""
        if name in self.text and name not in self._done and len(self.text[name]) < _MAX_TEXT:
            self.text[name] += text

    def _entity(self, *declaration: object) -> None:
        raise ValueError("it declares entities")
