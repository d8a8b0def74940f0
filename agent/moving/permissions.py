"""Permission rules from one tool to another, where they mean the same in both. Pure.

What was compared (Claude Code 2.1, Qoder 1.1.52): both read lists `allow`, `ask`, `deny` of rules `Tool(content)`, ask
`deny` first, and read a shell command's content as exact, as a beginning (`git log:*`) or with `*`; both name tools of
MCP servers `mcp__SERVER__TOOL`. Paths and hosts in rules are not known to mean the same, and are left out.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Collection, Mapping
from typing import NamedTuple

from agent.moving.secrets import holds, looks_secret, shown_words

LISTS = ("deny", "ask", "allow")
MOST = 1000
_RULE = re.compile(r"([A-Za-z][A-Za-z0-9]{0,40})(?:\((.*)\))?", re.DOTALL)
_MCP = re.compile(r"mcp__[A-Za-z0-9_.-]{1,64}?(?:__(?:[A-Za-z0-9_.-]{1,64}|\*))?")
_WHOLE = frozenset({"Bash", "Read", "Edit", "Write", "Glob", "Grep", "WebFetch", "WebSearch"})


class Rules(NamedTuple):
    """What is added to each list, and a sentence for what is not."""

    added: dict[str, list[str]]
    left: tuple[str, ...]


def carry_rules(source: object, existing: Mapping[str, object], hidden: Collection[str]) -> Rules:
    """The rules that mean the same, without those that the target has.

    Raises:
        ValueError: one of the two is not written as tables of lists, or there are more than 1,000 rules.
    """
    if not isinstance(source, Mapping):
        raise ValueError("the permissions are not written as a table")
    there = {name: _texts(existing.get(name), name) for name in LISTS}
    added: dict[str, list[str]] = {}
    why: Counter[tuple[str, str, str]] = Counter()
    for name in LISTS:
        for rule in _texts(source.get(name), name):
            if rule in there[name] or rule in added.get(name, ()):
                continue
            reason = _reason(rule, name, hidden)
            if not reason and any(rule in there[other] for other in LISTS):
                reason = "the new tool says otherwise, and that stays"
            if reason:
                why[name, _tool(rule), reason] += 1
            else:
                added.setdefault(name, []).append(rule)
    left = [f"{count} of the rules in {name} {tool}: {reason}." for (name, tool, reason), count in sorted(why.items())]
    return Rules(added, tuple(left))


def _reason(rule: str, name: str, hidden: Collection[str]) -> str:
    """Why a rule is not carried over; empty if it is."""
    if holds(rule, hidden):
        return "may hold a secret"
    if rule.startswith("mcp__"):
        return "" if _MCP.fullmatch(rule) and not looks_secret(rule) else "not of a form that both know"
    found = _RULE.fullmatch(rule)
    if not found or found[1] not in _WHOLE:
        return "not of a form that both know"
    if found[2] in (None, "*", ":*"):
        return "would allow a whole tool" if name == "allow" else ""
    if found[1] != "Bash":
        return "paths and hosts are not read in the same way"
    return "" if _plain_command(found[2]) else "may hold a secret"


def _plain_command(content: str) -> bool:
    """Whether every word of a shell command is plainly no secret."""
    words = content.removesuffix(":*").split(" ")
    if not words[0] or len(content) > 300 or not content.isprintable():
        return False
    plain = [word for word in words if word not in ("*", "")]
    # `npm run test:unit`: only there a colon is part of a name.
    plain = [
        word.replace(":", "-") if before == "run" else word for before, word in zip(["", *plain], plain, strict=False)
    ]
    return all(not shown.missing for shown in shown_words(plain, "RULE", (), launcher="npx"))


def _tool(rule: str) -> str:
    """The tool's name if it is one that can be shown."""
    found = _RULE.fullmatch(rule)
    if found and found[1] in _WHOLE:
        return f"about {found[1]}"
    return "about MCP servers" if rule.startswith("mcp__") else "about other tools"


def _texts(value: object, name: str) -> list[str]:
    if value is None:
        return []
    if not isinstance(value, list) or not all(isinstance(one, str) for one in value) or len(value) > MOST:
        raise ValueError(f"`permissions.{name}` is not a list of at most {MOST} texts")
    return value
