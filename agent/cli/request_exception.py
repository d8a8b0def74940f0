"""`interdict request-exception BAN`: asks the administrators to let one keep using something."""

from __future__ import annotations

import argparse

from agent.cli.asking import ask, reason_of
from agent.cli.shared import add_settings_argument, settings_of
from agent.errors import BadCommand
from policy_schema.messages.local import AskException

NAME = "request-exception"
HELP = "Asks for an exception from a ban. Asked before the ban acts, it holds what is yours while somebody decides."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    parser.add_argument("ban", metavar="BAN", help="the ban's id, as `interdict status` shows it")
    parser.add_argument("--reason", default="", metavar="TEXT", help="what it is needed for, and until when")


def run(args: argparse.Namespace) -> int:
    """Asks the agent."""
    if not (args.ban.isascii() and args.ban.isprintable() and 0 < len(args.ban) <= 120 and " " not in args.ban):
        raise BadCommand(f"{args.ban!r} is no ban", "`interdict status` shows the bans that concern you.")
    return ask(settings_of(args), AskException(ban=args.ban, reason=reason_of(args.reason)))
