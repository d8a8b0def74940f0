"""Prefixes that nobody configured: `PREFIX/bin` among the folders of programs, or of a file that a process runs."""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from agent.inventory.interface import Machine
from agent.inventory.places import folder

MAX_PREFIXES = 1_000
OF_THE_SYSTEM = frozenset({"/usr/bin", "/usr/sbin", "/bin", "/sbin", "/usr/games"})
"""What is there was brought by the system's own manager, whose source reports it."""


def revealed_folders(machine: Machine) -> Iterator[str]:
    """Folders of programs but the system's: those on somebody's PATH, and those from which processes run; once each."""
    seen = dict.fromkeys(machine.path_folders)
    for hint in machine.hints:
        seen.update(dict.fromkeys(one for one in folder(machine.tree, posixpath.dirname(hint)) if isinstance(one, str)))
    yield from [path for path in seen if path not in OF_THE_SYSTEM][:MAX_PREFIXES]


def revealed_prefixes(machine: Machine) -> Iterator[str]:
    """The folders above every `bin` that programs are started from, canonical and once each."""
    above = dict.fromkeys(
        posixpath.dirname(path) for path in revealed_folders(machine) if posixpath.basename(path) == "bin"
    )
    yield from (path for path in above if path != "/")
