"""`interdict later BAN`: puts reminders off until tomorrow, or wants them after all."""

from __future__ import annotations

import argparse

from agent.cli.asking import ask
from agent.cli.shared import add_settings_argument, settings_of
from agent.errors import BadCommand
from policy_schema.messages.local import Later

NAME = "later"
HELP = "Puts reminders of a ban off until tomorrow, three times at the most. What happens when stays as it is."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    parser.add_argument("ban", metavar="BAN", help="the ban's id, as `interdict status` shows it")
    parser.add_argument("--undo", action="store_true", help="be reminded after all; it does not count as put off then")


def run(args: argparse.Namespace) -> int:
    """Tells the agent."""
    if not (args.ban.isascii() and args.ban.isprintable() and 0 < len(args.ban) <= 120 and " " not in args.ban):
        raise BadCommand(f"{args.ban!r} is no ban", "`interdict status` shows the bans that concern you.")
    return ask(settings_of(args), Later(ban=args.ban, undo=args.undo))
