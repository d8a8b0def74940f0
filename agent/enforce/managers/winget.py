"""winget: `winget uninstall` by the exact id, without dialogues; what the package kept as its data stays."""

from __future__ import annotations

from agent.enforce.managers.interface import Command, Facts, Keeps, Plan
from agent.host.package_tools import WINGET

_EXACT = ("--exact", "--disable-interactivity", "--accept-source-agreements")


def plan(facts: Facts) -> Plan:
    """How winget takes a program out; `winget list` must know exactly that one."""
    return Plan(
        WINGET,
        Command(("uninstall", "--id", facts.name, *_EXACT, "--silent", "--preserve"), seconds=600),
        dry_run=Command(("list", "--id", facts.name, *_EXACT)),
        others=others,
        keeps=Keeps.NOTHING,
        whole=False,
        undo=f"winget install --id {facts.name} --exact",
    )


def others(written: bytes, facts: Facts) -> frozenset[str] | None:
    """The table of `winget list` has one row below its rule for the one that is meant; more, and it is not certain."""
    lines = [line.rstrip() for line in written.decode("utf-8", "replace").splitlines()]
    rule = next((number for number, line in enumerate(lines) if line and set(line) == {"-"}), None)
    rows = [line for line in lines[rule + 1 :] if line.strip()] if rule is not None else []
    if not any(facts.name.casefold() in line.casefold().split() for line in rows):
        return None
    return frozenset(line for line in rows if facts.name.casefold() not in line.casefold().split())
