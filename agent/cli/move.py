"""`interdict move`: from a banned tool to one that the policy offers, with the settings that both have.

As the person, never as root. Asks before it installs and before it writes; a diff of every file is shown first. Nothing
of what is carried over is logged or reported. How and what: docs/moving.md.
"""

from __future__ import annotations

import argparse
import os
import shlex
import sys
from collections.abc import Mapping
from typing import NamedTuple

from agent.cli.move_window import staying_open, tool_of
from agent.cli.notifier import open_address
from agent.cli.output import print_json, say
from agent.cli.shared import add_settings_argument, settings_of
from agent.errors import BadCommand, Denied, StateBroken, ToolFailed
from agent.host.files import distrust, printable
from agent.host.search_path import own_search_path
from agent.host.users import own_uid
from agent.moving.arrival import find_tool_here
from agent.moving.choice import Offer, choose_source, choose_target, offered
from agent.moving.home import Home
from agent.moving.installing import Command, install_command
from agent.moving.installing import run as run_command
from agent.moving.plan import Plan, Planner, places_of
from agent.moving.writing import Written, undo, write
from agent.report.views import FOLDER, own_view, read_view
from agent.settings import Settings
from policy_schema.rules.observation import Observation
from policy_schema.rules.rulebook import Rulebook

NAME = "move"
HELP = "Moves you from a banned tool to one that the policy offers: installs it, and carries over what both tools have."
DECLINED = 1


class _Result(NamedTuple):
    """What one call came to, for `--json` and the exit code."""

    seen: Observation | None
    command: Command | None
    plan: Plan | None
    written: tuple[Written, ...]
    complete: bool


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    parser.add_argument("tool", metavar="TOOL", nargs="?", default="", help="the banned tool, such as claude-code")
    parser.add_argument("--to", metavar="ALTERNATIVE", default="", help="which alternative, where there are several")
    parser.add_argument("--yes", action="store_true", help="ask nothing")
    parser.add_argument("--dry-run", action="store_true", help="show everything and change nothing")
    parser.add_argument("--no-install", action="store_true", help="only carry settings over")
    parser.add_argument("--undo", action="store_true", help="give back every file that the last move changed")
    parser.add_argument("--json", action="store_true", help="one JSON document; needs --yes or --dry-run")
    parser.add_argument("--notice", metavar="ID", default="", help="as the button of a notice starts it, in a window")


def run(args: argparse.Namespace) -> int:
    """Moves, or takes the last move back."""
    return staying_open(lambda: _run(args)) if args.notice else _run(args)


def _run(args: argparse.Namespace) -> int:
    _refuse_root()
    if args.json and not (args.yes or args.dry_run or args.undo):
        raise BadCommand("--json asks nothing", "Add --yes or --dry-run.")
    with Home(os.path.expanduser("~")) as home:
        if args.undo:
            return _undo(home, args.json)
        settings = settings_of(args)
        book = _rulebook(settings)
        wish = args.tool or (tool_of(settings, args.notice) if args.notice else "")
        source = choose_source(book, wish, _found_here(settings))
        offer = _offer(book, source, args)
        if offer.tool not in book.tools:
            if args.notice:
                open_address(offer.url)
            return _by_link(offer, args.json)
        result = _move(args, home, book, source, offer)
    if args.json:
        print_json(_document(home, source, offer, result))
    return 0 if result.complete else DECLINED


def _move(args: argparse.Namespace, home: Home, book: Rulebook, source: str, offer: Offer) -> _Result:
    said = _Sayer(quiet=args.json)
    said(f"The policy offers for {book.tools[source].name}: {offer.name}{f' ({offer.url})' if offer.url else ''}")
    seen = find_tool_here(book, offer.tool, home.path)
    command = None
    if seen is None and not args.no_install:
        command = install_command(_entry(book, offer.tool), home.path)
        seen = _install(args, said, book, offer, command, home)
    elif seen is not None:
        said(f"{offer.name} {seen.version} is here: {home.shown(seen.path)}")
    if seen is None and not (args.no_install or args.dry_run):
        return _Result(None, command, None, (), False)
    plan = Planner(home, places_of(_entry(book, source)), places_of(_entry(book, offer.tool))).plan()
    written = _carry_over(args, said, home, plan)
    return _Result(seen, command, plan, written, args.dry_run or len(written) == len(plan.changes))


def _install(
    args: argparse.Namespace, said: _Sayer, book: Rulebook, offer: Offer, command: Command | None, home: Home
) -> Observation | None:
    """Installs it after asking; what the inventory then sees of it."""
    if command is None:
        if args.notice:
            open_address(offer.url)
        said(
            f"{offer.name} is not here, and no package manager on this machine can install it. Get it from {offer.url}"
        )
        return None
    said(f"{offer.name} is not on this machine yet. It would be installed with:")
    said(f"  {shlex.join(command.words())}")
    if args.dry_run or not _agreed("Install it?", args):
        return None
    try:
        run_command(command)
    except ToolFailed as error:
        link = f", or get {offer.name} from {offer.url}" if offer.url else ""
        advice = f"Nothing was carried over. Mend that{link}; then `interdict move` goes on from there."
        raise ToolFailed(str(error), advice) from error
    seen = find_tool_here(book, offer.tool, home.path)
    if seen is None:
        said(f"The command ended well, but {offer.name} is not to be seen. Get it from {offer.url}")
    else:
        said(f"{offer.name} {seen.version} is here: {home.shown(seen.path)}")
        commands = command.commands_in
        if commands and commands not in own_search_path():
            said(f"Its commands lie in {home.shown(commands)}, which is not in your PATH.")
    return seen


def _carry_over(args: argparse.Namespace, said: _Sayer, home: Home, plan: Plan) -> tuple[Written, ...]:
    """Shows the plan and, after asking, writes it."""
    for change in plan.changes:
        said(change.shown)
    for sentence in plan.left:
        said(f"Not carried over: {sentence}")
    if not plan.changes:
        said("There is nothing to carry over.")
        return ()
    if args.dry_run or not _agreed("Write this?", args):
        return ()
    written = write(home, plan.changes)
    for one in written:
        said(f"Written: {one.place}" + (f"; as it was: {home.shown(one.copy)}" if one.copy else ""))
    for server, names in plan.needs.items():
        said(f"Set for the MCP server {server}: {', '.join(names)}")
    said("`interdict move --undo` takes this back.")
    return written


def _undo(home: Home, as_json: bool) -> int:
    back, kept = undo(home)
    if as_json:
        print_json({"schema": 1, "given_back": back, "left": kept})
    for place in () if as_json else back:
        say(f"{place} is as it was before.")
    for sentence in () if as_json else kept:
        say(sentence)
    return DECLINED if kept else 0


def _by_link(offer: Offer, as_json: bool) -> int:
    """An alternative that the catalogue does not know: its link is all there is."""
    if as_json:
        print_json({"schema": 1, "to": {"name": offer.name, "tool": None, "url": offer.url}, "installed": None})
    else:
        say(f"The policy offers {offer.name}. Get it from {offer.url}; its settings are not known to the catalogue.")
    return DECLINED


def _offer(book: Rulebook, source: str, args: argparse.Namespace) -> Offer:
    offers = offered(book)[source]
    chosen = choose_target(offers, args.to)
    if chosen is None:
        for offer in () if args.json else offers:
            say(f"  {offer.tool or offer.name}: {offer.name} {offer.url}")
        raise BadCommand(f"the policy offers several tools for {book.tools[source].name}", "Choose with --to NAME.")
    return chosen


def _rulebook(settings: Settings) -> Rulebook:
    """The policy in force, if nobody but root and ourselves could have written it: it names what is run.

    Raises:
        BadCommand, StateBroken: there is none, or it cannot be relied on.
    """
    view = read_view(settings.state_dir, "rules.json")
    data = view.get("rulebook") if view else None
    if not isinstance(data, dict):
        raise BadCommand("no policy is in force on this machine", "See `interdict status`.")
    if why := distrust(os.path.join(settings.state_dir, FOLDER, "rules.json")):
        raise StateBroken(why, "Nothing is installed by a policy that others can change.")
    try:
        return Rulebook(data)
    except (AttributeError, LookupError, TypeError, ValueError) as error:
        raise BadCommand("the agent's policy is of another version", "Restart the agent: it writes it anew.") from error


def _found_here(settings: Settings) -> frozenset[str]:
    """The banned tools that the agent has found of this person."""
    view = own_view(settings.state_dir)
    rows = view.get("findings") if view else None
    return (
        frozenset(str(row.get("tool")) for row in rows if isinstance(row, dict))
        if isinstance(rows, list)
        else frozenset()
    )


def _entry(book: Rulebook, tool: str) -> Mapping[str, object]:
    entry = book.tool_entries[tool]
    return entry if isinstance(entry, Mapping) else {}


def _refuse_root() -> None:
    if sys.platform != "win32" and own_uid() == 0:
        raise Denied(
            "a move is the person's own: it is not done as root", "Run it as them: runuser -u NAME -- interdict move"
        )


def _agreed(question: str, args: argparse.Namespace) -> bool:
    if args.yes:
        return True
    if not sys.stdin.isatty():
        raise BadCommand("there is nobody to ask", "Run it in a terminal, or add --yes or --dry-run.")
    try:
        return input(f"{question} [y/N] ").strip().casefold() in ("y", "yes")
    except EOFError:
        return False


class _Sayer:
    """Says a sentence, unless one document is all that may be printed."""

    def __init__(self, quiet: bool) -> None:
        self._quiet = quiet

    def __call__(self, text: str) -> None:
        if not self._quiet:
            say(text)


def _document(home: Home, source: str, offer: Offer, result: _Result) -> dict[str, object]:
    plan, seen = result.plan, result.seen
    written = {one.place: one for one in result.written}
    files = [
        {
            "path": one.place,
            "diff": one.shown,
            "written": one.place in written,
            "copy": _copy(home, written.get(one.place)),
        }
        for one in (plan.changes if plan else ())
    ]
    return {
        "schema": 1,
        "from": source,
        "to": {"name": offer.name, "tool": offer.tool, "url": offer.url},
        "installed": {"version": seen.version, "path": printable(seen.path)} if seen else None,
        "command": list(result.command.words()) if result.command else None,
        "files": files,
        "carried": dict(plan.carried) if plan else {},
        "left": list(plan.left) if plan else [],
        "to_set": {name: list(names) for name, names in plan.needs.items()} if plan else {},
    }


def _copy(home: Home, written: Written | None) -> str | None:
    return home.shown(written.copy) if written and written.copy else None
