"""Chocolatey: `choco uninstall` of one package without its dependencies; `choco list` must know it."""

from __future__ import annotations

from agent.enforce.managers.interface import Command, Facts, Keeps, Plan, lines_of
from agent.host.package_tools import CHOCO

_QUIET = ("--yes", "--no-progress", "--limit-output", "--no-color")


def plan(facts: Facts) -> Plan:
    """How choco takes a package out."""
    return Plan(
        CHOCO,
        Command(("uninstall", facts.name, *_QUIET), seconds=900),
        dry_run=Command(("list", "--exact", facts.name, "--limit-output")),
        others=others,
        keeps=Keeps.NOTHING,
        whole=False,
        undo=f"choco install {facts.name}",
    )


def others(written: bytes, facts: Facts) -> frozenset[str] | None:
    """`NAME|VERSION`, one line a package: it must be exactly the one that is meant."""
    names = {line.partition("|")[0].casefold() for line in lines_of(written) if "|" in line}
    return frozenset(names - {facts.name.casefold()}) if facts.name.casefold() in names else None
