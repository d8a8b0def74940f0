"""Installs an approved tool with the catalogue's own command, as the person, through no shell.

Of a command only the manager and the package are taken, and the package must be one that the catalogue names as this
tool's: a policy can offer a tool, it cannot have a command line run.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from typing import NamedTuple

from agent.errors import InterdictError, ToolMissing
from agent.host.command import Tool, find_tool, run_tool
from agent.host.own_environment import managers_environment
from agent.host.package_tools import BREW, CARGO, NPM, UV, WINGET
from agent.host.search_path import own_search_path
from policy_schema.rules.identity import package_key, parse_purl

TIME = 900.0
"""Seconds that a manager may take."""
_MOST = 32 << 20
_PACKAGE = re.compile(r"@?[A-Za-z0-9][A-Za-z0-9._+-]*(?:/[A-Za-z0-9][A-Za-z0-9._+-]*){0,2}")


class Manager(NamedTuple):
    """A package manager: how the catalogue begins its command, how we do, and the type of its packages."""

    name: str
    program: Tool
    written: tuple[tuple[str, ...], ...]
    arguments: tuple[tuple[str, ...], ...]
    kind: str


MANAGERS = (
    Manager("npm", NPM, (("npm", "install", "-g"),), (("install", "--global", "--no-fund", "--no-audit"),), "npm"),
    Manager("uv", UV, (("uv", "tool", "install"),), (("tool", "install"),), "pypi"),
    Manager(
        "brew",
        BREW,
        (("brew", "install", "--cask"), ("brew", "install")),
        (("install", "--cask"), ("install",)),
        "brew",
    ),
    Manager(
        "winget",
        WINGET,
        (("winget", "install"),),
        (("install", "--exact", "--disable-interactivity", "--id"),),
        "winget",
    ),
    Manager("cargo", CARGO, (("cargo", "install"),), (("install",),), "cargo"),
)
"""Managers in the order in which they are tried. A script from the network is no manager."""


class Command(NamedTuple):
    """What would be run: a program by its absolute path, with arguments."""

    program: Tool
    arguments: tuple[str, ...]
    commands_in: str = ""
    """The folder into which its commands come, where we chose it."""

    def words(self) -> tuple[str, ...]:
        """The whole command line. Raises ToolMissing when the program has gone."""
        return (find_tool(self.program), *self.arguments)


def install_command(tool: Mapping[str, object], home: str) -> Command | None:
    """How this tool can be installed here; None when no manager of its commands is there."""
    commands = tool.get("install")
    for manager in MANAGERS:
        text = commands.get(manager.name) if isinstance(commands, Mapping) else None
        found = _read(manager, str(text), tool) if text else None
        if found is None:
            continue
        arguments, package = found
        program = _program(manager.program)
        if program is None:
            continue
        prefix = _npm_prefix(program, home) if manager.name == "npm" else ""
        chosen = ("--prefix", prefix) if prefix else ()
        return Command(program, (*arguments, *chosen, package), os.path.join(prefix, "bin") if prefix else "")
    return None


def run(command: Command) -> None:
    """Runs it and waits.

    Raises:
        ToolMissing, ToolFailed, TooBig: it could not be done.
    """
    run_tool(command.program, command.arguments, timeout=TIME, environment=managers_environment(), most=_MOST)


def _read(manager: Manager, text: str, tool: Mapping[str, object]) -> tuple[tuple[str, ...], str] | None:
    """Our arguments and the package; None for a command of another form, or for somebody else's package."""
    words = tuple(text.split())
    for written, arguments in zip(manager.written, manager.arguments, strict=True):
        if words[: len(written)] == written and len(words) == len(written) + 1 and _PACKAGE.fullmatch(words[-1]):
            name = words[-1].rpartition("/")[2] if manager.kind == "brew" else words[-1]
            return (arguments, words[-1]) if package_key(manager.kind, name) in _packages(tool) else None
    return None


def _packages(tool: Mapping[str, object]) -> frozenset[str]:
    faces = tool.get("faces")
    purls = faces.get("packages") if isinstance(faces, Mapping) else None
    found: set[str] = set()
    for purl in purls if isinstance(purls, list) else ():
        try:
            found.add(parse_purl(str(purl)).key)
        except ValueError:
            continue
    return frozenset(found)


def _program(tool: Tool) -> Tool | None:
    """The manager that the person gets when they type its name, else the system's; as a tool with that one place."""
    own = tuple(os.path.join(folder, tool.name) for folder in own_search_path())
    wanted = Tool(tool.name, (*own, *tool.paths))
    try:
        return Tool(tool.name, (find_tool(wanted),))
    except ToolMissing:
        return None


def _npm_prefix(npm: Tool, home: str) -> str:
    """Empty where npm's own place for global packages can be written by the person; else `~/.local`."""
    own = os.path.join(home, ".local")
    try:
        output = run_tool(npm, ("prefix", "--global"), timeout=60, environment=managers_environment())
    except InterdictError:
        return own
    prefix = output.stdout.decode("utf-8", "replace").strip().rpartition("\n")[2]
    if not os.path.isabs(prefix):
        return own
    place = os.path.join(prefix, "lib", "node_modules") if os.name == "posix" else os.path.join(prefix, "node_modules")
    while not os.path.exists(place) and os.path.dirname(place) != place:
        place = os.path.dirname(place)
    return "" if os.access(place, os.W_OK) else own
