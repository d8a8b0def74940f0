"""What the page is made of: the views as they lie on disk, and how to read values of them that may be anything."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple
from zoneinfo import ZoneInfo

from policy_schema.notices.translate import Words

Values = Mapping[str, object]


class Material(NamedTuple):
    """Everything that stands on the page."""

    machine: Values
    """`machine.json`."""
    own: Values
    """The view of the person for whom the page is: findings, history, reports, coverage."""
    rulebook: Values
    """The rulebook in force; empty when there is none."""
    held: Sequence[Values]
    """What is in quarantine, as `interdict quarantine list --json` names it."""
    server: str
    """Where reports go; empty when nothing leaves the machine."""
    config: str
    """The settings file, where a command needs it; empty for the usual place."""
    everything: bool
    """Whether this page shows what concerns everybody (root)."""
    now: int
    words: Words
    zone: ZoneInfo | None
    """The organisation's time zone."""

    def command(self, *words: str) -> str:
        """A command of ours as it is typed here."""
        config = ["--config", self.config] if self.config else []
        return " ".join(["interdict", words[0], *config, *words[1:]])


def rows(value: object) -> list[Values]:
    """The objects of a list."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def table(value: object) -> Values:
    """An object, or an empty one."""
    return value if isinstance(value, Mapping) else {}


def texts(value: object) -> list[str]:
    """The items of a list as texts."""
    return [str(item) for item in value] if isinstance(value, list) else []


def text(values: Values, key: str) -> str:
    """A text, or an empty one."""
    value = values.get(key)
    return str(value) if value is not None else ""


def tool_name(material: Material, tool: str) -> str:
    """A tool's name as people know it."""
    return text(table(table(material.rulebook.get("tools")).get(tool)), "name") or tool


def instant(value: object) -> int:
    """Seconds of an instant, written as `2026-07-24T01:00:00Z` or as a number; 0 for anything else."""
    if isinstance(value, int):
        return value
    try:
        return int(datetime.fromisoformat(value).timestamp()) if isinstance(value, str) else 0
    except (ValueError, OverflowError):
        return 0


def in_language(value: object, language: str, default: str) -> tuple[str, str]:
    """The text of a policy in the reader's language, and which language it is in."""
    known = {str(key): str(one) for key, one in table(value).items()}
    for tag in (language, default, "en", *known):
        if tag in known:
            return known[tag], tag
    return "", ""
