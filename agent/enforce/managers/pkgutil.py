"""macOS packages: the files that a receipt lists are taken by us, then `pkgutil --forget` drops the receipt."""

from __future__ import annotations

from agent.enforce.managers.interface import Command, Facts, Keeps, Plan, no_home
from agent.host.package_tools import PKGUTIL


def plan(facts: Facts) -> Plan:
    """How a package with a receipt is taken out."""
    return Plan(
        PKGUTIL,
        Command(("--forget", facts.name), no_home()),
        keeps=Keeps.SYSTEM,
        listing=(PKGUTIL, Command(("--only-files", "--files", facts.name), no_home())),
        as_root=True,
    )
