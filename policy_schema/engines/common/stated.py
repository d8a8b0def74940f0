"""Writes what an engine cannot be told into the output itself, so that it travels with the files.

Each output gets `NOT-COVERED.txt`. Files of a format that has comments say it once more at their own top. JSON has
none, and a key that its reader does not know may make it refuse the file.
"""

from __future__ import annotations

import textwrap
from collections.abc import Iterable

from policy_schema.engines.interface import File, Orders, Translated
from policy_schema.rules.instant import Instant, format_instant

NOT_COVERED = "NOT-COVERED.txt"
WIDTH = 140


def stated(engine: str, orders: Orders, made: Translated, at: Instant) -> Translated:
    """The same files with every sentence in them, and all sentences together. No file is made where there is none."""
    cannot = tuple(dict.fromkeys(map(_line, (*orders.cannot, *made.cannot))))
    if not made.files:
        return Translated((), cannot)
    head = _line(f"What the policy {orders.policy} of {orders.organisation} asks for as of {format_instant(at)},")
    lines = [head, f"and these files for {engine} do not do:", *_wrapped(cannot or ("nothing is left out.",))]
    text = File(f"{engine}/{NOT_COVERED}", ("\n".join(lines) + "\n").encode(), "whoever hands the files out: read it")
    return Translated((*(_commented(file, lines) for file in made.files), text), cannot)


def _commented(file: File, lines: list[str]) -> File:
    if file.name.endswith(".rules"):
        return file._replace(content="".join(f"# {line}\n" for line in lines).encode() + file.content)
    if not file.name.endswith((".xml", ".mobileconfig")):
        return file
    # Two hyphens would end the comment, and a hyphen may not stand before its end.
    words = "\n".join(lines).replace("--", "- -").replace("--", "- -")
    declaration, rest = file.content.split(b"\n", 1)
    return file._replace(content=declaration + f"\n<!--\n{words}\n-->\n".encode() + rest)


def _wrapped(sentences: Iterable[str]) -> list[str]:
    return [
        line for one in sentences for line in textwrap.wrap(one, WIDTH, initial_indent="- ", subsequent_indent="  ")
    ]


def _line(text: str) -> str:
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())
