"""Scoop: what lies in a user's `scoop/apps/NAME`; its own uninstaller is a script in that user's home.

A script that its owner can change is not run by the agent; the folder is moved by us, and `scoop` then calls the
application broken until it is cleaned up. Data in `scoop/persist` stay.
"""

from __future__ import annotations

from agent.enforce.managers.interface import Facts, Plan


def plan(facts: Facts) -> Plan | None:
    """Always None: there is no program of the system's that could do it."""
    return None
