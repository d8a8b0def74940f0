"""Model families: does a name, as some tool's settings write it, mean a model of a family? Pure.

Providers write one model in many ways: `claude-sonnet-4-5-20250929`, `anthropic/claude-sonnet-4.5`,
`bedrock/us.anthropic.claude-3-5-sonnet-20241022-v2:0`, `vertex_ai/claude-sonnet-4@20250514`. So a name is taken apart:

1. What stands before the last `/` or `::` is the way to the model, no part of its name.
2. A word of letters before `.` or `:` can be a region, vendor or provider (`us.anthropic.`, `anthropic:`), and as well
   the model (`mistral:latest`): the name is tried with it and without.
3. The rest falls into words and numbers. `4`, `4.5`, `v2`, a date are numbers; letters with a number behind them are a
   word and a number (`qwen3`); a number with letters behind it is a word (`4o`, `70b`).
4. It is of the family when its words begin with the family's words and its numbers with the family's numbers.

So `claude-sonnet` means `claude-3-5-sonnet` and `claude-sonnet-4.5` and not `qwen3-claude-sonnet-distill`, and
`gpt-4` means `gpt-4-turbo` and `gpt-4.1`, and not `gpt-4o`.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from typing import Generic, NamedTuple, TypeVar

MODEL = "model:"
"""How an observation's `setting` begins that names a model."""
MAX_NAME = 200
_WAY = re.compile(r"[a-z_-]+[.:](?=[a-z])")
_PIECE = re.compile(r"[a-z0-9]+")
_NUMBER = re.compile(r"v?\d+")
_NUMBERED = re.compile(r"([a-z]+)(\d+)")
_SHORT: Mapping[str, Mapping[str, str]] = {
    "aider": {
        "4": "gpt-4",
        "4o": "gpt-4o",
        "4-turbo": "gpt-4-turbo",
        "35turbo": "gpt-3.5-turbo",
        "35-turbo": "gpt-3.5-turbo",
        "flash": "gemini-flash",
        "haiku": "claude-haiku",
        "opus": "claude-opus",
        "r1": "deepseek-r1",
        "sonnet": "claude-sonnet",
    },
    "claude-code": {
        "haiku": "claude-haiku",
        "opus": "claude-opus",
        "opusplan": "claude-opus",
        "sonnet": "claude-sonnet",
    },
}
"""Short names that a tool's own documentation gives for a model: nothing but the tool tells whose they are."""

Whose = TypeVar("Whose")


class Parts(NamedTuple):
    """A model's name taken apart."""

    words: tuple[str, ...]
    numbers: tuple[str, ...]


class FamilyTable(Generic[Whose]):
    """From a model's name to whatever stands for the families that it is of. Its cost is that of the name's words."""

    def __init__(self, rows: Iterable[tuple[str, Whose]]) -> None:
        self._rows: dict[tuple[str, ...], list[tuple[tuple[str, ...], Whose]]] = {}
        for family, whose in rows:
            parts = take_apart(family)
            self._rows.setdefault(parts.words, []).append((parts.numbers, whose))

    def find(self, model: str, tool: str = "") -> list[Whose]:
        """Everything that has a family of this model, each once; `tool` is whose settings name it."""
        found: list[Whose] = []
        for parts in readings(model, tool) if self._rows else ():
            for end in range(1, len(parts.words) + 1):
                for numbers, whose in self._rows.get(parts.words[:end], ()):
                    if parts.numbers[: len(numbers)] == numbers and whose not in found:
                        found.append(whose)
        return found


def of_family(model: str, family: str, tool: str = "") -> bool:
    """Whether a name means a model of the family."""
    return bool(FamilyTable([(family, True)]).find(model, tool))


def readings(model: str, tool: str = "") -> Iterator[Parts]:
    """The ways in which a name can be read. A name of more than 200 characters is nobody's."""
    name = model.strip().casefold()
    if len(name) > MAX_NAME:
        return
    name = _SHORT.get(tool, {}).get(name.partition("[")[0], name)
    name = name.rpartition("/")[2].rpartition("::")[2]
    while True:
        yield take_apart(name)
        way = _WAY.match(name)
        if way is None:
            return
        name = name[way.end() :]


def take_apart(name: str) -> Parts:
    """The words and the numbers of a name or family."""
    words: list[str] = []
    numbers: list[str] = []
    for piece in _PIECE.findall(name.casefold()):
        numbered = _NUMBERED.fullmatch(piece)
        if _NUMBER.fullmatch(piece):
            numbers.append(piece.removeprefix("v"))
        elif numbered:
            words.append(numbered[1])
            numbers.append(numbered[2])
        else:
            words.append(piece)
    return Parts(tuple(words), tuple(numbers))
