"""What the verbs about reports do: print one, and say which devices are expected."""

from __future__ import annotations

import argparse
import os
import sys
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Final

from console import audit, expected
from console.clock import wall_clock
from console.command_parts import database, lines_of, who
from console.errors import BadCommand, BadFile
from console.exports.formats import format_named
from console.exports.records import write_records
from console.reports import compliance
from console.reports.build import Report
from console.reports.history import Question
from console.store.queries.fleet import Silence, Wanted
from policy_schema.rules.instant import format_instant

RECORDS: Final = "records"
NO_TERMINAL: Final = ("xlsx", "pdf")
DAY: Final = 86_400


def report(arguments: argparse.Namespace) -> int:
    """Prints the compliance report, or writes it to a file."""
    now = wall_clock()
    if arguments.format in NO_TERMINAL and arguments.out is None and sys.stdout.isatty():
        raise BadCommand(f"{arguments.format} is nothing for a terminal", "Say --out FILE.")
    with database(arguments.data) as opened, opened.read() as connection:
        if arguments.format == RECORDS:
            lines = compliance.all_lines(connection, Silence(now, arguments.silent_after), Wanted(ban=arguments.ban))
            pieces: Iterable[bytes] = (line.encode() for line in write_records(lines))
        else:
            moment = now if arguments.as_of is None else moment_of(arguments.as_of, now)
            question = Question(moment, now, arguments.silent_after, arguments.ban, arguments.group)
            pieces = format_named(arguments.format).pieces(Report(connection, question))
        with _sink(arguments.out) as sink:
            for piece in pieces:
                sink.write(piece)
    return 0


def devices_import(arguments: argparse.Namespace) -> int:
    """Replaces the list of expected devices; who is on it and has not enrolled shows as never enrolled."""
    listed, now = expected.read(lines_of(arguments.file), arguments.file), wall_clock()
    with database(arguments.data, create=True) as opened, opened.write() as connection:
        number = expected.replace(connection, listed, now)
        audit.record(connection, now, who=who(), what="devices-imported", detail=f"{number} devices")
    print(f"{number} devices are expected")
    return 0


def moment_of(text: str, now: int) -> int:
    """`2026-07-10T18:00:00Z`, `2026-07-10T18:00+08:00`, or a day, which means its end in UTC (or now, if it is today).

    Raises:
        BadCommand: none of these.
    """
    try:
        if len(text) == len("2026-07-10"):
            begun = int(datetime.fromisoformat(text).replace(tzinfo=UTC).timestamp())
            return now if begun <= now < begun + DAY else begun + DAY - 1
        moment = datetime.fromisoformat(text)
    except ValueError as error:
        raise BadCommand(f"{text!r} is no moment", f"Write it as {format_instant(now)} or as a day.") from error
    if moment.tzinfo is None:
        raise BadCommand(f"{text!r} does not say in which zone", f"Add Z or an offset: {text}Z, {text}+08:00.")
    return int(moment.timestamp())


@contextmanager
def _sink(file: Path | None) -> Iterator[BinaryIO]:
    """Where the report goes. A file is complete or not there: it gets its name when all of it is written."""
    if file is None:
        sys.stdout.flush()
        yield sys.stdout.buffer
        return
    half = file.with_name(f".{file.name}.{os.getpid()}")
    try:
        with half.open("xb") as opened:
            yield opened
        half.replace(file)
    except OSError as error:
        raise BadFile(f"{file} cannot be written: {error.strerror}") from error
    finally:
        half.unlink(missing_ok=True)
