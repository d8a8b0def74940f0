"""Homebrew: `brew uninstall`; first `brew uses` tells what needs it. Never as root: brew itself refuses that."""

from __future__ import annotations

from agent.enforce.managers.interface import Command, Facts, Plan, in_home, lines_of
from agent.host.package_tools import BREW


def plan(facts: Facts) -> Plan:
    """How brew takes a formula out; casks are applications and have no keg."""
    environment = in_home(
        facts,
        HOMEBREW_NO_AUTOREMOVE="1",
        HOMEBREW_NO_AUTO_UPDATE="1",
        HOMEBREW_NO_ANALYTICS="1",
        HOMEBREW_NO_INSTALL_CLEANUP="1",
        HOMEBREW_NO_COLOR="1",
    )
    return Plan(
        BREW,
        Command(("uninstall", "--formula", facts.name), environment, seconds=300),
        dry_run=Command(("uses", "--installed", "--formula", facts.name), environment),
        others=others,
    )


def others(written: bytes, facts: Facts) -> frozenset[str]:
    """Every installed formula that needs this one: it would be left broken."""
    return frozenset(name for line in lines_of(written) for name in line.split() if name != facts.name)
