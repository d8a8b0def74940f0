"""`interdict-policy`: finds the command, runs it, and turns what goes wrong into one line and an exit code.

A command is a module of this folder with

    NAME = "lint"
    HELP = "One sentence for the list of commands."
    def add_arguments(parser: argparse.ArgumentParser) -> None
    def run(args: argparse.Namespace) -> int

and one line in COMMANDS. Exit codes: 0 = done; 1 = a check failed;
2 = could not do it (stderr says why and what to do).
"""

from __future__ import annotations

import argparse
import difflib
import importlib
import io
import os
import sys
from collections.abc import Callable, Sequence
from typing import NoReturn, Protocol, cast

from policy_schema.document.problems import printable
from policy_schema.errors import BadCommand, PolicyError

PROGRAM = "interdict-policy"

COMMANDS = {
    "catalogue": "policy_schema.authoring.cli.catalogue",
    "compile": "policy_schema.authoring.cli.compile",
    "diff": "policy_schema.authoring.cli.diff",
    "evidence": "policy_schema.authoring.cli.evidence",
    "exceptions": "policy_schema.authoring.cli.exceptions",
    "init": "policy_schema.authoring.cli.init",
    "keys": "policy_schema.authoring.cli.keys",
    "lift": "policy_schema.authoring.cli.lift",
    "lint": "policy_schema.authoring.cli.lint",
    "new": "policy_schema.authoring.cli.new",
    "pause": "policy_schema.authoring.cli.pause",
    "preview": "policy_schema.authoring.cli.preview",
    "publish": "policy_schema.authoring.cli.publish",
    "renew": "policy_schema.authoring.cli.renew",
    "schema": "policy_schema.authoring.cli.schema",
    "sign": "policy_schema.authoring.cli.sign",
    "simulate": "policy_schema.authoring.cli.simulate",
    "status": "policy_schema.authoring.cli.status",
    "verify": "policy_schema.authoring.cli.verify",
}
"""Loaded by name when called, so that `lint` never pays for TUF."""

FAILED = 2
READER_WENT_AWAY = 128 + 13
INTERRUPTED = 128 + 2


class Command(Protocol):
    """What a module of this folder offers."""

    NAME: str
    HELP: str
    add_arguments: Callable[[argparse.ArgumentParser], None]
    run: Callable[[argparse.Namespace], int]


class Parser(argparse.ArgumentParser):
    """An argument parser whose complaint is one of our errors instead of a usage text and an exit."""

    def error(self, message: str) -> NoReturn:
        """Raises: BadCommand, always."""
        raise BadCommand(message, f"see `{self.prog} --help`")


def main(argv: Sequence[str] | None = None) -> int:
    """Runs one command and returns its exit code."""
    _print_anything()
    try:
        code = dispatch(sys.argv[1:] if argv is None else argv)
        sys.stdout.flush()
        return code
    except PolicyError as error:
        return complain(error.lines())
    except BrokenPipeError:
        # The reader (`| head`) has what it wanted. The interpreter's last flush must not complain about it.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return READER_WENT_AWAY
    except KeyboardInterrupt:
        print(file=sys.stderr)
        return INTERRUPTED
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        return complain(
            (f"{where}{error.strerror or error}; check the path, its permissions and the room on the disk",)
        )


def _print_anything() -> None:
    """A terminal or pipe that cannot show a character gets its code instead of ending the command."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):
            stream.reconfigure(errors="backslashreplace")


def dispatch(argv: Sequence[str]) -> int:
    """Finds the command that `argv` begins with and runs it.

    Raises:
        BadCommand: there is no such command, or its arguments are wrong.
        PolicyError: what the command raises.
    """
    if not argv:
        raise BadCommand("no command given", f"choose one of {', '.join(COMMANDS)}")
    name, rest = argv[0], argv[1:]
    if name in ("-h", "--help", "help"):
        print(overview())
        return 0
    if name == "--version":
        print(f"{PROGRAM} {version()}")
        return 0
    command = load(name)
    parser = Parser(prog=f"{PROGRAM} {name}", description=command.HELP, allow_abbrev=False)
    command.add_arguments(parser)
    return command.run(parser.parse_args(rest))


def load(name: str) -> Command:
    """Imports the module of a command.

    Raises:
        BadCommand: no such command, or a library that it needs is not installed.
    """
    if name not in COMMANDS:
        near = difflib.get_close_matches(name, COMMANDS, n=1)
        known = f"did you mean `{PROGRAM} {near[0]}`?" if near else f"choose one of {', '.join(COMMANDS)}"
        raise BadCommand(f"{name!r} is not a command", known)
    try:
        return cast(Command, importlib.import_module(COMMANDS[name]))
    except ModuleNotFoundError as error:
        raise BadCommand(
            f"{name} needs the Python module {error.name}, which is not installed", "install interdict again"
        ) from error


def overview() -> str:
    """The list of commands, a sentence each."""
    width = max(map(len, COMMANDS))
    lines = [
        f"usage: {PROGRAM} COMMAND [ARGUMENTS]",
        "",
        "Writes, checks, signs and publishes an Interdict policy.",
        "",
    ]
    lines += [f"  {name:<{width}}  {load(name).HELP}" for name in COMMANDS]
    return "\n".join([*lines, "", f"`{PROGRAM} COMMAND --help` tells more."])


def version() -> str:
    """The version of the installed distribution."""
    from importlib.metadata import version as installed

    return installed("interdict")


def complain(lines: Sequence[str]) -> int:
    """Prints each line to stderr, without anything that steers a terminal, and gives the exit code."""
    for line in lines:
        print(f"{PROGRAM}: {printable(line)}", file=sys.stderr)
    return FAILED


if __name__ == "__main__":
    sys.exit(main())
