"""Instructions for the model from one tool's file to another's: behind what stands there, between two marks. Pure."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import NamedTuple

from agent.moving.secrets import holds, looks_secret

MOST = 256 << 10
"""Bytes of an instructions file that are read."""
_BEGIN = "<!-- interdict move: from {} -->"
_END = "<!-- interdict move: end -->"
_LEFT_OUT = "<!-- interdict move: a line was left out, it looked as if it held a secret -->"
_MARK = "<!-- interdict move:"
_IMPORT = re.compile(r"(?:^|\s)@[~./\w-]*[/.][\w./-]*")


class Text(NamedTuple):
    """The new text of the target (None: it stays as it is), and a sentence for what is not carried over."""

    after: str | None
    left: tuple[str, ...]


def carry_text(source: str, target: str, origin: str, hidden: Collection[str]) -> Text:
    """The target's text with the source's behind it. `origin` is the source's path as people know it."""
    begin = _BEGIN.format(origin)
    if begin in target:
        return Text(None, (f"{origin}: was carried over before; what stands there stays.",))
    if not source.strip():
        return Text(None, ())
    kept: list[str] = []
    secret: list[str] = []
    imports = 0
    for number, line in enumerate(source.rstrip("\n").split("\n"), 1):
        if looks_secret(line) or holds(line, hidden):
            secret.append(str(number))
            kept.append(_LEFT_OUT)
        elif _MARK not in line:
            imports += bool(_IMPORT.search(line))
            kept.append(line.rstrip("\r"))
    left = []
    if secret:
        lines = ", ".join(secret[:20]) + (" …" if len(secret) > 20 else "")
        left.append(f"{origin}: left out, since they look as if they held a secret: lines {lines}.")
    if imports:
        left.append(f"{origin}: {imports} of its lines name other files with @; those are not copied.")
    gap = "" if not target else "\n" if target.endswith("\n") else "\n\n"
    return Text("\n".join([target + gap + begin, *kept, _END]) + "\n", tuple(left))
