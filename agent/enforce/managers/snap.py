"""snap: `snap disable`. To remove a snap would take its data in everybody's home along; a disabled one cannot start,
its links are gone, and `snap enable` brings it back as it was."""

from __future__ import annotations

from agent.enforce.managers.interface import Command, Facts, Keeps, Plan, no_home
from agent.host.package_tools import SNAP


def plan(facts: Facts) -> Plan:
    """How a snap is taken out of use."""
    return Plan(
        SNAP,
        Command(("disable", facts.name), no_home(), seconds=300),
        keeps=Keeps.NOTHING,
        whole=False,
        as_root=True,
        undo=f"snap enable {facts.name}",
    )
