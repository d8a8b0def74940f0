"""cargo: `cargo uninstall` of one crate takes its programs and its line in cargo's list, nothing else."""

from __future__ import annotations

from agent.enforce.managers.interface import NOWHERE, Command, Facts, Plan, no_home
from agent.host.package_tools import CARGO


def plan(facts: Facts) -> Plan:
    """How cargo takes a crate's programs out of a prefix."""
    environment = no_home(CARGO_HOME=f"{NOWHERE}/cargo", CARGO_NET_OFFLINE="true")
    return Plan(CARGO, Command(("uninstall", "--quiet", "--root", facts.prefix, facts.name), environment))
