"""What a manager is told of an installation, and what it answers: which commands, and what to keep beforehand. Pure."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from enum import StrEnum
from typing import NamedTuple

from agent.host.command import Tool
from policy_schema.rules.identity import parse_purl

NOWHERE = "/dev/null"
"""A home and place for caches in which nothing can be read or made."""
_NAME = re.compile(r"@?[A-Za-z0-9][A-Za-z0-9@/._+:-]{0,199}", re.ASCII)


class Keeps(StrEnum):
    """What is copied into the vault beforehand, and how it is found."""

    PARTS = "parts"
    """The installation's own folders or files, and the links that lead there."""
    RECORD = "record"
    """What the RECORD of a Python distribution lists."""
    SYSTEM = "system"
    """What the database of the system's packages lists."""
    NOTHING = "nothing"
    """The manager itself can undo it (`undo` says how)."""


class Facts(NamedTuple):
    """What is known of an installation, from the inventory."""

    manager: str
    purl: str
    path: str
    prefix: str = ""
    home: str = ""
    links: tuple[str, ...] = ()
    parts: tuple[str, ...] = ()
    extension: str = ""

    @property
    def name(self) -> str:
        """The name as the registry knows it; empty when there is none."""
        try:
            return parse_purl(self.purl).key.partition("/")[2] if self.purl else self.extension.partition(":")[2]
        except ValueError:
            return ""

    @property
    def version(self) -> str:
        """The version; empty when it is not known."""
        try:
            return parse_purl(self.purl).version if self.purl else ""
        except ValueError:
            return ""

    @property
    def usable(self) -> bool:
        """Whether name and prefix can be arguments: nothing that reads like an option, a path or a pattern."""
        return bool(_NAME.fullmatch(self.name)) and ".." not in self.name and self.prefix.isprintable()


class Command(NamedTuple):
    """One call of the manager's program."""

    arguments: tuple[str, ...]
    environment: Mapping[str, str] = {}
    good: frozenset[int] = frozenset({0})
    seconds: float = 120.0


Others = Callable[[bytes, Facts], frozenset[str] | None]
"""From what a dry run wrote to the names of everything else that would go; None when that cannot be told from it."""


class Plan(NamedTuple):
    """How one installation is taken out."""

    tool: Tool
    uninstall: Command
    dry_run: Command | None = None
    others: Others = lambda written, facts: frozenset()
    keeps: Keeps = Keeps.PARTS
    whole: bool = True
    """True when what is kept is all of it: then it can be taken away without the manager too."""
    runs: tuple[str, ...] = ()
    """Further programs that the manager starts: as root they must be root's as well."""
    lone: tuple[str, ...] = ()
    """Where no dry run exists: keys of its `package.json` that name what would go with it; they must name nothing."""
    roots: tuple[str, ...] = ()
    """What to keep instead of the installation's parts: the environment around it that goes as a whole."""
    listing: tuple[Tool, Command] | None = None
    """For `Keeps.SYSTEM`: what writes the package's files, one absolute path a line."""
    as_root: bool = False
    """Only root can; for an installation of root's."""
    undo: str = ""
    """How a person undoes it by hand, where nothing is kept."""


def no_home(**more: str) -> dict[str, str]:
    """An environment without a home, so that nobody's settings are read and nothing is left in one."""
    return {"HOME": NOWHERE, "PATH": "/usr/bin:/bin", "LANG": "C", "LC_ALL": "C", "CI": "1", **more}


def in_home(facts: Facts, **more: str) -> dict[str, str]:
    """The same for managers that work below a home only."""
    return no_home() | {"HOME": facts.home or NOWHERE} | more


def json_of(written: bytes) -> object:
    """The JSON that a program wrote, whatever it wrote around it; None when there is none."""
    text = written.decode("utf-8", "replace")
    start = text.find("{")
    try:
        return json.loads(text[start:]) if start >= 0 else None
    except (ValueError, RecursionError):
        return None


def lines_of(written: bytes) -> list[str]:
    """The lines, without blanks around them."""
    return [line.strip() for line in written.decode("utf-8", "replace").splitlines()]
