"""`interdict report-wrong FINDING`: says that a finding is none."""

from __future__ import annotations

import argparse

from agent.cli.asking import ask, reason_of
from agent.cli.shared import add_settings_argument, settings_of
from agent.errors import BadCommand
from policy_schema.messages.local import ReportWrong

NAME = "report-wrong"
HELP = "Says that a finding is wrong: it is written down, and left alone once for a while."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    parser.add_argument("finding", metavar="FINDING", help="its id (`f-…`), as `interdict status --json` shows it")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why it is wrong")


def run(args: argparse.Namespace) -> int:
    """Asks the agent."""
    name = args.finding
    if not (name.isascii() and name.isprintable() and 0 < len(name) <= 120 and " " not in name):
        raise BadCommand(f"{name!r} is no finding", "`interdict status --json` shows their ids.")
    return ask(settings_of(args), ReportWrong(finding=name, reason=reason_of(args.reason)))
