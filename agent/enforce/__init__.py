"""What the agent can do about a finding, one file an action.

`ACTIONS` is the table of contents; modules are loaded when first used, so that a daemon which only reports never
loads the code that acts. Each module has `KIND` and an actor class (see `agent.enforce.interface`).
Not here: `report`, which is no act.
"""

from __future__ import annotations

from importlib import import_module
from types import ModuleType

ACTIONS: dict[str, str] = {
    "notify": "agent.enforce.notify",
    "quarantine": "agent.enforce.quarantine",
    "restore": "agent.enforce.restore",
    "stop": "agent.enforce.stop",
    "uninstall": "agent.enforce.uninstall",
}


def load(kind: str) -> ModuleType:
    """The module of an action.

    Raises:
        KeyError: no action has that name.
    """
    return import_module(ACTIONS[kind])
