"""`interdict release`: lets bans act that the brake holds, once somebody has looked why."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from agent import brake as braking
from agent.cli.administering import refuse_others, tell_agent, who
from agent.cli.output import print_table, say
from agent.cli.shared import add_settings_argument, settings_of
from agent.errors import BadCommand
from agent.host.clock import wall
from agent.report.asked import ask_release
from agent.report.views import read_view
from agent.settings import Settings

NAME = "release"
HELP = "Root only: lets a ban act that the brake holds; without a name it lists what is held, and why."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    parser.add_argument("ban", nargs="*", metavar="BAN", help="the ban's id")
    parser.add_argument("--all", action="store_true", help="every ban, and the rest after a crash loop")


def run(args: argparse.Namespace) -> int:
    """Writes the request down and tells the daemon; 1 when it only lists, and something is held."""
    settings = settings_of(args)
    held = _held(settings)
    if args.ban and args.all:
        raise BadCommand("BAN and --all say different things", "Name bans, or write --all.")
    if not args.ban and not args.all:
        return _list(held)
    refuse_others(settings, "let a ban go")
    unknown = [ban for ban in args.ban if ban not in held]
    if unknown:
        raise BadCommand(f"the brake holds no ban {unknown[0]}", "`interdict release` lists what it holds.")
    ask_release(settings.state_dir, who(), wall(), [braking.EVERYTHING] if args.all else args.ban)
    say("Everything acts again." if args.all else f"Let go: {', '.join(args.ban)}. Acts begin again at once.")
    tell_agent(settings)
    return 0


def _held(settings: Settings) -> dict[str, str]:
    rows = (read_view(settings.state_dir, "machine.json") or {}).get("brake")
    return {str(ban): str(why) for ban, why in rows.items()} if isinstance(rows, Mapping) else {}


def _list(held: Mapping[str, str]) -> int:
    if not held:
        say("The brake holds nothing.")
        return 0
    print_table(("BAN", "WHY"), sorted(held.items()))
    return 1
