"""What is wrong in a document, and where it stands: the form in which lint, load and close speak."""

from __future__ import annotations

from collections.abc import Mapping
from enum import StrEnum
from typing import NamedTuple

Path = tuple[str | int, ...]
"""Keys and list positions from the top of a document to a value."""


MAX_LINE = 500
"""Characters of a problem before its advice: a document can hold names of any length."""


class Level(StrEnum):
    """An error stops the policy; a warning is worth a look and stops nothing."""

    ERROR = "error"
    WARNING = "warning"


class Problem(NamedTuple):
    """One thing to mend. `line` counts from 1; 0 when the document has no lines (it was not read from a file)."""

    file: str
    line: int
    field: str
    message: str
    mend: str
    level: Level = Level.ERROR

    def text(self) -> str:
        """`file:line: field: what`, without the advice."""
        place = f"{self.file}:{self.line}" if self.line else self.file
        field = f"{self.field}: " if self.field else ""
        mark = "warning: " if self.level is Level.WARNING else ""
        return f"{place}: {mark}{field}{self.message}"

    def line_of_text(self) -> str:
        """`file:line: field: what; do this`: one line, whatever stands in the document."""
        text = printable(self.text())
        return f"{text if len(text) <= MAX_LINE else text[: MAX_LINE - 3] + '...'}; {printable(self.mend)}"

    def as_json(self) -> dict[str, str | int]:
        """The form of `lint --json`."""
        return {**self._asdict(), "level": self.level.value}


class Places(NamedTuple):
    """Where each value of one document stands."""

    file: str = "policy"
    lines: Mapping[Path, int] = {}
    files: Mapping[Path, str] = {}
    """The file of what was included, by the row that came from it; `file` for the rest."""

    def line(self, path: Path) -> int:
        """The line of a value, or of the nearest thing around it; 0 when nothing is known."""
        for end in range(len(path), -1, -1):
            if path[:end] in self.lines:
                return self.lines[path[:end]]
        return 0

    def file_of(self, path: Path) -> str:
        """The file that a value came from."""
        return next((self.files[path[:end]] for end in range(len(path), 0, -1) if path[:end] in self.files), self.file)

    def rank(self, file: str) -> tuple[bool, str]:
        """Sorts the policy's own file before what it includes."""
        return file != self.file, file

    def problem(self, path: Path, message: str, mend: str, level: Level = Level.ERROR) -> Problem:
        """A problem at `path`."""
        return Problem(self.file_of(path), self.line(path), field_name(path), message, mend, level)


def field_name(path: Path) -> str:
    """`bans[0].stages[1].from` for ("bans", 0, "stages", 1, "from")."""
    name = ""
    for part in path:
        name += f"[{part}]" if isinstance(part, int) else f".{part}" if name else part
    return name if len(name) <= 120 else name[:117] + "..."


def printable(text: str) -> str:
    """The same text on one line and without characters that steer a terminal."""
    return "".join(char if char.isprintable() else char.encode("unicode_escape").decode("ascii") for char in text)
