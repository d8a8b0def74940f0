"""The verbs about what is kept: forgetting what is old, a person's data, copies of the database."""

from __future__ import annotations

import argparse
import os
import sys
from pathlib import Path

from console import audit, config, person
from console.clock import wall_clock
from console.command_parts import database, shown, who
from console.errors import BadCommand, BadFile
from console.store import backup as copies
from console.store import retention
from console.store.address import address_of


def prune(arguments: argparse.Namespace) -> int:
    """Forgets what is older than `[keep]` of the settings file says, and says how much it was."""
    keep = retention.keep_of(config.load(None, arguments.data, os.environ).section("keep"))
    with database(arguments.data) as opened:
        gone = retention.prune(opened, keep, wall_clock(), who())
    print(retention.sentence(gone))
    return 0


def person_export(arguments: argparse.Namespace) -> int:
    """Everything that is kept of a person or a device, as JSON."""
    with database(arguments.data) as opened:
        document = person.export(opened, arguments.whom, wall_clock(), who())
    if arguments.out is None:
        sys.stdout.buffer.write(document + b"\n")
        return 0
    try:
        with os.fdopen(os.open(arguments.out, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "wb") as file:
            file.write(document + b"\n")
    except OSError as error:
        raise BadFile(f"{arguments.out} cannot be written: {error.strerror}") from error
    print(f"{arguments.out} has {len(document)} bytes")
    return 0


def person_erase(arguments: argparse.Namespace) -> int:
    """Forgets a person or a device; totals of the past stay true."""
    if not arguments.yes:
        raise BadCommand("what is erased cannot be brought back", "Say --yes if that is what you want.")
    with database(arguments.data) as opened:
        of, gone = person.erase_(opened, arguments.whom, wall_clock(), who())
    devices = f" on {len(of.devices)} devices" if of.person else ""
    print(f"{arguments.whom} is erased{devices}: {gone} rows are gone, the others have no name any more")
    return 0


def backup(arguments: argparse.Namespace) -> int:
    """Writes a copy of the database while it is used."""
    address = address_of(arguments.data)
    with database(arguments.data) as opened:
        size = copies.backup(address, arguments.file)
        with opened.write() as connection:
            audit.record(connection, wall_clock(), who=who(), what="backed-up", detail=str(arguments.file))
    print(f"{arguments.file} has {size} bytes")
    return 0


def restore(arguments: argparse.Namespace) -> int:
    """Makes the database of a copy, where there is none."""
    file: Path = arguments.file
    address = address_of(arguments.data)
    copies.restore(address, file)
    with database(arguments.data) as opened, opened.write() as connection:
        audit.record(connection, wall_clock(), who=who(), what="restored", detail=str(file))
    print(f"{shown(address)} is restored; agents that are ahead of it send their whole state by themselves")
    return 0
