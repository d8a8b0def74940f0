"""RubyGems: `gem uninstall` of one version, refused by gem itself when another gem needs it."""

from __future__ import annotations

import posixpath

from agent.enforce.managers.interface import Command, Facts, Plan, no_home
from agent.host.package_tools import GEM


def plan(facts: Facts) -> Plan | None:
    """How gem takes one version out of its folder; None where the version is not known."""
    if not facts.version:
        return None
    full = posixpath.basename(facts.path)
    arguments = (
        "uninstall",
        "--norc",
        "--install-dir",
        facts.prefix,
        "--executables",
        "--abort-on-dependent",
        "--version",
        facts.version,
        facts.name,
    )
    environment = no_home(GEM_HOME=facts.prefix, GEM_PATH=facts.prefix)
    beside = (f"{facts.prefix}/specifications/{full}.gemspec", f"{facts.prefix}/cache/{full}.gem")
    return Plan(GEM, Command(arguments, environment), roots=(facts.path, *beside, *facts.links))
