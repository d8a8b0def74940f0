"""Whether a tool is on this machine, as the inventory sees it: what an installer says about itself does not count."""

from __future__ import annotations

from agent.inventory.interface import Wanted
from agent.inventory.machine import open_machine
from agent.inventory.runner import look
from policy_schema.rules.observation import Confidence, Observation
from policy_schema.rules.rulebook import Rulebook

SOURCES = (
    "brew",
    "cargo",
    "deb",
    "executables",
    "macos-apps",
    "npm",
    "pypi",
    "rpm",
    "scoop",
    "windows-programs",
    "winget",
)
"""Where the managers that we run put things, and where people install such tools otherwise."""


def find_tool_here(book: Rulebook, tool: str, home: str) -> Observation | None:
    """One copy of a tool, in the system's places or this home; None when none is seen. A name alone is not enough.

    A package is preferred to a program that lies in the tool's own folder: it says its version.
    """
    wanted = Wanted(folders=book.tools[tool].folders)
    with open_machine(homes=[home], wanted=wanted) as machine:
        found = look(machine, SOURCES)
    copies: list[Observation] = []
    for seen in (one for rows in found.observations.values() for one in rows):
        for identity in book.tables.identify(seen):
            if identity.tool == tool and identity.confidence is not Confidence.WEAK and not seen.project:
                copies.append(seen._replace(version=seen.version or identity.version))
    return max(copies, key=lambda seen: (bool(seen.purl), bool(seen.version)), default=None)
