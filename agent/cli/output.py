"""How commands print: a table or a sentence for people, one JSON document for programs.

What is printed names files, versions and packages of people who may wish to write to the terminal of whoever looks:
nothing that a terminal would obey, or that would change the order of what is read, goes out unescaped.
"""

from __future__ import annotations

import json
import sys
import unicodedata
from collections.abc import Sequence


def print_json(value: object) -> None:
    """One JSON document on stdout and nothing else."""
    text = json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace").decode()
    sys.stdout.write("".join(_escape(c) if c != "\n" and _obeyed(c) else c for c in text) + "\n")


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """A table with columns as wide as they need to be; the last one is not padded."""
    cells = [[_clean(cell) for cell in row] for row in (list(head), *rows)]
    widths = [max(len(row[i]) for row in cells) for i in range(len(head) - 1)]
    for row in cells:
        padded = [cell.ljust(width) for cell, width in zip(row, widths, strict=False)]
        say("  ".join([*padded, row[-1]]).rstrip())


def say(text: str = "") -> None:
    """A sentence for a person; what the terminal cannot show is escaped, what it would obey is left out."""
    encoding = sys.stdout.encoding or "utf-8"
    print(plain(text).encode(encoding, "backslashreplace").decode(encoding))


def plain(text: str) -> str:
    """Text without control, format and bidirectional characters; line ends stay."""
    return "\n".join(_clean(line) for line in text.split("\n"))


def progress(text: str) -> None:
    """Shows what is being done to a person at a terminal, and nothing to a pipe."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _clean(text: str) -> str:
    return "".join("?" if _obeyed(c) else c for c in text)


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1] if ord(character) > 0xFFFF else f"\\u{ord(character):04x}"


def _obeyed(character: str) -> bool:
    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
