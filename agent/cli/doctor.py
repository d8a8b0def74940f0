"""`interdict doctor`: what is wrong with the agent on this machine, and how to mend it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from collections.abc import Callable

from agent.cli.checks import agent_itself, bans, refusals, servers, system
from agent.cli.checks.check import Check, machine
from agent.cli.output import print_json, print_table, say
from agent.cli.shared import add_settings_argument, settings_of
from agent.errors import BadSettings
from agent.settings import Settings
from agent.version import VERSION

NAME = "doctor"
HELP = "Checks settings, rights, kernel, clock, policy and console, and says how to mend what is wrong."
CHECKS: tuple[Callable[[Settings], Check], ...] = (
    agent_itself.state,
    agent_itself.daemon,
    agent_itself.health,
    bans.policy,
    bans.guard,
    bans.brake,
    bans.pause,
    agent_itself.journal,
    servers.policy_server,
    servers.console,
    servers.clock,
    agent_itself.rights,
    system.watcher,
    system.gate,
    refusals.refusals,
    refusals.disk_access,
    system.notices,
)
"""Every check after that of the settings, in the order in which they are shown. A new one: a function and a line."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--bundle", metavar="FILE", help="write what support needs into FILE, and print what is in it")


def run(args: argparse.Namespace) -> int:
    """Prints every check; 1 when one failed."""
    settings, checks = _settings_check(args)
    if settings is not None:
        for make in CHECKS:
            checks.append(make(settings))
    if args.bundle:
        _write_bundle(args.bundle, checks, settings)
    if args.json:
        print_json({"schema": 1, "agent": VERSION, "checks": [check._asdict() for check in checks]})
    else:
        print_table(("CHECK", "RESULT", "WHAT"), [(c.name, c.result, c.what) for c in checks])
        for check in checks:
            if check.advice:
                say(f"{check.name}: {check.advice}")
    return 1 if any(check.result == "failed" for check in checks) else 0


def _settings_check(args: argparse.Namespace) -> tuple[Settings | None, list[Check]]:
    try:
        settings = settings_of(args)
    except BadSettings as error:
        return None, [Check("settings", "failed", str(error), error.advice())]
    return settings, [Check("settings", "ok", f"{settings.file} can be used")]


def _write_bundle(path: str, checks: list[Check], settings: Settings | None) -> None:
    """A support file: the checks and what everybody on the machine may read. No findings, no paths of persons."""
    view = machine(settings) if settings else None
    content = {
        "agent": VERSION,
        "python": sys.version,
        "system": platform.platform(),
        "checks": [check._asdict() for check in checks],
        "machine": view,
    }
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
    say(f"{path} holds: the checks below, and machine.json word for word (policy, coverage, health; no findings).")
