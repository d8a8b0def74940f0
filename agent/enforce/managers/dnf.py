"""dnf, yum, zypper: one package of RPM, by `rpm` itself: it takes exactly what it is told, or refuses.

`dnf remove` would take along what needs the package and what only it needed; `rpm --erase --test` says the first with
an error, and the second stays.
"""

from __future__ import annotations

from agent.enforce.managers.interface import Command, Facts, Keeps, Plan, no_home
from agent.host.package_tools import RPM


def plan(facts: Facts) -> Plan:
    """How rpm takes a package out."""
    environment = no_home(PATH="/usr/sbin:/usr/bin:/sbin:/bin")
    return Plan(
        RPM,
        Command(("--erase", facts.name), environment, seconds=600),
        dry_run=Command(("--erase", "--test", facts.name), environment),
        keeps=Keeps.SYSTEM,
        listing=(RPM, Command(("--query", "--list", facts.name), environment)),
        whole=False,
        as_root=True,
        undo=f"dnf install {facts.name}",
    )
