"""`interdict run`: the daemon in the foreground, for systemd, launchd and the Windows service."""

from __future__ import annotations

import argparse

from agent.cli.shared import add_settings_argument, settings_of
from agent.deps import build_daemon
from agent.host.windows_service import as_service

NAME = "run"
HELP = "Runs the agent in the foreground until it is told to stop."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    parser.add_argument("--service", action="store_true", help="as the service that Windows' manager has started")


def run(args: argparse.Namespace) -> int:
    """Runs the daemon; with new settings it is built anew."""
    return as_service(lambda: _run(args)) if args.service else _run(args)


def _run(args: argparse.Namespace) -> int:
    while True:
        daemon = build_daemon(settings_of(args))
        code = daemon.run()
        if not daemon.restart_wanted:
            return code
