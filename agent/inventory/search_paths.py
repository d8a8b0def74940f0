"""Where programs are started from: usual folders, and what login shells' settings add to PATH.

Of a settings file only the lines that set PATH are looked at, and of these only the folders: nothing is run, no other
variable is kept. What depends on another variable or a command cannot be known from here and is left out; a program
started from there is seen when it runs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence

from agent.errors import InterdictError
from agent.host.files import Tree
from agent.host.users import User
from agent.inventory.places import glob, join

MAX_SETTINGS = 512 * 1024
MAX_FOLDERS = 500

SYSTEM = (
    "usr/local/sbin",
    "usr/local/bin",
    "usr/sbin",
    "usr/bin",
    "sbin",
    "bin",
    "usr/local/games",
    "usr/games",
    "snap/bin",
    "opt/*/bin",
    "opt/bin",
    "home/linuxbrew/.linuxbrew/bin",
)
OF_USERS = (
    ".local/bin",
    "bin",
    ".bin",
    ".npm-global/bin",
    ".npm-packages/bin",
    ".local/share/pnpm",
    ".local/share/pnpm/bin",
    "Library/pnpm",
    "Library/pnpm/bin",
    ".yarn/bin",
    ".bun/bin",
    ".deno/bin",
    ".volta/bin",
    ".nvm/versions/node/*/bin",
    ".local/share/fnm/node-versions/*/installation/bin",
    ".asdf/shims",
    ".local/share/mise/shims",
    ".cargo/bin",
    "go/bin",
    ".pyenv/shims",
    ".opencode/bin",
    ".qoder/entry",
    ".claude/local",
    "AppData/Roaming/npm",
)
_OF_SYSTEM_SHELLS = ("/etc/environment", "/etc/profile", "/etc/paths", "/etc/bash.bashrc", "/etc/zsh/zshenv")
_OF_SHELLS = (
    ".profile",
    ".bash_profile",
    ".bash_login",
    ".bashrc",
    ".zshenv",
    ".zprofile",
    ".zshrc",
    ".config/fish/config.fish",
    ".config/environment.d/path.conf",
)
_SETS_PATH = re.compile(
    r"""^\s*(?:
        (?:export\s+|typeset\s+-\S+\s+)?(?:PATH|path)\s*\+?=\s*(?P<posix>.*)
      | set\s+(?:-\S+\s+)*(?:PATH|fish_user_paths)\s+(?P<fish>.*)
      | fish_add_path\s+(?:-\S+\s+)*(?P<add>.*)
    )$""",
    re.VERBOSE,
)


def search_paths(tree: Tree, users: Sequence[User], given: Sequence[str], system: bool) -> tuple[str, ...]:
    """Every folder of programs that is there, canonical and once. What cannot be read adds none."""
    found: dict[str, None] = {}
    for path in _wished(tree, users, given, system):
        try:
            found.setdefault(tree.resolve(path))
        except InterdictError:
            continue  # not there, or not to be looked at: the source says so for what it looks into
        if len(found) >= MAX_FOLDERS:
            break
    return tuple(found)


def path_lines(text: str, home: str) -> list[str]:
    """The absolute folders that a shell's settings file, or /etc/paths, names for PATH."""
    found: list[str] = []
    for line in text.splitlines():
        match = _SETS_PATH.match(line)
        value = next((part for part in match.groups() if part is not None), "") if match else line.strip()
        if not match and not value.startswith("/"):
            continue
        for part in re.split(r"[:\s()\"';]+", value) if match else [value]:
            path = _expanded(part, home)
            if path.startswith("/") and not set(path) & set("$`\0*?"):
                found.append(path)
    return found


def _expanded(part: str, home: str) -> str:
    for name in ("$HOME", "${HOME}", "~"):
        if part == name or part.startswith(name + "/"):
            return home + part[len(name) :] if home else ""
    return part


def _wished(tree: Tree, users: Sequence[User], given: Sequence[str], system: bool) -> Iterator[str]:
    yield from given
    if system:
        for pattern in SYSTEM:
            yield from (path for path in glob(tree, "/", pattern) if isinstance(path, str))
        for path in _OF_SYSTEM_SHELLS:
            yield from _named_in(tree, path, "")
    for user in users:
        for pattern in OF_USERS:
            yield from (path for path in glob(tree, user.home, pattern) if isinstance(path, str))
        for name in _OF_SHELLS:
            yield from _named_in(tree, join(user.home, name), user.home)


def _named_in(tree: Tree, path: str, home: str) -> list[str]:
    try:
        return path_lines(tree.read(path, MAX_SETTINGS).decode("utf-8", "surrogateescape"), home)
    except InterdictError:
        return []  # a shell without that file: the usual folders remain
