"""`interdict pause`: the agent stops acting on this machine for a while; it goes on looking and reporting."""

from __future__ import annotations

import argparse

from agent import brake as braking
from agent.cli.administering import refuse_others, tell_agent, who
from agent.cli.output import say
from agent.cli.shared import add_settings_argument, settings_of
from agent.errors import BadCommand
from agent.host.clock import wall
from agent.report.asked import ask_pause
from policy_schema.rules.instant import Instant, format_instant, parse_duration

NAME = "pause"
HELP = "Root only: nothing is stopped, moved or refused for a while; looking and reporting go on."
_USUAL = "1h"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    parser.add_argument("--for", dest="length", metavar="TIME", default=_USUAL, help="such as 30m or 2h; at most 24h")
    parser.add_argument("--end", action="store_true", help="let it act again now")


def run(args: argparse.Namespace) -> int:
    """Writes the request down and tells the daemon."""
    settings = settings_of(args)
    seconds = 0 if args.end else _seconds(args.length)
    refuse_others(settings, "pause it")
    by, now = who(), wall()
    ask_pause(settings.state_dir, by, now, seconds)
    if args.end:
        say("No pause: Interdict acts again on this machine. What the brake holds stays held (`interdict doctor`).")
    else:
        until = format_instant(Instant(now + seconds))
        say(f"Interdict is paused on this machine until {until} by {by}: nothing is stopped, moved or refused.")
        say("It goes on looking and reporting, and reports that it is paused. `interdict pause --end` ends it.")
    tell_agent(settings)
    return 0


def _seconds(text: str) -> int:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise BadCommand(f"--for {text}: {error}", "Write it as 30m or 2h.") from error
    if not 0 < seconds <= braking.MOST_PAUSED:
        raise BadCommand(f"--for {text}: a pause lasts 24h at the most", "Pause again when it is over.")
    return seconds
