"""How commands print: a table or a sentence for people, one JSON document for programs."""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence


def print_json(value: object) -> None:
    """One JSON document on stdout and nothing else."""
    sys.stdout.write(
        json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace").decode() + "\n"
    )


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table with columns as wide as they need to be; the last one is not padded."""
    cells = [[_clean(cell) for cell in row] for row in (list(head), *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head) - 1)]
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        say("  ".join([*padded, row[-1]]).rstrip())


def say(text: str = "") -> None:
    """One line for a person; what the terminal cannot show is escaped."""
    encoding = sys.stdout.encoding or "utf-8"
    print(text.encode(encoding, "backslashreplace").decode(encoding))


def progress(text: str) -> None:
    """Shows what is being done to a person at a terminal, and nothing to a pipe."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _clean(text: str) -> str:
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Cs") else "?" for c in text)
