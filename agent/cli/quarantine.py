"""`interdict quarantine list|restore|purge`: what was taken, and giving it back or removing it for good.

Works on the vaults themselves, with or without a running daemon, which sees the change in the records at its next
look. As root on everything; otherwise on what one's own trial agent has taken.
"""

from __future__ import annotations

import argparse
import os

from agent.cli.output import print_json, print_table, say
from agent.cli.shared import add_settings_argument, add_settings_argument_behind, settings_or_default
from agent.enforce.cell import open_cell
from agent.enforce.interface import Detail
from agent.enforce.ledger import Entry
from agent.enforce.manifest import HeldState, Record
from agent.enforce.recovery import purge
from agent.enforce.restore import Restorer
from agent.errors import BadCommand, Denied, Gone, InterdictError, StateBroken
from agent.host.clock import wall
from agent.host.oserrors import printable
from agent.host.processes import owner_name
from agent.host.vault import am_root, find_vaults, my_uid
from agent.settings import Settings

NAME = "quarantine"
HELP = "List what was quarantined, give it back, or remove it for good."

_NOTES = {
    Detail.ATTRIBUTES_LOST: "Its place is on another filesystem, and not every owner or attribute could be kept.",
    Detail.BESIDE_ORIGINAL: "Its old place is taken or is another folder now, so it lies beside.",
    Detail.CONTENT_CHANGED: "Its content is not what was recorded: somebody had it open for writing when it was taken.",
    Detail.UNFINISHED: "A link that led to it could not be put back; it stays in the quarantine.",
    Detail.ALREADY_GONE: "It is no longer where it was put.",
}


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    verbs = parser.add_subparsers(dest="verb", metavar="VERB", required=True)
    listing = verbs.add_parser("list", help="what is held, and what became of the rest")
    listing.add_argument("--json", action="store_true", help="one JSON document")
    restore = verbs.add_parser("restore", help="give something back, exactly as it was")
    restore.add_argument("id", metavar="ID", help="as `list` shows it, such as q-7h3kx9pm")
    restore.add_argument("--to", metavar="DIR", help="put it into this folder instead of its old place")
    purging = verbs.add_parser("purge", help="remove something for good; it cannot be restored afterwards")
    purging.add_argument("id", metavar="ID", help="as `list` shows it")
    for verb in (listing, restore, purging):
        add_settings_argument_behind(verb)


def run(args: argparse.Namespace) -> int:
    """Carries out one verb."""
    settings = settings_or_default(args)
    if args.verb == "list":
        return _list(settings, args.json)
    _may(settings)
    if args.verb == "restore":
        return _restore(settings, args.id, args.to)
    return _purge(settings, args.id)


def read_entries(settings: Settings) -> tuple[tuple[Entry, ...], tuple[str, ...]]:
    """Every quarantine that the caller may see, oldest first, and what could not be read."""
    found: list[Entry] = []
    unreadable: list[str] = []
    for vault in find_vaults(settings.state_dir, settings.vault_dir):
        with vault:
            for name in vault.ids():
                try:
                    with open_cell(vault, name, wall) as cell:
                        found.append(Entry(cell.record(), vault.path))
                except InterdictError:
                    unreadable.append(os.path.join(vault.path, name))
    return tuple(sorted(found, key=lambda entry: (entry.record.at, entry.record.id))), tuple(unreadable)


def held_things(settings: Settings) -> tuple[list[dict[str, object]], tuple[str, ...]]:
    """The same as `quarantine list --json` names it."""
    entries, unreadable = read_entries(settings)
    return [_item(entry) for entry in entries], unreadable


def _list(settings: Settings, as_json: bool) -> int:
    entries, unreadable = read_entries(settings)
    if as_json:
        print_json({"schema": 1, "items": [_item(entry) for entry in entries], "unknown": list(unreadable)})
        return 0
    for place in unreadable:
        say(f"{printable(place)}: cannot be read; nothing is said about it here.")
    if not entries:
        say("Nothing is quarantined." if am_root() else "Nothing of yours is quarantined (root sees everything).")
        return 0
    rows = [[e.record.id, e.record.state.value, e.record.at, e.record.ban, printable(e.record.path)] for e in entries]
    print_table(["ID", "STATE", "SINCE", "BAN", "WAS AT"], rows)
    return 0


def _item(entry: Entry) -> dict[str, object]:
    record = entry.record
    names = ("id", "path", "ban", "tool", "purl", "finding", "installation", "entries", "bytes", "by", "note")
    item: dict[str, object] = {name: getattr(record, name) for name in names}
    restored_to = record.restored_to if record.state is HeldState.RESTORED else None
    more = {"state": record.state.value, "at": record.at, "vault": entry.vault, "restored_to": restored_to}
    return item | more


def _may(settings: Settings) -> None:
    """Who may not open the agent's vault gets one clear line instead of "unknown id"."""
    path = os.path.join(settings.state_dir, "quarantine")
    if not am_root() and os.path.isdir(settings.state_dir) and not os.access(path, os.W_OK) and os.path.lexists(path):
        raise Denied("only root restores or purges what the agent took", "Ask your administrator, or use sudo.")


def _restore(settings: Settings, name: str, to: str | None) -> int:
    if to is not None and not os.path.isdir(to):
        raise BadCommand(f"--to {printable(to)}: there is no such folder", "Make it first, or name another one.")
    restorer = Restorer(state_dir=settings.state_dir, vault_dir=settings.vault_dir, now=wall)
    record = restorer.restore(name, to, _who(), None)
    say(f"{record.id} is back at {printable(record.restored_to)}.")
    if record.note in _NOTES:
        say(_NOTES[Detail(record.note)])
    return 0


def _purge(settings: Settings, name: str) -> int:
    for vault in find_vaults(settings.state_dir, settings.vault_dir):
        with vault:
            if name not in vault.ids():
                continue
            with vault.locked(), open_cell(vault, name, wall) as cell:
                _refuse_purge(cell.record())
                purge(cell)
            say(f"{name} was removed for good.")
            return 0
    raise Gone(f"there is no quarantine {name!r} here", "See `interdict quarantine list`.")


def _refuse_purge(record: Record) -> None:
    if record.state not in (HeldState.SEALED, HeldState.MOVED, HeldState.PURGING):
        raise StateBroken(f"{record.id} is {record.state.value}: there is nothing to purge", "See the list.")


def _who() -> str:
    """The account that asked; behind sudo, the person."""
    return os.environ.get("SUDO_USER") or owner_name(my_uid())
