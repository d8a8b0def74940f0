"""YAML text → a tree of plain texts, lists and mappings, with the line of each value.

Stricter than YAML on purpose: every scalar is text (`NO`, `2.10` and `on` stay what was written; the schema converts),
no tags, no anchors and aliases, no duplicate keys, one document, bounded depth and number of values. It works on the
parser's events, so nothing is ever built from a tag and nothing can be expanded.

Two parsers: the one written in Python decides, and says what is wrong; the one written in C (libyaml, ten times as
fast) is asked first about a text that both read alike, and only its plain yes counts (docs/adr/0090).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeAlias

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import (
    AliasEvent,
    DocumentStartEvent,
    Event,
    MappingEndEvent,
    MappingStartEvent,
    NodeEvent,
    ScalarEvent,
    SequenceEndEvent,
    SequenceStartEvent,
)

try:
    from _ruamel_yaml import CParser  # type: ignore[import-not-found]  # it has no stubs
except ImportError:  # no wheel for this system: slower, with the same result
    CParser = None

from policy_schema.document.characters import hidden_character
from policy_schema.document.problems import Path, Places, Problem
from policy_schema.errors import BadDocument

Tree: TypeAlias = "str | list[Tree] | dict[str, Tree]"

MAX_DEPTH = 16
MAX_VALUES = 1_000_000
MAX_PROBLEMS = 25
NO_VALUE = ("", "~", "null", "Null", "NULL")
_READ_ALIKE = re.compile("[\n -~\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]*")
"""Without tabs, control characters, other line ends and marks of the byte order."""


class Document(NamedTuple):
    """A tree and where its values stand."""

    tree: dict[str, Tree]
    places: Places


def parse_yaml(text: str, name: str) -> Document:
    """Reads one YAML document whose top is a mapping. `name` stands in the problems.

    Raises:
        BadDocument: anything that is not plain, bounded YAML; every duplicate key and missing value is named.
    """
    return parse_quickly(text, name) or parse_surely(text, name)


def parse_quickly(text: str, name: str) -> Document | None:
    """The document by the parser in C; None where anything is wrong, or the parser in Python might see it otherwise."""
    if CParser is None or not _READ_ALIKE.fullmatch(text):
        return None
    builder = _Builder(name)
    try:
        tree = builder.document(_events_in_c(text))
    except (BadDocument, YAMLError, ValueError, OverflowError, IndexError):
        return None
    return None if builder.problems else Document(tree, builder.places)


def parse_surely(text: str, name: str) -> Document:
    """The document by the parser in Python.

    Raises:
        BadDocument: as `parse_yaml` says.
    """
    builder = _Builder(name)
    try:
        tree = builder.document(_events(text))
    except MarkedYAMLError as error:
        raise BadDocument([_syntax(error, name)]) from error
    except (YAMLError, ValueError, OverflowError, IndexError) as error:
        # Some malformed escapes and unprintable bytes end in these instead of a marked error.
        problem = Problem(name, 0, "", f"is not YAML: {error}", "write it as UTF-8 text, texts in double quotes")
        raise BadDocument([problem]) from error
    if builder.problems:
        raise BadDocument(builder.problems)
    return Document(tree, builder.places)


def _events(text: str) -> Iterator[Event]:
    events: Iterator[Event] = YAML(typ="safe", pure=True).parse(text)
    return events


def _events_in_c(text: str) -> Iterator[Event]:
    parser = CParser(text)
    check: Callable[[], bool] = parser.check_event
    take: Callable[[], Event] = parser.get_event
    while check():
        yield take()


def _syntax(error: MarkedYAMLError, name: str) -> Problem:
    mark = error.problem_mark or error.context_mark
    line = mark.line + 1 if mark is not None else 0
    what = error.problem or error.context or "cannot be read"
    mend = "put texts in double quotes, and indent with blanks only"
    if "mapping values are not allowed" in what:
        mend = "put the text in double quotes: a colon and a blank begin a new key"
    return Problem(name, line, "", f"is not YAML: {what}", mend)


class _Builder:
    """Builds the tree of one document from its events."""

    def __init__(self, name: str) -> None:
        self.lines: dict[Path, int] = {}
        self.places = Places(name, self.lines)
        self.problems: list[Problem] = []
        self._values = 0

    def document(self, events: Iterator[Event]) -> dict[str, Tree]:
        """The tree of the only document.

        Raises:
            BadDocument: what makes going on senseless.
        """
        tree: Tree | None = None
        for event in events:
            if isinstance(event, DocumentStartEvent) and tree is not None:
                raise self._stop(event, (), "holds a second document", "remove the line `---` and what follows it")
            if isinstance(event, NodeEvent):
                tree = self._value(event, events, ())
        if tree is None:
            raise BadDocument([self.places.problem((), "is empty", "run `interdict-policy new` to begin one")])
        if not isinstance(tree, dict):
            raise BadDocument([self.places.problem((), "is not a list of keys and values", "begin with `schema: 1`")])
        return tree

    def _stop(self, event: Event, path: Path, message: str, mend: str) -> BadDocument:
        self.lines[path] = _line(event)
        return BadDocument([*self.problems, self.places.problem(path, message, mend)])

    def _complain(self, path: Path, line: int, message: str, mend: str) -> None:
        found = self.places.problem(path, message, mend)._replace(line=line)
        self.problems.append(found)
        if len(self.problems) >= MAX_PROBLEMS:
            raise BadDocument(self.problems)

    def _value(self, event: NodeEvent, events: Iterator[Event], path: Path) -> Tree:
        self._check(event, path)
        self.lines.setdefault(path, _line(event))
        if isinstance(event, SequenceStartEvent):
            return self._sequence(events, path)
        if isinstance(event, MappingStartEvent):
            return self._mapping(events, path)
        return self._text(event, path)

    def _check(self, event: NodeEvent, path: Path) -> None:
        self._values += 1
        if isinstance(event, AliasEvent) or event.anchor is not None:
            raise self._stop(event, path, "uses an anchor or alias (& or *)", "write the value out where it is needed")
        tag: object = getattr(event, "tag", None)
        if tag is not None:
            raise self._stop(event, path, f"uses the tag {str(tag)[:80]}", "write a plain text, list or mapping")
        if len(path) > MAX_DEPTH:
            raise self._stop(event, path[:MAX_DEPTH], f"is deeper than {MAX_DEPTH} levels", "write it flatter")
        if self._values > MAX_VALUES:
            raise self._stop(event, path, f"has more than {MAX_VALUES:,} values", "split the policy")

    def _sequence(self, events: Iterator[Event], path: Path) -> list[Tree]:
        items: list[Tree] = []
        for event in events:
            if isinstance(event, SequenceEndEvent):
                break
            assert isinstance(event, NodeEvent)
            items.append(self._value(event, events, (*path, len(items))))
        return items

    def _mapping(self, events: Iterator[Event], path: Path) -> dict[str, Tree]:
        entries: dict[str, Tree] = {}
        for event in events:
            if isinstance(event, MappingEndEvent):
                break
            assert isinstance(event, NodeEvent)
            key = self._key(event, path)
            place = (*path, key)
            twice = key in entries
            if twice:
                first = self.lines[place]
                self._complain(place, _line(event), f"stands here again (first in line {first})", "keep one of the two")
            self.lines.setdefault(place, _line(event))
            value = self._value(_next_node(events), events, place)
            if not twice:
                entries[key] = value
        return entries

    def _key(self, event: NodeEvent, path: Path) -> str:
        if not isinstance(event, ScalarEvent):
            raise self._stop(event, path, "has a key that is not a text", "write `name: value`")
        self._check(event, path)
        key: str = event.value
        if hidden := hidden_character(key):
            self._complain(path, _line(event), f"has a key with the hidden character {hidden}", "type the key anew")
        return key

    def _text(self, event: NodeEvent, path: Path) -> str:
        assert isinstance(event, ScalarEvent)
        text: str = event.value
        if not event.style and text in NO_VALUE:
            # The mark of a value that is not there stands at whatever comes next.
            self._complain(path, self.lines[path], *_no_value(path))
        if hidden := hidden_character(text):
            self._complain(path, _line(event), f"has the hidden character {hidden}", "type the text anew without it")
        return text


def _next_node(events: Iterator[Event]) -> NodeEvent:
    event = next(events)
    assert isinstance(event, NodeEvent)
    return event


def _no_value(path: Path) -> tuple[str, str]:
    key = path[-1] if path else ""
    if isinstance(key, str) and (" " in key or path[-2:-1] == ("reason",)):
        return "has no value: the text before it was cut at a comma", "put the whole text in double quotes"
    return "has no value", "write one, or leave the key out"


def _line(event: Event) -> int:
    mark = event.start_mark
    return mark.line + 1 if mark is not None else 0
