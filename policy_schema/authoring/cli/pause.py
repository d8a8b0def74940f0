"""`interdict-policy pause`: puts a ban to rest for everybody, for a while."""

from __future__ import annotations

import argparse

from policy_schema.authoring.granting import allowed, publish_grants
from policy_schema.authoring.grants import end_pause, pause, read_ledger
from policy_schema.authoring.options import add_folder, add_passphrase, add_validity, clock, validity, workspace
from policy_schema.errors import BadCommand
from policy_schema.rules.instant import Instant, parse_duration
from policy_schema.trust.metadata import Lifetimes

NAME = "pause"
HELP = "Puts a ban to rest for everybody for a while, or ends such a pause."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `pause` takes."""
    parser.add_argument("ban", metavar="BAN")
    parser.add_argument("--for", dest="span", metavar="TIME", help="how long, such as 24h; no longer than pause.max")
    parser.add_argument("--end", action="store_true", help="end the pause now")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; it stays in the record")
    parser.add_argument("--approved-by", default="", metavar="NAME", help="who decided")
    add_folder(parser)
    add_passphrase(parser)
    add_validity(parser, "the on-line signature", "7d")


def run(args: argparse.Namespace) -> int:
    """Pauses or ends, and publishes at once.

    Raises:
        BadCommand, BadKey, Refused: as they say; nothing is changed then.
    """
    space, now = workspace(args), Instant(clock())
    ledger = read_ledger(space.folder)
    if args.end == bool(args.span):
        raise BadCommand("say --for TIME or --end", "one of the two")
    if args.end:
        ledger, said = end_pause(ledger, args.ban, now), f"{args.ban} is in force again."
    else:
        if not args.reason or not args.approved_by:
            raise BadCommand("--reason and --approved-by are needed", "see --help")
        rules, seconds = allowed(space), _seconds(args.span)
        ledger, made = pause(
            ledger, rules, ban=args.ban, reason=args.reason, approved_by=args.approved_by, seconds=seconds, now=now
        )
        said = f"{made.ban} is paused until {made.until}: devices notice, report, and do not act."
    lifetimes = Lifetimes(online=validity(args.valid))
    publish_grants(space, ledger, now=now, lifetimes=lifetimes, passphrase_file=args.passphrase_file)
    print(said)
    print(f"Next: upload {space.repository}, timestamp.json last; devices have it at their next poll.")
    return 0


def _seconds(text: str) -> int:
    try:
        return parse_duration(text)
    except ValueError as error:
        raise BadCommand(f"--for: {error}", "write it as 24h or 3d") from None
