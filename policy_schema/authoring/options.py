"""Options that several commands share, and how they are read."""

from __future__ import annotations

import argparse
import time
from pathlib import Path

from policy_schema.authoring.workspace import Workspace
from policy_schema.errors import BadCommand
from policy_schema.rules.instant import format_instant, parse_duration

LONGEST = 5 * 365 * 86_400


def add_folder(parser: argparse.ArgumentParser) -> None:
    """`--dir` and `--keys`."""
    parser.add_argument(
        "--dir", type=Path, default=Path(), metavar="DIR", help="the folder that `init` made (default: here)"
    )
    parser.add_argument("--keys", type=Path, metavar="FOLDER", help="where the key files are (default: DIR/keys)")


def add_passphrase(parser: argparse.ArgumentParser) -> None:
    """`--passphrase-file`."""
    parser.add_argument(
        "--passphrase-file", type=Path, metavar="FILE", help="read the passphrase from here instead of asking (0600)"
    )


def add_validity(parser: argparse.ArgumentParser, what: str, default: str) -> None:
    """`--valid`."""
    parser.add_argument(
        "--valid", default=default, metavar="TIME", help=f"how long {what} counts, such as 90d (default: {default})"
    )


def workspace(args: argparse.Namespace) -> Workspace:
    """The author's folder that the options name.

    Raises:
        NotARepository: `init` has not run there.
    """
    return Workspace.existing(args.dir, args.keys)


def validity(text: str) -> int:
    """`--valid` in seconds.

    Raises:
        BadCommand: not a duration from a minute to five years.
    """
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise BadCommand(f"--valid: {error}", "write it as 7d or 36h") from None
    if not 60 <= seconds <= LONGEST:
        raise BadCommand(f"--valid: {text} is not between 1m and 1825d", "write it as 7d or 36h")
    return seconds


def clock() -> int:
    """The author's clock."""
    return int(time.time())


def day(instant: int) -> str:
    """A date as people read it."""
    return format_instant(instant)[:16].replace("T", " ") + " UTC"
