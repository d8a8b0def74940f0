"""What `interdict-console user`, `token` and `audit` do."""

from __future__ import annotations

import argparse
import getpass
import json
import sys
from pathlib import Path

from sqlalchemy import Connection

from console import audit, audit_check
from console.access.passwords import hash_password
from console.access.roles import Role, fitting, pack, unpack
from console.access.tokens import Scope, Tokens
from console.clock import wall_clock
from console.command_parts import database, lines_of, who
from console.errors import BadCommand
from console.store.queries import access
from console.store.queries import record as records
from console.store.queries.record import Lines
from policy_schema.messages.wire import clean
from policy_schema.rules.instant import format_instant

NEWEST = 2**31 - 1


def user_add(arguments: argparse.Namespace) -> int:
    """Adds somebody, or gives them a new password or role; their sessions end. The first one is an admin."""
    name = arguments.name
    if name != clean(name) or not name.strip() or len(name) > 100:
        raise BadCommand(f"{clean(name)!r} is not a name", "Take up to 100 ordinary characters.")
    password, now = hash_password(_password(arguments.password_file)), wall_clock()
    with database(arguments.data, create=True) as opened, opened.write() as connection:
        row = {"name": name, "password": password, "created_at": now, **_standing(connection, name, arguments)}
        connection.execute(access.put_user(connection.dialect.name), row)
        connection.execute(access.set_user(name, {"role": row["role"], "groups": row["groups"]}))
        connection.execute(access.end_sessions(name, now))
        audit.record(connection, now, who=who(), what="user-added", about=name, detail=_shown(row))
    print(f"{name} can sign in as {_shown(row)}")
    return 0


def user_list(arguments: argparse.Namespace) -> int:
    """Who has a local account."""
    with database(arguments.data) as opened, opened.read() as connection:
        rows = connection.execute(access.users()).all()
    for row in rows:
        print(f"{row.name}  {_shown({'role': row.role, 'groups': row.groups})}")
    return 0


def user_remove(arguments: argparse.Namespace) -> int:
    """Takes a local account away; its sessions end."""
    now = wall_clock()
    with database(arguments.data) as opened, opened.write() as connection:
        if connection.execute(access.drop_user(arguments.name)).rowcount != 1:
            raise BadCommand(f"nobody is called {clean(arguments.name)}", "See `interdict-console user list`.")
        connection.execute(access.end_sessions(arguments.name, now))
        audit.record(connection, now, who=who(), what="user-removed", about=arguments.name)
    print(f"{arguments.name} can no longer sign in")
    return 0


def token_new(arguments: argparse.Namespace) -> int:
    """Prints a token. Only its hash is kept, so it cannot be shown again."""
    groups = frozenset(arguments.group) or None
    scopes = frozenset(Scope(word) for word in arguments.scope or ["read"])
    with database(arguments.data, create=True) as opened:
        tokens = Tokens(database=opened, clock=wall_clock)
        try:
            text = tokens.make(who(), arguments.name, scopes, groups, arguments.expires)
        except ValueError as error:
            raise BadCommand(str(error)) from error
    print(text)
    print(f"shown once; until {format_instant(wall_clock() + arguments.expires)}", file=sys.stderr)
    return 0


def token_list(arguments: argparse.Namespace) -> int:
    """The tokens, without the tokens."""
    with database(arguments.data) as opened:
        for one in Tokens(database=opened, clock=wall_clock).listed():
            used = format_instant(one.used_at) if one.used_at else "never"
            state = "ended" if one.ended_at else f"until {format_instant(one.expires_at)}"
            print(f"{one.id}  {one.name}  {' '.join(sorted(one.scopes))}  {state}  used {used}")
    return 0


def token_end(arguments: argparse.Namespace) -> int:
    """Ends a token at once."""
    with database(arguments.data) as opened:
        if not Tokens(database=opened, clock=wall_clock).end(who(), arguments.id):
            raise BadCommand(f"there is no open token {arguments.id}", "See `interdict-console token list`.")
    print(f"token {arguments.id} is ended")
    return 0


def audit_show(arguments: argparse.Namespace) -> int:
    """The newest lines of the record; `--about` asks who looked at a device or a person."""
    lines = Lines(who=arguments.who, what=arguments.what, about=arguments.about)
    with database(arguments.data) as opened, opened.read() as connection:
        rows = connection.execute(records.newest(lines, NEWEST, arguments.most)).all()
    if arguments.json:
        named = [{**row._mapping, "at": format_instant(row.at)} for row in rows]
        print(json.dumps({"schema": 1, "lines": named}, ensure_ascii=False, indent=2))
        return 0
    for row in rows:
        print(
            f"{format_instant(row.at)}  {clean(row.who)}  {row.what}  {clean(row.about)}  {clean(row.detail)}".rstrip()
        )
    return 0


def audit_verify(arguments: argparse.Namespace) -> int:
    """Goes along the chain. Exit code 1: it was changed."""
    anchors = audit_check.read_anchors(arguments.anchor) if arguments.anchor else []
    with database(arguments.data) as opened, opened.read() as connection:
        verdict = audit_check.verify(connection, anchors)
    for problem in verdict.problems:
        print(problem)
    if verdict.problems:
        return 1
    anchored = f", {len(anchors)} anchors fit" if anchors else ""
    print(f"{verdict.lines} lines, nothing changed{anchored}; head {verdict.head.place} {verdict.head.digest}")
    return 0


def audit_anchor(arguments: argparse.Namespace) -> int:
    """Adds the head of the chain to a file, which should lie where the console cannot write."""
    with database(arguments.data) as opened, opened.read() as connection:
        head = audit_check.write_anchor(connection, arguments.file, wall_clock())
    print(f"{head.place} {head.digest}")
    return 0


def _standing(connection: Connection, name: str, arguments: argparse.Namespace) -> dict[str, str | None]:
    """Role and groups: as asked, as before, or an admin for the first and a viewer for others."""
    before = connection.execute(access.user_named(name)).one_or_none()
    first = connection.execute(access.count_users()).scalar_one() == 0
    role = arguments.role or (before.role if before else Role.ADMIN if first else Role.VIEWER)
    kept = unpack(before.groups) if before and not arguments.role else None
    try:
        named, groups = fitting(Role(role), frozenset(arguments.group) or kept)
    except ValueError as error:
        raise BadCommand(str(error), "Leave --group out, or choose another --role.") from error
    return {"role": named.value, "groups": pack(groups)}


def _shown(row: dict[str, str | None] | dict[str, object]) -> str:
    groups = unpack(row["groups"])  # type: ignore[arg-type]
    return f"{row['role']}" + ("" if groups is None else f" for {', '.join(sorted(groups))}")


def _password(file: Path | None) -> str:
    if file is not None:
        return next(iter(lines_of(file)), "")
    if not sys.stdin.isatty():
        raise BadCommand("there is no terminal to ask for the password", "Use --password-file FILE.")
    password = getpass.getpass("Password: ")
    if password != getpass.getpass("Once more: "):
        raise BadCommand("the two passwords differ", "Try again.")
    return password
