"""Package managers that can uninstall, one file each: from what is known of an installation to a `Plan`. Pure.

`MANAGERS` is the table of contents, by the names that the inventory's sources use (`Observation.manager`). Nothing here
runs anything: `agent.enforce.uninstall` carries a plan out. To add one: a file with `plan(facts)` and a line here.
"""

from __future__ import annotations

from importlib import import_module

from agent.enforce.managers.interface import Facts, Plan
from agent.host.package_tools import EDITORS

MANAGERS: dict[str, str] = {
    "apt": "agent.enforce.managers.apt",
    "brew": "agent.enforce.managers.brew",
    "bun": "agent.enforce.managers.bun",
    "cargo": "agent.enforce.managers.cargo",
    "choco": "agent.enforce.managers.choco",
    "code": "agent.enforce.managers.code",
    "dnf": "agent.enforce.managers.dnf",
    "flatpak": "agent.enforce.managers.flatpak",
    "gem": "agent.enforce.managers.gem",
    "installer": "agent.enforce.managers.pkgutil",
    "msi": "agent.enforce.managers.msiexec",
    "npm": "agent.enforce.managers.npm",
    "pip": "agent.enforce.managers.pip",
    "pipx": "agent.enforce.managers.pipx",
    "pnpm": "agent.enforce.managers.pnpm",
    "scoop": "agent.enforce.managers.scoop",
    "snap": "agent.enforce.managers.snap",
    "uv": "agent.enforce.managers.uv",
    "uv-pip": "agent.enforce.managers.pip",
    "winget": "agent.enforce.managers.winget",
    "yarn": "agent.enforce.managers.yarn",
}

_BY_PLACE = frozenset({"msi"})
"""Managers that are told where, not which: there is no name to be an argument."""


def plan_for(facts: Facts) -> Plan | None:
    """How an installation is taken out by whoever installed it; None where no plan is known or what is known of it
    cannot be an argument."""
    place = MANAGERS.get("code" if facts.manager in EDITORS else facts.manager)
    if place is None or (facts.manager not in _BY_PLACE and not facts.usable):
        return None
    plan: Plan | None = import_module(place).plan(facts)
    return plan
