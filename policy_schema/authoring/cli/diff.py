"""`interdict-policy diff`: what changes from one policy to another, in sentences."""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from policy_schema.authoring.policies import HELP as NAMES
from policy_schema.authoring.policies import policy_named
from policy_schema.authoring.simulation.compare import Comparison
from policy_schema.authoring.simulation.records import read_records
from policy_schema.authoring.summary import change_lines
from policy_schema.document.closed import ClosedPolicy
from policy_schema.document.compile import compile_policy
from policy_schema.document.diff import differences
from policy_schema.rules.rulebook import Rulebook

NAME = "diff"
HELP = "Says in words what changes from one policy to another, and which way each change goes."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `diff` takes."""
    parser.add_argument("old", metavar="OLD", help=NAMES)
    parser.add_argument("new", metavar="NEW", help="the same")
    parser.add_argument(
        "--records",
        metavar="RECORDS",
        action="append",
        type=Path,
        default=[],
        help="recorded devices: also say for how many each stage comes newly, sooner, later (again for more files)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Prints every change. Exit code 0, whether there are any or not: a change is no failure.

    Raises:
        BadFile, BadDocument, BadCommand: one of the two, or of the records, cannot be used.
    """
    old, new = policy_named(args.old), policy_named(args.new)
    changes = list(differences(old, new))
    counted = _counted(old, new, args.records) if args.records else None
    if counted is not None:
        changes = counted.told(changes)
    if args.json:
        rows = [{"about": change.about, "way": change.way, "text": change.text} for change in changes]
        devices = None if counted is None else counted.devices
        document = {"old": old.id, "new": new.id, "devices": devices, "changes": rows}
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        print("\n".join(change_lines(changes)))
        if counted is not None:
            print(f"Counted on {counted.devices:,} recorded devices; what is not recorded is not counted.")
    return 0


def _counted(old: ClosedPolicy, new: ClosedPolicy, paths: list[Path]) -> Comparison:
    made = Comparison(Rulebook(compile_policy(old.document, 0)), Rulebook(compile_policy(new.document, 0)))
    for path in paths:
        for record in read_records(path):
            made.take(record)
    return made
