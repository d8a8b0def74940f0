"""How commands print: a table or a sentence for people, one JSON document for programs.

What is printed names files, versions and packages of people who may wish to write to the terminal of whoever looks:
nothing that a terminal would obey, or that would change the order of what is read, goes out unescaped.
"""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Sequence


def print_json(value: object) -> None:
    """One JSON document on stdout and nothing else."""
    text = json.dumps(value, ensure_ascii=False, indent=1).encode("utf-8", "backslashreplace").decode()
    if not (text.isascii() and text.replace("\n", "").isprintable()):
        text = "".join(_escape(c) if c != "\n" and _obeyed(c) else c for c in text)
    sys.stdout.write(text + "\n")


STYLES = {"bold": "1", "faint": "2", "red": "31", "green": "32", "yellow": "33"}
"""What a line may look like, with its SGR number. Nothing is told by colour alone."""


def print_table(head: Sequence[str], rows: Sequence[Sequence[str]], styles: Sequence[str] = ()) -> None:
    """A table with columns as wide as they need to be; the last one is not padded. `styles`: one for each row."""
    cells = [[_clean(cell) for cell in row] for row in (list(head), *rows)]
    widths = [max(_columns(row[i]) for row in cells) for i in range(len(head) - 1)]
    looks = ["bold" if styles else "", *styles]
    for number, row in enumerate(cells):
        padded = [cell + " " * (width - _columns(cell)) for cell, width in zip(row, widths, strict=False)]
        say("  ".join([*padded, row[-1]]).rstrip(), looks[number] if number < len(looks) else "")


def say(text: str = "", style: str = "") -> None:
    """A sentence for a person; what the terminal cannot show is escaped, what it would obey is left out."""
    encoding = "ascii" if on_console() else sys.stdout.encoding or "utf-8"
    shown = plain(text).encode(encoding, "backslashreplace").decode(encoding)
    print(f"\x1b[{STYLES[style]}m{shown}\x1b[0m" if style and shown and coloured() else shown)


def on_console() -> bool:
    """Whether a console of Linux's own reads along, which has glyphs for little more than ASCII."""
    return os.environ.get("TERM") == "linux" and sys.stdout.isatty()


def coloured() -> bool:
    """Whether a terminal reads along that shows colours, and nobody said no (https://no-color.org)."""
    if os.environ.get("NO_COLOR") or os.environ.get("TERM") == "dumb" or not sys.stdout.isatty():
        return False
    return sys.platform != "win32" or "WT_SESSION" in os.environ


def plain(text: str) -> str:
    """Text without control, format and bidirectional characters; line ends stay."""
    return "\n".join(_clean(line) for line in text.split("\n"))


def terminal_width() -> int:
    """Columns of the terminal that is written to; 80 where there is none."""
    told = os.environ.get("COLUMNS", "")
    if told.isascii() and told.isdigit() and int(told):
        return int(told)
    try:
        return os.get_terminal_size(sys.stdout.fileno()).columns or 80
    except (OSError, ValueError, AttributeError):
        return 80


def progress(text: str) -> None:
    """Shows what is being done to a person at a terminal, and nothing to a pipe."""
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()


def _clean(text: str) -> str:
    if text.isascii() and text.isprintable():
        return text
    return "".join("?" if _obeyed(c) else c for c in text)


def _columns(text: str) -> int:
    """How many columns a text takes: Chinese characters take two, marks upon others none."""
    if text.isascii():
        return len(text)
    import unicodedata

    wide = sum(unicodedata.east_asian_width(c) in "WF" for c in text)
    return len(text) + wide - sum(unicodedata.combining(c) > 0 for c in text)


def _escape(character: str) -> str:
    return json.dumps(character)[1:-1] if ord(character) > 0xFFFF else f"\\u{ord(character):04x}"


def _obeyed(character: str) -> bool:
    import unicodedata  # few texts need it

    return unicodedata.category(character) in ("Cc", "Cf", "Cs", "Zl", "Zp")
