"""`interdict inventory`: what is installed, by source, with what could not be looked at. No policy is needed."""

from __future__ import annotations

import argparse
import os
from typing import NamedTuple

from agent.cli.output import print_json, print_table, progress, say
from agent.cli.shared import add_settings_argument, refuse_missing_folders, settings_or_default
from agent.cli.unlooked import unlooked
from agent.host.clock import wall
from agent.host.files import printable
from agent.inventory import SOURCES
from agent.inventory.interface import Look
from agent.inventory.machine import open_machine
from agent.inventory.runner import look
from agent.settings import Settings, os_name
from agent.version import VERSION
from policy_schema.rules.instant import Instant, format_instant
from policy_schema.rules.observation import Coverage, Observation

NAME = "inventory"
HELP = "Shows what is installed on this machine, or in another tree, and what could not be looked at."
INCOMPLETE = 3


class Reach(NamedTuple):
    """Where to look, as the tree names it."""

    root: str
    homes: tuple[str, ...] = ()
    path_folders: tuple[str, ...] = ()
    project_roots: tuple[str, ...] = ()
    system: bool = True


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    known = ", ".join(SOURCES)
    parser.add_argument("--source", metavar="NAME", action="append", default=[], help=f"only this source: {known}")
    parser.add_argument("--root", metavar="DIR", default="/", help="look into this tree instead of the running machine")
    parser.add_argument("--home", metavar="DIR", action="append", default=[], help="only this home (may be repeated)")
    parser.add_argument("--path", metavar="DIR", action="append", default=[], help="a further folder of programs")
    parser.add_argument("--require-complete", action="store_true", help="exit code 3 if a place could not be looked at")
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document")
    form.add_argument("--cyclonedx", action="store_true", help="one CycloneDX document (a software bill of materials)")


def run(args: argparse.Namespace) -> int:
    """Looks, prints, and says by its exit code whether everything could be looked at."""
    settings = settings_or_default(args)
    reach = reach_of(args, settings)
    with open_machine(
        root=reach.root,
        homes=reach.homes,
        path_folders=reach.path_folders,
        project_roots=reach.project_roots,
        system=reach.system,
    ) as machine:
        found = look(machine, args.source, _show_progress)
    progress("")
    if args.json:
        print_json(document(settings, found))
    elif args.cyclonedx:
        from agent.inventory.cyclonedx import cyclonedx

        print_json(cyclonedx(found, version=VERSION, os=os_name(), kind=settings.kind, now=Instant(int(wall()))))
    else:
        _show(found)
    return INCOMPLETE if args.require_complete and not found.complete else 0


def reach_of(args: argparse.Namespace, settings: Settings) -> Reach:
    """Where to look, from the command line and the settings. Raises BadCommand for a folder that is not there."""
    refuse_missing_folders(args.root, *args.home, *args.path)
    root = os.path.abspath(args.root)
    homes = tuple(_absolute(path, root) for path in args.home)
    folders = tuple(_absolute(path, root) for path in args.path)
    if root != "/":
        return Reach(root, homes, folders)
    return Reach(root, homes or settings.homes, (*folders, *settings.path_folders), settings.roots, settings.system)


def document(settings: Settings, found: Look) -> dict[str, object]:
    """The JSON of an inventory; `interdict-policy simulate` takes it as the record of a device."""
    return {
        "schema": 1,
        "generated_at": format_instant(wall()),
        "complete": found.complete,
        "device": _device(settings),
        "coverage": [_coverage(row) for row in found.coverage],
        "items": [_item(seen) for seen in _items(found)],
    }


def _device(settings: Settings) -> dict[str, object]:
    """What fleet management has said about this machine; null is what it has not said."""
    groups = None if settings.groups is None else sorted(settings.groups)
    about = {"os": os_name(), "kind": settings.kind, "ownership": settings.ownership}
    return {**about, "region": settings.region, "groups": groups}


def _items(found: Look) -> list[Observation]:
    everything = [seen for source in found.observations.values() for seen in source]
    return sorted(everything, key=lambda seen: (seen.source, seen.path))


def _item(seen: Observation) -> dict[str, object]:
    return {
        "source": seen.source,
        "face": seen.face,
        "purl": seen.purl or None,
        "name": printable(seen.name),
        "setting": seen.setting or None,
        "version": seen.version,
        "path": printable(seen.path),
        "owner": printable(seen.owner),
        "project": seen.project,
        **{key: printable(value) for key, value in _marks(seen) if value},
    }


def _marks(seen: Observation) -> tuple[tuple[str, str], ...]:
    """By what else it may be recognised; left out where there is nothing."""
    return (("extension", seen.extension), ("app", seen.app), ("signer", seen.signer))


def _coverage(row: Coverage) -> dict[str, object]:
    return {
        "source": row.source,
        "roots": [printable(root) for root in row.roots],
        "items": row.items,
        "unknown": [{"where": printable(place.where), "reason": place.reason} for place in row.unknown],
        "ms": row.ms,
    }


def _show(found: Look) -> None:
    rows = [
        (seen.source, seen.name, seen.setting or seen.version or "?", seen.owner, seen.path) for seen in _items(found)
    ]
    if rows:
        shown = [tuple(printable(cell) for cell in row) for row in rows]
        print_table(("SOURCE", "NAME", "VERSION", "OWNER", "PATH"), shown)
    say()
    for row in found.coverage:
        say(f"{row.source}: {_count(row.items, 'item')} in {_count(len(row.roots), 'place')}, {row.ms} ms")
    for sentence in unlooked(found.coverage):
        say(sentence)


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"


def _show_progress(source: str, items: int) -> None:
    if items % 50 == 0:
        progress(f"Looking: {source}, {items} items")


def _absolute(path: str, root: str) -> str:
    """As the tree names it: an absolute path that stands in the tree is left, a relative one is ours."""
    if root != "/" and path.startswith("/") and not path.startswith(root + "/"):
        return path
    return os.path.abspath(path)
