"""flatpak: `flatpak uninstall` of one application, without its data and without what is related to it."""

from __future__ import annotations

from agent.enforce.managers.interface import Command, Facts, Keeps, Plan, in_home
from agent.host.package_tools import FLATPAK


def plan(facts: Facts) -> Plan:
    """How flatpak takes an application out, of a user's own installation or of the system's."""
    where = "--user" if facts.home else "--system"
    arguments = ("uninstall", where, "--app", "--no-related", "--noninteractive", "--assumeyes", facts.name)
    return Plan(
        FLATPAK,
        Command(arguments, in_home(facts), seconds=300),
        keeps=Keeps.NOTHING,
        whole=False,
        as_root=not facts.home,
        undo=f"flatpak install {where} {facts.name}",
    )
