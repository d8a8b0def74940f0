"""npm: `npm uninstall --global` without scripts, settings and network; its dry run names every package that goes."""

from __future__ import annotations

from agent.enforce.managers.interface import NOWHERE, Command, Facts, Plan, json_of, no_home
from agent.host.package_tools import NPM

_ALWAYS = (
    "uninstall",
    "--global",
    "--json",
    "--ignore-scripts",
    "--offline",
    "--no-audit",
    "--no-fund",
    "--no-update-notifier",
    "--logs-max=0",
    f"--cache={NOWHERE}/npm",
    # Two names: npm refuses to read one file as both. Neither can exist.
    f"--userconfig={NOWHERE}/user",
    f"--globalconfig={NOWHERE}/global",
)


def plan(facts: Facts) -> Plan:
    """How npm takes a global package out of its prefix."""
    arguments = (*_ALWAYS, "--prefix", facts.prefix)
    return Plan(
        NPM,
        Command((*arguments, "--", facts.name), no_home()),
        dry_run=Command((*arguments, "--dry-run", "--", facts.name), no_home()),
        others=others,
    )


def others(written: bytes, facts: Facts) -> frozenset[str] | None:
    """Every package in `remove`, `add` or `change` that does not lie in the one that is meant."""
    answer = json_of(written)
    if not isinstance(answer, dict) or not isinstance(answer.get("remove"), list):
        return None
    rows = [row for key in ("remove", "add", "change") for row in answer.get(key) or ()]
    if not all(isinstance(row, dict) for row in rows):
        return None
    own = {facts.path, *facts.parts}
    paths = {str(row.get("path", "")): str(row.get("name", "")) for row in rows}
    if facts.path not in (row.get("path") for row in answer["remove"]):
        return None  # it does not know the package that we mean
    return frozenset(name for path, name in paths.items() if not any(_inside(path, one) for one in own))


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
