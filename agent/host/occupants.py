"""Processes that live inside a folder: their program or their working directory lies below it."""

from __future__ import annotations

import os

from agent.errors import Denied, Gone
from agent.host.processes import details, running


def occupants(folder: str) -> tuple[tuple[int, float], ...]:
    """(pid, start time) of every process with its program or working directory at or below `folder`.

    As the kernel names them now, so a tree that was renamed into a vault is asked for by its place in the vault.
    Without root only one's own processes can be seen; a process of a container names its files in its own way.
    """
    found: list[tuple[int, float]] = []
    inside = folder.rstrip(os.sep) + os.sep
    for pid, started in running():
        try:
            process = details(pid)
        except (Denied, Gone):
            continue  # it ended, or is not ours to see
        if any((path + os.sep).startswith(inside) for path in (process.exe, process.cwd) if path):
            found.append((pid, started))
    return tuple(found)
