"""Whether a source that belongs to one operating system has anything to do here."""

from __future__ import annotations

import os
import sys
from typing import Literal

from agent.inventory.interface import Machine


def concerns(machine: Machine, system: Literal["darwin", "win32"]) -> bool:
    """False on a running machine of another system: nothing of that kind starts there, so nothing is looked for.

    Another tree (`--root`) may be of any system, whatever we run on.
    """
    return machine.tree.root != os.path.abspath(os.sep) or sys.platform == system
