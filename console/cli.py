"""The command `interdict-console`. Importable without the libraries of the console: they are loaded when used."""

from __future__ import annotations

import argparse
import importlib
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Final, NoReturn

from console import cli_access, cli_exceptions, cli_reports
from console.errors import BadCommand, ConsoleError, ExtraMissing
from policy_schema.rules.instant import parse_duration

DATA: Final = "/var/lib/interdict-console"
COMMANDS: Final = "console.commands"
"""The module that does the work, by name, so that importing this file loads none of it."""


class _Parser(argparse.ArgumentParser):
    """One line for a command line that makes no sense, as everywhere."""

    def error(self, message: str) -> NoReturn:
        raise BadCommand(message, f"See `{self.prog} --help`.")


def main(arguments: Sequence[str] | None = None) -> int:
    """Runs one command. Returns the exit code: 0, or 2 with one line on stderr."""
    try:
        parsed = _parser().parse_args(arguments)
        if not hasattr(parsed, "command"):
            raise BadCommand("no command was given", "See `interdict-console --help`.")
        os.umask(0o077)
        command = _command(parsed.command)
        _choose_database(parsed)
        code = command(parsed)
        sys.stdout.flush()
        return code
    except ConsoleError as error:
        print(f"interdict-console: {error}; {error.advice()}", file=sys.stderr)
        return 2
    except BrokenPipeError:
        # Whoever read our output has enough.
        os.dup2(os.open(os.devnull, os.O_WRONLY), 1)
        return 0
    except KeyboardInterrupt:
        return 130


def _command(name: str) -> Callable[[argparse.Namespace], int]:
    """`serve` of `console.commands`, or `report` of `commands_reports.report`."""
    module, _, function = name.rpartition(".")
    try:
        loaded = importlib.import_module(f"console.{module}" if module else COMMANDS)
    except ModuleNotFoundError as error:
        if (error.name or "").split(".")[0] in ("console", "policy_schema"):
            raise
        raise ExtraMissing(f"the console needs {error.name}, which is not installed") from error
    command: Callable[[argparse.Namespace], int] = getattr(loaded, function)
    return command


def _choose_database(parsed: argparse.Namespace) -> None:
    """What the command line says about the database; loaded when it says something."""
    if parsed.database or parsed.database_password_file is not None:
        use: Callable[[str, Path | None], None] = importlib.import_module("console.store.address").use
        use(parsed.database, parsed.database_password_file)


def _parser() -> argparse.ArgumentParser:
    parser = _Parser(prog="interdict-console", description="Takes reports from workstations and shows compliance.")
    verbs = parser.add_subparsers(title="commands", metavar="COMMAND")
    _serve(_verb(verbs, "serve", "serve", "take reports and serve the pages"))
    _verb(verbs, "migrate", "migrate", "bring the database to this version's form")
    _report(_verb(verbs, "report", "commands_reports.report", "print the compliance report"))
    _secrets(verbs)
    cli_access.add(verbs, _verb, _nested, _seconds)
    cli_exceptions.add(verbs, _verb, _nested)
    cli_reports.add(verbs, _verb, _nested)
    _devices(verbs)
    _kept(verbs)
    return parser


def _verb(verbs: argparse._SubParsersAction[_Parser], name: str, command: str, help_: str) -> argparse.ArgumentParser:
    verb = verbs.add_parser(name, help=help_, description=f"{help_[0].upper()}{help_[1:]}.")
    verb.set_defaults(command=command)
    verb.add_argument(
        "--data",
        type=Path,
        default=Path(os.environ.get("INTERDICT_CONSOLE_DATA", DATA)),
        metavar="DIR",
        help=f"where the database lies (default: $INTERDICT_CONSOLE_DATA, else {DATA})",
    )
    verb.add_argument(
        "--database",
        default="",
        metavar="URL",
        help="a PostgreSQL server instead, without a password (default: $INTERDICT_CONSOLE_DATABASE)",
    )
    verb.add_argument("--database-password-file", type=Path, metavar="FILE", help="its password, in the first line")
    return verb


def _nested(verbs: argparse._SubParsersAction[_Parser], name: str, help_: str) -> argparse._SubParsersAction[_Parser]:
    parser = verbs.add_parser(name, help=help_)
    return parser.add_subparsers(title="commands", metavar="COMMAND", required=True)


def _serve(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    verb.add_argument("--port", type=int, default=8600, help="port, 0 for a free one (default: %(default)s)")
    verb.add_argument("--trial", action="store_true", help="no login; this machine only")
    verb.add_argument("--repository", type=Path, metavar="DIR", help="serve the signed policy of this folder too")
    verb.add_argument("--behind-tls", action="store_true", help="a proxy in front ends TLS")
    verb.add_argument("--config", type=Path, metavar="FILE", help="settings (default: console.toml in --data)")
    _duration(verb, "--report-every", "15m", "how often devices shall report")
    _duration(verb, "--silent-after", "24h", "without a report for so long a device counts as silent")


def _report(verb: argparse.ArgumentParser) -> None:
    verb.add_argument("--as-of", metavar="TIME", help="as it was then, such as 2026-07-10 or 2026-07-10T18:00+08:00")
    verb.add_argument("--ban", default="", metavar="ID", help="only this ban")
    verb.add_argument("--group", default="", metavar="NAME", help="only devices of this group")
    verb.add_argument("--out", type=Path, metavar="FILE", help="write to a file")
    form = verb.add_mutually_exclusive_group()
    names = ("text", "json", "csv", "xlsx", "pdf", "records")
    form.add_argument("--format", choices=names, default="text", help="what it is written as (default: %(default)s)")
    for name, means in (("csv", "csv"), ("json", "json"), ("records", "records, for `interdict-policy simulate`")):
        help_ = f"the same as --format {means}"
        form.add_argument(f"--{name}", dest="format", action="store_const", const=name, help=help_)
    _duration(verb, "--silent-after", "24h", "without a report for so long a device counts as silent")


def _secrets(verbs: argparse._SubParsersAction[_Parser]) -> None:
    secrets = _nested(verbs, "enroll-secret", "secrets with which machines enrol")
    new = _verb(secrets, "new", "secret_new", "make a secret and print it once")
    new.add_argument("--uses", type=int, default=1, metavar="N", help="machines that may enrol with it (default: 1)")
    _duration(new, "--expires", "7d", "how long it can be used")


def _devices(verbs: argparse._SubParsersAction[_Parser]) -> None:
    devices = _nested(verbs, "devices", "the devices of the fleet")
    listed = _verb(devices, "import", "commands_reports.devices_import", "replace the list of expected devices")
    listed.add_argument("file", type=Path, help="one host name a line, or a CSV with host_name, groups")
    gone = _verb(devices, "remove", "device_remove", "take a device out of the fleet")
    gone.add_argument("device", help="its id or host name")


def _kept(verbs: argparse._SubParsersAction[_Parser]) -> None:
    _verb(verbs, "prune", "commands_store.prune", "forget what is older than it may be")
    persons = _nested(verbs, "person", "what is kept of a person or a device")
    export = _verb(persons, "export", "commands_store.person_export", "everything that is kept, as JSON")
    export.add_argument("--out", type=Path, metavar="FILE", help="write to a new file that root alone can read")
    erase = _verb(persons, "erase", "commands_store.person_erase", "forget it; totals of the past stay true")
    erase.add_argument("--yes", action="store_true", help="it cannot be brought back")
    for verb in (export, erase):
        verb.add_argument("whom", help="a device's id or host name, or a pseudonym from a report")
    for name, help_ in (
        ("backup", "copy the database into a file while it is used"),
        ("restore", "make the database of a copy, where there is none"),
    ):
        _verb(verbs, name, f"commands_store.{name}", help_).add_argument("file", type=Path)


def _duration(verb: argparse.ArgumentParser, name: str, default: str, help_: str) -> None:
    verb.add_argument(
        name, type=_seconds, default=_seconds(default), metavar="TIME", help=f"{help_} (default: {default})"
    )


def _seconds(text: str) -> int:
    """`30s`, `15m`, `24h`, `7d`."""
    try:
        seconds = parse_duration(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(str(error)) from error
    if seconds <= 0:
        raise argparse.ArgumentTypeError(f"{text!r} is no time at all")
    return seconds


if __name__ == "__main__":
    sys.exit(main())
