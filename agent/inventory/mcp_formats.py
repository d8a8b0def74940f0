"""MCP servers in the settings of agents: of each the package that its command runs, or the program's name. Pure.

Nothing else of a server is looked at: no argument but the one that names the package, no environment, no header, no
URL. What a server is called by its user is left out too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from agent.inventory.flow_text import UNREAD
from agent.inventory.settings_files import Settings
from agent.inventory.settings_text import values
from policy_schema.rules import launchers
from policy_schema.rules.identity import executable_name, make_purl
from policy_schema.rules.match import MCP, MCP_PROGRAM

MAX_SERVERS = 500
MAX_WORDS = 64
SERVER_KEYS = frozenset({"command", "cmd", "path", "args"})
"""All that is kept of a server while its file is read."""
_PROGRAM = re.compile(r"[A-Za-z0-9_][A-Za-z0-9_.+-]{0,63}")
_ASSIGNMENT = re.compile(r"[A-Za-z_][A-Za-z0-9_]*=")
_IMAGE_PART = re.compile(r"[a-z0-9][a-z0-9._-]{0,127}")
_MODULES = re.compile(r"[/\\]node_modules[/\\]((?:@[^/\\]+[/\\])?[^/\\@][^/\\]*)")
_SCRIPTS = frozenset({"npx", "npm", "pnpm", "pnpx", "yarn", "pipx", "uv", "uvx"})
_CONTAINERS = frozenset({"docker", "podman", "nerdctl"})
_CONTAINER_OPTIONS = """
-e --env -v --volume -p --publish --name --network --net -w --workdir -u --user --mount --entrypoint --env-file
-l --label --platform --pull --add-host -h --hostname --gpus -m --memory --cpus --ipc --pid --cap-add --cap-drop
--security-opt --tmpfs --dns --device --restart --runtime --shm-size --ulimit --log-driver --cidfile -a --attach
"""
_CONTAINER_VALUED = frozenset(_CONTAINER_OPTIONS.split())
_BUN_VALUED = frozenset({"--cwd", "-c", "--config"})


def servers(document: object, row: Settings) -> Iterator[str]:
    """The `setting` of each server of a file: `mcp:pkg:npm/…` or `mcp:exe:NAME`.

    Raises:
        ValueError: a server is written in a way that is not read, or there are more than 500.
    """
    count, unread = 0, False
    for path in row.keys:
        for server in values(document, path[:-1]):
            if not isinstance(server, dict):
                unread = unread or server is UNREAD
                continue
            command = server.get(path[-1])
            count += 1
            if count > MAX_SERVERS:
                raise ValueError(f"more than {MAX_SERVERS} servers")
            words, whole = _words(command, server.get("args"))
            unread = unread or not whole
            if words and (setting := setting_of(words)):
                yield setting
            elif words:
                unread = True
    if unread:
        raise ValueError("a server's command is written in a way that is not read")


def setting_of(words: tuple[str, ...]) -> str:
    """What one command line runs; empty if it names nothing that can be told."""
    words = _unwrapped(words)
    if not words:
        return ""
    name = executable_name(words[0]).removesuffix(".cmd").removesuffix(".ps1")
    if purl := _package(name, words):
        return f"{MCP}{purl}"
    return f"{MCP_PROGRAM}{name}" if _PROGRAM.fullmatch(name) else ""


def _words(command: Any, args: object) -> tuple[tuple[str, ...], bool]:
    """The command line, and whether all of it could be read."""
    if isinstance(command, dict):  # Zed: {"path": …, "args": […]}
        command, args = command.get("path"), command.get("args")
    if isinstance(command, list):  # opencode: one list
        command, args = command[:1] and command[0], command[1:]
    if not command:
        return (), True  # a remote server
    rest = args if isinstance(args, list) else []
    if not isinstance(command, str) or args is UNREAD or UNREAD in rest:
        return (), False
    own = command.split() if not rest and not command.startswith(("/", "~")) and ":\\" not in command else [command]
    return tuple(word for word in [*own, *rest][:MAX_WORDS] if isinstance(word, str)), True


def _unwrapped(words: tuple[str, ...]) -> tuple[str, ...]:
    """The command without `cmd /c`, `env NAME=value` and the like before it."""
    while words:
        name = executable_name(words[0])
        if _ASSIGNMENT.match(words[0]):
            words = words[1:]
        elif name == "cmd" and words[1:2] and words[1].lower() in ("/c", "/k"):
            words = words[2:]
        elif name == "env":
            words = words[1:]
            while words and (words[0].startswith("-") or _ASSIGNMENT.match(words[0])):
                words = words[1:]
        else:
            return words
    return ()


def _package(name: str, words: tuple[str, ...]) -> str:
    rest = words[1:]
    if name in _CONTAINERS:
        return _image(rest)
    if name == "bunx" or (name == "bun" and rest[:1] == ("x",)):
        return launchers.npm_purl(_first_word(rest[1:] if name == "bun" else rest, _BUN_VALUED))
    if name == "deno" and rest[:1] == ("run",):
        return next((purl for word in rest if (purl := launchers.deno_purl(word))), "")
    if name in _SCRIPTS:
        return launchers.by_script(name, rest)
    # A program or script that lies in a package: the path says which.
    inside = next((found for word in words[:2] if (found := _MODULES.findall(word))), None)
    return launchers.npm_purl(inside[-1].replace("\\", "/")) if inside else ""


def _image(rest: tuple[str, ...]) -> str:
    """The image of `docker run … IMAGE`, without its registry, tag and digest."""
    if rest[:1] not in (("run",), ("exec",)) or rest[0] == "exec":
        return ""
    image = _first_word(rest[1:], _CONTAINER_VALUED).partition("@")[0]
    parts = image.split("/")
    if len(parts) > 1 and (set(parts[0]) & set(".:") or parts[0] == "localhost"):
        parts = parts[1:]
    parts[-1] = parts[-1].partition(":")[0]
    if not all(_IMAGE_PART.fullmatch(part) for part in parts):
        return ""
    return make_purl("docker", "/".join(parts))


def _first_word(words: tuple[str, ...], valued: frozenset[str]) -> str:
    """The first word that is neither an option nor an option's value."""
    at = 0
    while at < len(words):
        if not words[at].startswith("-"):
            return words[at]
        at += 2 if words[at] in valued else 1
    return ""
