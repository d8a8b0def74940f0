"""bun: `bun remove --global`. It has no dry run and takes dependencies along, so only a package without any."""

from __future__ import annotations

from agent.enforce.managers.interface import Command, Facts, Plan, no_home
from agent.host.package_tools import BUN


def plan(facts: Facts) -> Plan | None:
    """How bun takes a package out of its global folder; None where its own home cannot be told."""
    home, found, _ = facts.prefix.partition("/install/global")
    if not found:
        return None
    arguments = ("remove", "--global", "--ignore-scripts", "--no-progress", facts.name)
    return Plan(BUN, Command(arguments, no_home(BUN_INSTALL=home)), lone=("dependencies", "optionalDependencies"))
