"""yarn 1: `yarn global remove`. It has no dry run and takes dependencies along, so only a package without any."""

from __future__ import annotations

from agent.enforce.managers.interface import NOWHERE, Command, Facts, Plan, no_home
from agent.host.package_tools import YARN


def plan(facts: Facts) -> Plan:
    """How yarn takes a package out of its global folder."""
    arguments = (
        "global",
        "remove",
        "--global-folder",
        facts.prefix,
        "--ignore-scripts",
        "--offline",
        "--non-interactive",
        "--no-default-rc",
        "--cache-folder",
        f"{NOWHERE}/yarn",
        facts.name,
    )
    return Plan(YARN, Command(arguments, no_home()), lone=("dependencies", "optionalDependencies"))
