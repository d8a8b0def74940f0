"""Characters that must not stand in a policy: they steer a terminal, or make a text read otherwise than it is.

The same bound holds for what an author writes and for what an agent reads, so that no notice can carry them.
"""

from __future__ import annotations

import re
import unicodedata

DIRECTION = frozenset("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")
"""Marks that turn the direction of a text ("Trojan Source"): a link or a version could be shown backwards."""

INVISIBLE = frozenset("\u200b\u2028\u2029\u2060\ufeff")
"""Blanks without width and foreign line ends. Joiners (U+200C, U+200D) stay: Persian and Hindi need them."""


_SUSPECT = re.compile(f"[{''.join(sorted(DIRECTION | INVISIBLE))}\x7f-\x9f\ud800-\udfff]")


def may_hide(json: str) -> bool:
    """Whether a JSON document could hold a character that is refused: cheap, and sometimes wrongly yes.

    In JSON a control character is always an escape; the only ones of a canonical document are those of a quotation
    mark, a backslash and a line feed.
    """
    escaped = json
    for usual in ("\\\\", '\\"', "\\n"):
        escaped = escaped.replace(usual, "") if "\\" in escaped else escaped
    return "\\" in escaped or _SUSPECT.search(json) is not None


def hidden_character(text: str) -> str | None:
    """The name of the first character that is refused, or None. A line feed is allowed: reasons may have lines."""
    if text.isascii() and text.isprintable():
        return None
    for char in text:
        if char == "\n":
            continue
        if char in DIRECTION or char in INVISIBLE or unicodedata.category(char) in ("Cc", "Cs"):
            return f"U+{ord(char):04X} {unicodedata.name(char, 'control character').lower()}"
    return None
