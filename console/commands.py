"""What the verbs of `interdict-console` do. Loaded by `console.cli` when one is used."""

from __future__ import annotations

import argparse
import os
import secrets
import sys

from console import app, audit, server
from console.access.settings import access_settings
from console.clock import wall_clock
from console.command_parts import database as _database
from console.command_parts import migrated as _migrated
from console.command_parts import shown
from console.command_parts import who as _who
from console.config import load
from console.decisions import decisions_of
from console.errors import BadCommand
from console.ingest.enrol import secret_digest
from console.schedules.settings import delivering_of
from console.settings import Settings, check
from console.store import past
from console.store.address import address_of
from console.store.db import Database
from console.store.queries import access, fleet, ingest
from console.store.retention import keep_of
from policy_schema.rules.instant import format_instant

MOST_USES = 10_000_000


def serve(arguments: argparse.Namespace) -> int:
    """Takes reports and serves the pages until it is told to end."""
    settings = check(
        Settings(
            data=arguments.data,
            host=arguments.host,
            port=arguments.port,
            trial=arguments.trial,
            behind_tls=arguments.behind_tls,
            report_every=arguments.report_every,
            silent_after=arguments.silent_after,
            repository=arguments.repository,
        )
    )
    config = load(arguments.config, arguments.data, os.environ)
    signing_in, keep, deciding = access_settings(config), keep_of(config.section("keep")), decisions_of(config)
    delivering = delivering_of(config)
    with _database(settings.data, create=True) as database, server.bind(settings) as bound:
        at = server.address(bound)
        built = app.build(settings, database, access=signing_in, keep=keep, decisions=deciding, delivering=delivering)
        server.server(built, lambda: _announce(settings, database, at)).run([bound])
    return 0


def _announce(settings: Settings, database: Database, address: str) -> None:
    """One line with the address, for people and for whoever started us; then what is unusual."""
    print(f"listening on {address}", flush=True)
    if settings.trial:
        print("trial: no login is asked for, and only this machine can connect", flush=True)
        return
    with database.read() as connection:
        if connection.execute(access.count_users()).scalar_one() == 0:
            print("nobody can sign in yet: interdict-console user add NAME", flush=True)


def migrate(arguments: argparse.Namespace) -> int:
    """Brings the database to this version's form, making it if there is none."""
    before, after = _migrated(arguments.data)
    was = "" if before == after else f", was {before or 'not there'}"
    print(f"{shown(address_of(arguments.data))} is at {after}{was}")
    return 0


def secret_new(arguments: argparse.Namespace) -> int:
    """Prints a secret. Only its hash is kept, so it cannot be shown again."""
    if not 1 <= arguments.uses <= MOST_USES:
        raise BadCommand(f"--uses {arguments.uses} is not a number of machines", f"Say 1 to {MOST_USES}.")
    secret, now = secrets.token_urlsafe(32), wall_clock()
    expires_at = now + arguments.expires
    with _database(arguments.data, create=True) as database, database.write() as connection:
        connection.execute(
            access.add_secret(
                digest=secret_digest(secret), uses=arguments.uses, expires_at=expires_at, now=now, who=_who()
            )
        )
        audit.record(connection, now, who=_who(), what="secret-made", detail=f"for {arguments.uses} machines")
    print(secret)
    print(f"shown once; {arguments.uses} uses, until {format_instant(expires_at)}", file=sys.stderr)
    return 0


def device_remove(arguments: argparse.Namespace) -> int:
    """Takes a device out of the fleet. Its next report, if one comes, brings it back."""
    now = wall_clock()
    with _database(arguments.data) as database, database.write() as connection:
        found = connection.execute(fleet.found(arguments.device)).all()
        if len(found) != 1:
            which = "no device is" if not found else f"{len(found)} devices are"
            raise BadCommand(f"{which} called {arguments.device}", "Use the device's id from its page.")
        connection.execute(ingest.set_device(found[0].device_id, {"removed_at": now}))
        past.note_removed(connection, found[0].device_id, now)
        audit.record(connection, now, who=_who(), what="device-removed", detail=found[0].device_id)
    print(f"{found[0].host_name} ({found[0].device_id}) is removed")
    return 0
