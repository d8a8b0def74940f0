"""The command `interdict`: a table of commands, one file each, loaded when called.

Exit codes: 0 nothing banned; 1 banned software found, or a check failed; 2 could not do it (one line on stderr: what
is wrong, what to do); 3 could not look everywhere, with `--require-complete`.
"""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from typing import NoReturn

from agent.cli.output import plain
from agent.errors import BadCommand, InterdictError
from agent.version import VERSION

COMMANDS: dict[str, str] = {
    "doctor": "agent.cli.doctor",
    "enroll": "agent.cli.enroll",
    "explain": "agent.cli.explain",
    "inventory": "agent.cli.inventory",
    "pause": "agent.cli.pause",
    "quarantine": "agent.cli.quarantine",
    "release": "agent.cli.release",
    "run": "agent.cli.run",
    "scan": "agent.cli.scan",
    "sent": "agent.cli.sent",
    "status": "agent.cli.status",
}
"""Every command: name to module. A module has NAME, HELP, add_arguments(parser) and run(args) -> exit code."""


class _Parser(argparse.ArgumentParser):
    """Says what is wrong in one line, as every error of ours."""

    def error(self, message: str) -> NoReturn:
        raise BadCommand(f"{self.prog}: {message}", f"See `{self.prog} --help`.")


def main(argv: list[str] | None = None) -> int:
    """Runs one command and answers with its exit code."""
    arguments = sys.argv[1:] if argv is None else argv
    try:
        code = _run(arguments)
        sys.stdout.flush()
        return code
    except InterdictError as error:
        print(f"interdict: {plain(str(error))}. {error.advice()}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # The reader went away (`| head`): not an error of ours, and nothing more can be said.
        _finish_output()
        return 2
    except OSError as error:
        _finish_output()
        where = f"{plain(str(error.filename))}: " if error.filename else ""
        reason = error.strerror or error
        print(
            f"interdict: {where}{reason}. Check the path, its permissions and the room on the disk.",
            file=sys.stderr,
        )
        return 2
    except KeyboardInterrupt:
        return 130


def _finish_output() -> None:
    """Writes what is still buffered; where that cannot be, drops it, so that the interpreter's end is silent."""
    try:
        sys.stdout.flush()
    except OSError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())


def _run(arguments: list[str]) -> int:
    name = next((a for a in arguments if not a.startswith("-")), "")
    parser = _Parser(prog="interdict", description="Carries out a software ban on this machine, honestly.")
    parser.add_argument("--version", action="version", version=f"interdict {VERSION}")
    commands = parser.add_subparsers(dest="command", metavar="COMMAND", parser_class=_Parser)
    wanted = {name: COMMANDS[name]} if name in COMMANDS else COMMANDS
    for each, path in wanted.items():
        module = importlib.import_module(path)
        sub = commands.add_parser(each, help=module.HELP, description=module.HELP)
        module.add_arguments(sub)
        sub.set_defaults(run=module.run)
    if name and name not in COMMANDS:
        raise BadCommand(f"there is no command {name!r}", f"The commands are {', '.join(COMMANDS)}.")
    args = parser.parse_args(arguments)
    if not args.command:
        parser.print_help()
        return 2
    return int(args.run(args))
