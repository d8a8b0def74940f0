"""`interdict pause`: the agent stops acting on this machine for a while; it goes on looking and reporting."""

from __future__ import annotations

import argparse
import os

from agent import brake as braking
from agent.cli.output import say
from agent.cli.shared import add_settings_argument, settings_of
from agent.errors import BadCommand, Denied, StateBroken
from agent.host.clock import wall
from agent.host.files import distrust, tell_holder
from agent.host.processes import owner_name
from agent.host.users import own_uid
from agent.report.pause_request import write_request
from agent.settings import Settings
from policy_schema.rules.instant import Instant, format_instant, parse_duration

NAME = "pause"
HELP = "Root only: nothing is stopped, moved or refused for a while; looking and reporting go on."
_USUAL = "1h"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    parser.add_argument("--for", dest="length", metavar="TIME", default=_USUAL, help="such as 30m or 2h; at most 24h")
    parser.add_argument("--end", action="store_true", help="let it act again: ends a pause, and what the brake holds")


def run(args: argparse.Namespace) -> int:
    """Writes the request down and tells the daemon."""
    settings = settings_of(args)
    seconds = 0 if args.end else _seconds(args.length)
    _may(settings)
    now = wall()
    by = who()
    write_request(settings.state_dir, by, now, seconds)
    told = tell_holder(os.path.join(settings.state_dir, "lock"))
    if args.end:
        say("Interdict acts again on this machine.")
    else:
        until = format_instant(Instant(now + seconds))
        say(f"Interdict is paused on this machine until {until} by {by}: nothing is stopped, moved or refused.")
        say("It goes on looking and reporting, and reports that it is paused. `interdict pause --end` ends it.")
    if not told:
        say("No agent runs now; it takes this up when it starts.")
    return 0


def who() -> str:
    """The account that asked; behind sudo, doas or pkexec, the person."""
    for name in ("SUDO_USER", "DOAS_USER"):
        if os.environ.get(name):
            return os.environ[name][:100]
    asked = os.environ.get("PKEXEC_UID", "")
    return owner_name(int(asked)) if asked.isdecimal() else owner_name(own_uid())


def _seconds(text: str) -> int:
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise BadCommand(f"--for {text}: {error}", "Write it as 30m or 2h.") from error
    if not 0 < seconds <= braking.MOST_PAUSED:
        raise BadCommand(f"--for {text}: a pause lasts 24h at the most", "Pause again when it is over.")
    return seconds


def _may(settings: Settings) -> None:
    if not os.path.isdir(settings.state_dir):
        raise StateBroken(f"{settings.state_dir}: no agent has run here", "There is nothing to pause.")
    # Without root there is a trial of one's own, which one may pause.
    if os.stat(settings.state_dir).st_uid != own_uid() or distrust(settings.state_dir):
        raise Denied("only root pauses the agent of this machine", "Ask your administrator, or use sudo.")
