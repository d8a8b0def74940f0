"""uv: the environment that `uv tool install` made for one tool goes as a whole, with the links that lead into it."""

from __future__ import annotations

import posixpath

from agent.enforce.managers import pip
from agent.enforce.managers.interface import Command, Facts, Plan, no_home
from agent.enforce.managers.pipx import programs_of
from agent.host.package_tools import UV
from policy_schema.rules.identity import normal_name


def plan(facts: Facts) -> Plan:
    """The tool's own environment by uv; of a distribution inside another tool's only that, as pip does it."""
    tools, name = posixpath.split(facts.prefix)
    if normal_name("pypi", name) != facts.name or posixpath.basename(tools) != "tools":
        return pip.plan(facts)
    environment = no_home(UV_TOOL_DIR=tools, UV_TOOL_BIN_DIR=programs_of(facts))
    arguments = ("tool", "uninstall", "--offline", "--no-config", "--no-cache", "--no-python-downloads", name)
    return Plan(UV, Command(arguments, environment), roots=(facts.prefix,))
