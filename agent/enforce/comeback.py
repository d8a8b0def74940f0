"""Why something that was removed keeps coming back: a guess at its source, from what lies about, so that a person can
end it there. Pure but for `gather`, which looks at a bounded number of well-known places and keeps no text of them.

Only the code of a source is for others; where it was seen stays on the machine.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterable, Iterator
from enum import StrEnum
from typing import NamedTuple

from agent.enforce.interface import Intent, Outcome
from agent.errors import InterdictError
from agent.host.files import Entry, Kind, Tree
from policy_schema.rules.identity import parse_purl

MAX_FILE = 256 * 1024
MAX_FILES = 400
"""Looked at for one installation in all."""


class Source(StrEnum):
    """Where it likely comes from; the first that fits is named."""

    SCHEDULE = "schedule"
    """A job of cron or a timer of systemd that names it."""
    PROVISIONING = "provisioning"
    """A list of packages that a tool installs for each new environment (default packages, Brewfile, mise)."""
    DEV_CONTAINER = "dev-container"
    """A feature or command of a dev container."""
    DOTFILES = "dotfiles"
    """A repository of somebody's settings that installs it."""
    SETTINGS_SYNC = "settings-sync"
    """An editor brings its extensions along with its settings."""
    MANAGER_UPDATE = "manager-update"
    """A package manager lists it among what it keeps up to date."""
    UNKNOWN = "unknown"


class Hint(NamedTuple):
    """A place that can bring something back, and whether it names the tool (`named`) or only could (sync)."""

    source: Source
    path: str
    named: bool


class Likely(NamedTuple):
    """The likeliest source, and where it was seen; empty when nothing was."""

    source: Source
    path: str = ""


def likely_source(intent: Intent, hints: Iterable[Hint]) -> Likely:
    """The first source, in the order of `Source`, that names the tool; sync of settings only for an extension."""
    ranked = list(Source)
    fitting = [hint for hint in hints if hint.named or (hint.source is Source.SETTINGS_SYNC and bool(intent.extension))]
    best = min(fitting, key=lambda hint: (ranked.index(hint.source), hint.path), default=None)
    return Likely(best.source, best.path) if best else Likely(Source.UNKNOWN)


def traced(outcome: Outcome) -> Outcome:
    """The outcome of a removal with what likely brings it back, from the second time on."""
    intent = outcome.intent
    if intent.came_back < 2 or not outcome.quarantine_id:
        return outcome
    try:
        with Tree("/") as tree:
            likely = likely_source(intent, gather(tree, intent))
    except (InterdictError, ValueError):
        likely = Likely(Source.UNKNOWN)
    return outcome._replace(source=likely.source.value, brought_by=sentence(likely))


def sentence(likely: Likely) -> str:
    """For the person at the machine."""
    if likely.source is Source.UNKNOWN:
        return "What brings it back could not be told."
    return f"It is likely brought back by {_WORDS[likely.source]}: {likely.path}."


_WORDS = {
    Source.SCHEDULE: "a scheduled job",
    Source.PROVISIONING: "a list of packages to install",
    Source.DEV_CONTAINER: "a dev container",
    Source.DOTFILES: "a repository of settings",
    Source.SETTINGS_SYNC: "the settings sync of an editor",
    Source.MANAGER_UPDATE: "a package manager's own list",
}

_OF_HOME: dict[Source, tuple[str, ...]] = {
    Source.SCHEDULE: (".config/systemd/user/*.service", ".config/systemd/user/*.timer", ".config/autostart/*.desktop"),
    Source.PROVISIONING: (
        ".default-npm-packages",
        ".default-python-packages",
        ".default-gems",
        ".default-cargo-crates",
        ".nvm/default-packages",
        ".config/mise/config.toml",
        ".config/mise/default-npm-packages",
        ".tool-versions",
        "Brewfile",
        ".Brewfile",
        ".config/homebrew/Brewfile",
    ),
    Source.DEV_CONTAINER: ("*/.devcontainer/devcontainer.json", "*/.devcontainer.json", "*/.devcontainer/Dockerfile"),
    Source.DOTFILES: (
        ".dotfiles/*",
        "dotfiles/*",
        ".local/share/chezmoi/*",
        ".config/yadm/bootstrap",
        ".config/home-manager/home.nix",
    ),
    Source.MANAGER_UPDATE: (
        ".local/share/pnpm/global/*/package.json",
        ".config/yarn/global/package.json",
        ".bun/install/global/package.json",
        ".cargo/.crates.toml",
    ),
}
_OF_SYSTEM: dict[Source, tuple[str, ...]] = {
    Source.SCHEDULE: (
        "/etc/crontab",
        "/etc/cron.d/*",
        "/etc/cron.daily/*",
        "/etc/cron.hourly/*",
        "/etc/cron.weekly/*",
        "/var/spool/cron/*",
        "/var/spool/cron/crontabs/*",
        "/etc/systemd/system/*.service",
    ),
    Source.PROVISIONING: ("/etc/nvm/default-packages", "/usr/local/share/default-npm-packages"),
}
_SYNC = (
    ".config/Code/User/sync",
    ".config/Code - Insiders/User/sync",
    ".config/VSCodium/User/sync",
    ".config/Cursor/User/sync",
    "Library/Application Support/Code/User/sync",
)


def gather(tree: Tree, intent: Intent) -> list[Hint]:
    """Looks at the places that can bring it back. What cannot be read says nothing."""
    wanted = _names(intent)
    found: list[Hint] = []
    home = intent.home
    places = [(source, posixpath.join(home, row)) for source, rows in _OF_HOME.items() for row in rows] if home else []
    places += [(source, row) for source, rows in _OF_SYSTEM.items() for row in rows]
    looked = 0
    for source, pattern in places:
        for path in _matching(tree, pattern):
            looked += 1
            if looked > MAX_FILES:
                return found
            if wanted and _mentions(tree, path, wanted):
                found.append(Hint(source, path, named=True))
    for row in _SYNC if home else ():
        if tree.exists(posixpath.join(home, row)):
            found.append(Hint(Source.SETTINGS_SYNC, posixpath.join(home, row), named=False))
    return found


def _names(intent: Intent) -> re.Pattern[bytes] | None:
    """By what such a place would call it: the package, the extension, or the catalogue's name of the tool."""
    package = parse_purl(intent.purl).key.partition("/")[2] if intent.purl.startswith("pkg:") else ""
    names = {package, intent.extension.partition(":")[2], intent.tool} - {""}
    words = b"|".join(re.escape(name.encode()) for name in sorted(names, key=len, reverse=True))
    return re.compile(rb"(?<![\w.-])(?:" + words + rb")(?![\w.-])") if words else None


def _matching(tree: Tree, pattern: str) -> Iterator[str]:
    """The files that a pattern leads to; `*` stands for one whole name, or begins the last one."""
    head, star, tail = pattern.partition("*")
    if not star:
        yield pattern
        return
    folder = head.rstrip("/")
    for entry in _entries(tree, folder):
        if tail.startswith("/") and entry.kind is Kind.FOLDER:
            yield folder + "/" + entry.name + tail
        elif not tail.startswith("/") and entry.kind is Kind.FILE and entry.name.endswith(tail):
            yield folder + "/" + entry.name


def _entries(tree: Tree, folder: str) -> list[Entry]:
    try:
        return tree.list(folder)[:MAX_FILES]
    except InterdictError:
        return []


def _mentions(tree: Tree, path: str, wanted: re.Pattern[bytes]) -> bool:
    try:
        return wanted.search(tree.head(path, MAX_FILE)) is not None
    except InterdictError:
        return False
