"""Windows Installer: `msiexec /x` by product code."""

from __future__ import annotations

import re

from agent.enforce.managers.interface import Command, Facts, Keeps, Plan
from agent.host.package_tools import MSIEXEC

_PRODUCT = re.compile(r"\{[0-9A-F]{8}(-[0-9A-F]{4}){3}-[0-9A-F]{12}\}", re.IGNORECASE)
_RESTART_WANTED = 3010


def plan(facts: Facts) -> Plan | None:
    """How Windows Installer takes a product out; None where its product code is not known. The inventory gives the
    registry key of the uninstall entry as `path`, and for such a product that ends with the code."""
    match = _PRODUCT.search(facts.path)
    if match is None:
        return None
    return Plan(
        MSIEXEC,
        Command(("/x", match[0], "/qn", "/norestart"), good=frozenset({0, _RESTART_WANTED}), seconds=900),
        keeps=Keeps.NOTHING,
        whole=False,
        undo="install it again",
    )
