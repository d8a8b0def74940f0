"""Options that several commands share."""

from __future__ import annotations

import argparse
import os

from agent.errors import BadSettings
from agent.settings import Settings, default_file, load_settings


def add_settings_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--config FILE`."""
    parser.add_argument(
        "--config", metavar="FILE", default="", help="the settings file (default: the system's own place)"
    )


def settings_of(args: argparse.Namespace) -> Settings:
    """The settings that the command line names. Raises BadSettings."""
    return load_settings(args.config)


def settings_or_default(args: argparse.Namespace) -> Settings:
    """The same, where a machine without any settings is fine (`scan` on a machine without an agent)."""
    if not args.config and not os.path.exists(default_file()):
        return Settings()
    try:
        return load_settings(args.config)
    except BadSettings:
        if args.config:
            raise
        # Somebody without the right to read the agent's settings can still look with a policy of their own.
        return Settings()
