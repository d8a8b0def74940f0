"""pnpm: `pnpm remove --global`. It has no dry run and takes dependencies along, so only a package without any."""

from __future__ import annotations

from agent.enforce.managers.interface import NOWHERE, Command, Facts, Plan, no_home
from agent.host.package_tools import PNPM


def plan(facts: Facts) -> Plan | None:
    """How pnpm takes a package out of its global folder; None where its own home cannot be told."""
    home, found, _ = facts.prefix.partition("/global/")
    if not found:
        return None
    environment = no_home(PNPM_HOME=home, PATH=f"/usr/bin:/bin:{home}:{home}/bin", NPM_CONFIG_USERCONFIG=f"{NOWHERE}/u")
    arguments = ("remove", "--global", "--ignore-scripts", "--offline", facts.name)
    return Plan(PNPM, Command(arguments, environment), lone=("dependencies", "optionalDependencies"))
