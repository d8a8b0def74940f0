"""`interdict-policy exceptions`: grants an exception, takes one back, shows what was granted."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

import msgspec

from policy_schema.authoring.cli.sign import confirm
from policy_schema.authoring.granting import allowed, publish_grants
from policy_schema.authoring.grants import (
    ExceptionRow,
    Ledger,
    PauseRow,
    active,
    grant,
    read_decided,
    read_ledger,
    revoke,
    take,
)
from policy_schema.authoring.options import add_folder, add_passphrase, add_validity, clock, validity, workspace
from policy_schema.authoring.workspace import Workspace
from policy_schema.document.problems import printable
from policy_schema.errors import BadCommand
from policy_schema.rules.instant import Instant, parse_instant
from policy_schema.trust.metadata import Lifetimes

NAME = "exceptions"
HELP = "Grants an exception from a ban, takes one back, takes over what a console decided, or lists what was granted."
DAY_END = "T23:59:59Z"


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `exceptions` takes."""
    parser.add_argument("do", choices=["list", "grant", "revoke", "take"])
    parser.add_argument(
        "name", nargs="?", metavar="BAN|ID|FILE", help="grant: the ban; revoke: the exception; take: the file"
    )
    parser.add_argument("--device", action="append", default=[], metavar="ID", help="a device of this person")
    parser.add_argument("--until", metavar="DAY", help="the last day, such as 2026-08-31, or an instant in UTC")
    parser.add_argument("--reason", default="", metavar="TEXT", help="why; it stays in the record")
    parser.add_argument("--asked-by", default="", metavar="NAME", help="who asked")
    parser.add_argument("--approved-by", default="", metavar="NAME", help="who decided; not the same person")
    parser.add_argument("--yes", action="store_true", help="take: sign without asking")
    parser.add_argument("--json", action="store_true", help="list: print one JSON document")
    add_folder(parser)
    add_passphrase(parser)
    add_validity(parser, "the on-line signature", "7d")


def run(args: argparse.Namespace) -> int:
    """Lists, or changes and publishes at once.

    Raises:
        BadCommand, BadKey, Refused: as they say; nothing is changed then.
    """
    space, now = workspace(args), Instant(clock())
    ledger = read_ledger(space.folder)
    if args.do == "list":
        _list(ledger.exceptions, ledger.pauses, now, as_json=args.json)
        return 0
    if not args.name:
        raise BadCommand(f"exceptions {args.do}: which one?", "see --help")
    if args.do == "take":
        return _take(args, space, ledger, now)
    if args.do == "revoke":
        ledger, said = revoke(ledger, args.name, now), f"Revoked {args.name}."
    else:
        missing = [option for option in ("until", "reason", "asked_by", "approved_by") if not getattr(args, option)]
        if missing:
            raise BadCommand(f"--{missing[0].replace('_', '-')} is needed", "see --help")
        ledger, made = grant(
            ledger,
            allowed(space),
            ban=args.name,
            devices=args.device,
            reason=args.reason,
            asked_by=args.asked_by,
            approved_by=args.approved_by,
            until=_until(args.until),
            now=now,
        )
        said = f"Granted {made.id}: {made.ban} for {len(made.devices)} device(s) until {made.until}."
    lifetimes = Lifetimes(online=validity(args.valid))
    found = publish_grants(space, ledger, now=now, lifetimes=lifetimes, passphrase_file=args.passphrase_file)
    print(f"{said} Published as version {found.granted.version} of the exceptions.")
    print(f"Next: upload {space.repository}, timestamp.json last; devices have it at their next poll.")
    return 0


def _take(args: argparse.Namespace, space: Workspace, ledger: Ledger, now: Instant) -> int:
    """Shows what a console has decided, asks, and signs it."""
    taken = take(ledger, allowed(space), read_decided(Path(args.name)), now)
    if not taken.changes:
        print("Nothing new has been decided.")
        return 0
    for change in taken.changes:
        print(printable(f"  {change}"))
    confirm("the holder of this role", yes=args.yes)
    lifetimes = Lifetimes(online=validity(args.valid))
    found = publish_grants(space, taken.ledger, now=now, lifetimes=lifetimes, passphrase_file=args.passphrase_file)
    print(f"Published as version {found.granted.version} of the exceptions.")
    print(f"Next: upload {space.repository}, timestamp.json last; devices have it at their next poll.")
    return 0


def _until(text: str) -> Instant:
    try:
        return parse_instant(text if "T" in text else text + DAY_END)
    except ValueError as error:
        raise BadCommand(f"--until: {error}", "write it as 2026-08-31") from None


def _list(exceptions: tuple[ExceptionRow, ...], pauses: tuple[PauseRow, ...], now: Instant, *, as_json: bool) -> None:
    if as_json:
        rows = [{**msgspec.to_builtins(row), "active": active(row, now)} for row in exceptions]
        paused = [{**msgspec.to_builtins(row), "active": active(row, now)} for row in pauses]
        print(json.dumps({"exceptions": rows, "pauses": paused}, ensure_ascii=False, indent=2))
        return
    for row in exceptions:
        state = "holds" if active(row, now) else f"revoked {row.revoked}" if row.revoked else "ended"
        who = f"asked by {row.asked_by}, approved by {row.approved_by}: {row.reason}"
        print(printable(f"{row.id}  {row.ban}  until {row.until}  {state}  {len(row.devices)} device(s)  {who}"))
    for one in pauses:
        state = "paused" if active(one, now) else f"ended {one.ended}" if one.ended else "over"
        print(printable(f"pause  {one.ban}  until {one.until}  {state}  by {one.approved_by}: {one.reason}"))
    if not exceptions and not pauses:
        print("Nothing was ever granted.")
