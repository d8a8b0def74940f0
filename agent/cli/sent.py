"""`interdict sent`: every report word for word; one's own lines for a person, all for root."""

from __future__ import annotations

import argparse
import json

from agent.cli.output import print_json, say
from agent.cli.shared import add_settings_argument, settings_of
from agent.report.views import own_view

NAME = "sent"
HELP = "Every report that left this machine, word for word."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Prints the reports that the console has stored, oldest first."""
    settings = settings_of(args)
    view = own_view(settings.state_dir) or {}
    reports = view.get("reports")
    rows = reports if isinstance(reports, list) else []
    if args.json:
        print_json({"schema": 1, "reports": rows})
        return 0
    if not settings.server:
        say("No server is set: nothing leaves this machine.")
    elif not rows:
        say(f"Nothing has been sent to {settings.server} yet.")
    for row in rows:
        say(f"sent {row.get('sent_at')} to {settings.server}:")
        say(json.dumps(row.get("report"), indent=2, ensure_ascii=False))
    return 0
