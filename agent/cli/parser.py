"""The command line of `interdict`, read with argparse: one line says what is wrong, as every error of ours."""

from __future__ import annotations

import argparse
import importlib
from collections.abc import Mapping
from typing import Any, NoReturn

from agent.cli.output import terminal_width
from agent.errors import BadCommand
from agent.version import VERSION


class _Formatter(argparse.HelpFormatter):
    """Asks for the terminal's width itself: argparse loads shutil for that at every start, help or no help."""

    def __init__(self, prog: str) -> None:
        super().__init__(prog, width=terminal_width() - 2)


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"formatter_class": _Formatter, **options})

    def error(self, message: str) -> NoReturn:
        raise BadCommand(f"{self.prog}: {message}", f"See `{self.prog} --help`.")


def run_command(arguments: list[str], table: Mapping[str, str]) -> int:
    """Loads the command that the arguments name, reads its options and runs it; its exit code.

    Raises:
        BadCommand: there is no such command, or an option is wrong.
    """
    name = next((a for a in arguments if not a.startswith("-")), "")
    parser = _Parser(prog="interdict", description="Carries out a software ban on this machine, honestly.")
    parser.add_argument("--version", action="version", version=f"interdict {VERSION}")
    # Without `prog` argparse formats a usage to find it.
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser, prog="interdict")
    wanted = {name: table[name]} if name in table else table
    for each, path in wanted.items():
        module = importlib.import_module(path)
        sub = commands.add_parser(each, help=module.HELP, description=module.HELP)
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    if name and name not in table:
        raise BadCommand(f"there is no command {name!r}", f"The commands are {', '.join(table)}.")
    args = parser.parse_args(arguments)
    if not args.command:
        parser.print_help()
        return 2
    return int(args.run(args))
