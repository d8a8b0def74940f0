"""pipx: the environment that it made for one tool goes as a whole, with the links that lead into it."""

from __future__ import annotations

import posixpath

from agent.enforce.managers import pip
from agent.enforce.managers.interface import Command, Facts, Plan, in_home
from agent.host.package_tools import PIPX
from policy_schema.rules.identity import normal_name


def plan(facts: Facts) -> Plan:
    """The tool's own environment by pipx; of a distribution inside another tool's only that, as pip does it."""
    venvs, name = posixpath.split(facts.prefix)
    if normal_name("pypi", name) != facts.name or posixpath.basename(venvs) != "venvs":
        return pip.plan(facts)
    environment = in_home(facts, PIPX_HOME=posixpath.dirname(venvs), PIPX_BIN_DIR=programs_of(facts), USE_EMOJI="0")
    return Plan(PIPX, Command(("uninstall", name), environment), roots=(facts.prefix,))


def programs_of(facts: Facts) -> str:
    """Where the links to the tool's programs stand."""
    outside = [link for link in facts.links if not link.startswith(facts.prefix + "/")]
    if outside:
        return posixpath.dirname(outside[0])
    return f"{facts.home}/.local/bin" if facts.home else "/usr/local/bin"
