"""`interdict-policy diff`: what changes from one policy to another, in sentences."""

from __future__ import annotations

import argparse
import json

from policy_schema.authoring.policies import HELP as NAMES
from policy_schema.authoring.policies import policy_named
from policy_schema.authoring.summary import change_lines
from policy_schema.document.diff import differences

NAME = "diff"
HELP = "Says in words what changes from one policy to another, and which way each change goes."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `diff` takes."""
    parser.add_argument("old", metavar="OLD", help=NAMES)
    parser.add_argument("new", metavar="NEW", help="the same")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Prints every change. Exit code 0, whether there are any or not: a change is no failure.

    Raises:
        BadFile, BadDocument, BadCommand: one of the two cannot be used.
    """
    old, new = policy_named(args.old), policy_named(args.new)
    changes = differences(old, new)
    if args.json:
        rows = [{"about": change.about, "way": change.way, "text": change.text} for change in changes]
        print(json.dumps({"old": old.id, "new": new.id, "changes": rows}, ensure_ascii=False, indent=2))
    else:
        print("\n".join(change_lines(changes)))
    return 0
