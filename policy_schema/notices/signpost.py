"""What stands in the place of a command that was taken away: a script of plain sh that says so and ends with 126.

126 is what a shell answers for a program that cannot be run. Everything in it but the fixed lines is text in single
quotes, which sh never interprets; `is_signpost` accepts exactly that form, so whatever it accepts does nothing but
write text, whoever wrote it.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

from policy_schema.notices.facts import Values
from policy_schema.notices.language import Reader, choose
from policy_schema.notices.telling import Occasion, Situation
from policy_schema.notices.terminal import terminal_text
from policy_schema.notices.translate import catalogues

MAX_BYTES = 16_384
_HEAD = """#!/bin/sh
# Interdict put this file in the place of a program that a policy of your organisation does not allow.
# The program was not deleted. This file only says so; it goes when the program is put back.
case "${LC_ALL:-${LC_MESSAGES:-${LANG:-}}}" in
"""
_TAIL = """esac >&2
exit 126
"""
_QUOTED = r"'(?:[^'\x00-\x1f\x7f]|'\\'')*'"
_BRANCH = rf"(?:[a-z]{{2,8}}\*|\*)\) printf '%s\\n'(?: {_QUOTED}){{1,4}} ;;\n"
_FORM = re.compile(f"{re.escape(_HEAD)}(?:{_BRANCH}){{1,20}}{re.escape(_TAIL)}")


def signpost(organisation: Values, ban: Values, tool: Values, now: int) -> str:
    """The script for one tool, in every language that notices are written in; which one, `LANG` says at each start."""
    default = choose((str(organisation.get("default_language") or "en"),), tuple(catalogues()), "en")
    said = {tag: _said(organisation, ban, tool, now, tag) for tag in catalogues()}
    branches = [_branch(f"{tag.partition('-')[0]}*", said[tag]) for tag in catalogues()]
    return _HEAD + "".join([*branches, _branch("*", said[default])]) + _TAIL


def is_signpost(data: bytes) -> bool:
    """True for a file that has exactly this form."""
    if len(data) > MAX_BYTES or not data.startswith(b"#!/bin/sh\n# Interdict "):
        return False
    try:
        return _FORM.fullmatch(data.decode("utf-8")) is not None
    except UnicodeDecodeError:
        return False


def _said(organisation: Values, ban: Values, tool: Values, now: int, tag: str) -> list[str]:
    situation = Situation(occasion=Occasion.REMOVED, now=now, reader=Reader((tag,)))
    return terminal_text(organisation, ban, tool, situation).splitlines()


def _branch(pattern: str, lines: Iterable[str]) -> str:
    quoted = " ".join(_quoted(line) for line in lines)
    return f"{pattern}) printf '%s\\n' {quoted or _quoted('')} ;;\n"


def _quoted(line: str) -> str:
    plain = "".join(char for char in line if char.isprintable())
    return "'" + plain.replace("'", "'\\''") + "'"
