"""What was seen on a machine, and what could not be looked at.

Standard library only: the gate imports this. Plain named tuples, no behaviour beyond small derivations.
"""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple


class Face(StrEnum):
    """The form in which a tool shows itself (the `faces` of a catalogue entry)."""

    PACKAGE = "package"
    EXTENSION = "extension"
    APP = "app"
    EXECUTABLE = "executable"
    PROCESS = "process"
    SETTING = "setting"
    RESIDUE = "residue"


class Confidence(StrEnum):
    """How sure a match is. Weak is reported, never acted on."""

    EXACT = "exact"
    STRONG = "strong"
    WEAK = "weak"

    @property
    def rank(self) -> int:
        """2 for exact, 1 for strong, 0 for weak."""
        return {"exact": 2, "strong": 1, "weak": 0}[self.value]


class Match(StrEnum):
    """The closed list of codes in a finding's `matches`: by what a tool was recognised."""

    PACKAGE_IDENTITY = "package-identity"
    CONTENT = "content"
    HASH = "hash"
    SIGNER = "signer"
    EXTENSION_ID = "extension-id"
    APP_ID = "app-id"
    FOLDER = "folder"
    NAME = "name"
    SETTING = "setting"
    RESIDUE = "residue"


MATCH_CONFIDENCE: dict[Match, Confidence] = {
    Match.PACKAGE_IDENTITY: Confidence.EXACT,
    Match.CONTENT: Confidence.EXACT,
    Match.HASH: Confidence.EXACT,
    Match.SIGNER: Confidence.EXACT,
    Match.EXTENSION_ID: Confidence.EXACT,
    Match.APP_ID: Confidence.EXACT,
    Match.FOLDER: Confidence.STRONG,
    Match.SETTING: Confidence.STRONG,
    Match.NAME: Confidence.WEAK,
    Match.RESIDUE: Confidence.WEAK,
}


class Observation(NamedTuple):
    """One thing seen on a machine. Empty text means "this source does not know that".

    `path` is absolute and canonical (links resolved); for a process it is the file it really runs: the script
    for an interpreter, the program otherwise. `purl` carries the version, as in
    `pkg:npm/%40anthropic-ai/claude-code@2.1.197`.
    """

    source: str
    face: Face
    path: str
    owner: str = ""
    uid: int = -1
    name: str = ""
    version: str = ""
    purl: str = ""
    content: str = ""
    """Id of the content signature that this file's bytes match, `TOOL/INDEX`, such as `claude-code/0`."""
    sha256: str = ""
    signer: str = ""
    """`apple:TEAM/IDENTIFIER` or `authenticode:SUBJECT/PRODUCT`."""
    extension: str = ""
    """`KIND:ID` with the kinds of a catalogue entry: `vscode:anthropic.claude-code`, `zed:…`, `vim:FOLDER`, …"""
    app: str = ""
    """`macos:BUNDLE-ID`, `windows:NAME`, `linux:DESKTOP-ID`."""
    container: str = ""
    """purl (without version) or extension/app key of the nearest package, extension or app around this file."""
    container_path: str = ""
    links: tuple[str, ...] = ()
    """Other paths that lead here: the links in PATH folders, hard links."""
    project: bool = False
    """True inside a project folder (its own manifest owns it): never removed, the person is told."""
    pid: int | None = None
    started: float | None = None
    """A process's start time, seconds since the epoch (with `pid` this names it once and for all)."""
    manager: str = ""
    """Who installed it and can uninstall it: `npm`, `pip`, `pipx`, `uv`, …; empty when nobody knows."""
    home: str = ""
    """The home folder below which `path` lies, so that folder rules with `~` can be compared; empty elsewhere."""
    inode: tuple[int, int] | None = None
    """(device, inode) of `path` when it was seen: another thing at that path later is another thing."""
    prefix: str = ""
    """The manager's prefix or environment that holds it (`/usr/local` for `npm -g`, the venv for pip)."""
    setting: str = ""
    """What a settings file says, and nothing else of it: `model:NAME` as written, `mcp:PURL` without a version, or
    `mcp:exe:NAME` for a program. `name` is then whose setting it is, such as `aider`."""


class Unknown(NamedTuple):
    """A place that could not be looked at, and why. Never the same as "nothing found"."""

    where: str
    reason: str


class Coverage(NamedTuple):
    """What one source looked at in one look."""

    source: str
    roots: tuple[str, ...]
    items: int
    unknown: tuple[Unknown, ...]
    ms: int
