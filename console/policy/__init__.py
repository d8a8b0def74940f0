"""The policy as the console knows it: followed like an agent follows it, verified, kept version by version.

`current(connection)` is the policy in force, `versions(connection)` all that were adopted, newest first, and
`troubles(connection, now)` what is wrong with following it: unreachable, expired, wrongly signed, not set up.
"""

from __future__ import annotations

from console.policy.interface import Ban, Policy, Trouble, Version
from console.policy.known import at_version, current, reported, troubles, versions

__all__ = ["Ban", "Policy", "Trouble", "Version", "at_version", "current", "reported", "troubles", "versions"]
