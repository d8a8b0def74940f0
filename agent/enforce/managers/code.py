"""VS Code and its family: `--uninstall-extension`, for extensions that are no pack of others."""

from __future__ import annotations

from agent.enforce.managers.interface import Command, Facts, Plan, in_home
from agent.host.package_tools import EDITORS


def plan(facts: Facts) -> Plan | None:
    """How an editor takes an extension out of its folder; None for an editor whose command is not known."""
    tool = EDITORS.get(facts.manager)
    if tool is None:
        return None
    arguments = ("--uninstall-extension", facts.name, "--extensions-dir", facts.prefix)
    environment = in_home(facts, DONT_PROMPT_WSL_INSTALL="1")
    return Plan(tool, Command(arguments, environment), lone=("extensionPack",))
