"""Options that several commands share."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

from agent.configured import load_settings
from agent.errors import BadCommand, BadSettings
from agent.host.oserrors import printable
from agent.settings import Settings, default_file

if TYPE_CHECKING:
    import argparse


def add_settings_argument(parser: argparse.ArgumentParser) -> None:
    """Adds `--config FILE`."""
    parser.add_argument(
        "--config", metavar="FILE", default="", help="the settings file (default: the system's own place)"
    )


def add_settings_argument_behind(parser: argparse.ArgumentParser) -> None:
    """Adds `--config FILE` to a verb of a command that has it too: it may stand before the verb or behind it."""
    from argparse import SUPPRESS  # which argparse knows by identity; `interdict status` starts without argparse

    parser.add_argument("--config", metavar="FILE", default=SUPPRESS, help=SUPPRESS)


def refuse_missing_folders(root: str, *folders: str) -> None:
    """A folder that the command line names and that is not there is a slip, not a place where nothing was found.

    Raises:
        BadCommand: with the first of them; in another tree a folder may be named as the tree names it.
    """
    for path in (root, *folders):
        inside = root.rstrip("/") + "/" + path.lstrip("/")
        if not path or (not os.path.isdir(path) and not os.path.isdir(inside)):
            raise BadCommand(f"{printable(path) or 'an empty name'}: no such folder", "Name a folder that is there.")


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
