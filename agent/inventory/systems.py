"""Whether a source that belongs to one operating system has anything to do here."""

from __future__ import annotations

import os
import sys
from typing import Literal

from agent.inventory.interface import Machine


def is_running(machine: Machine) -> bool:
    """True for the machine that we run on, as opposed to another tree (`--root`)."""
    return machine.tree.root == os.path.abspath(os.sep)


def concerns(machine: Machine, system: Literal["darwin", "win32"]) -> bool:
    """False on a running machine of another system: nothing of that kind starts there, so nothing is looked for.

    Another tree (`--root`) may be of any system, whatever we run on.
    """
    return not is_running(machine) or sys.platform == system
