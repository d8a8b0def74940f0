"""The arguments of `interdict-console user`, `token` and `audit`. Loads nothing of the console's libraries."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any

ROLES = ("viewer", "approver", "admin")
Verb = Callable[[Any, str, str, str], argparse.ArgumentParser]
Nested = Callable[[Any, str, str], Any]


def add(verbs: Any, verb: Verb, nested: Nested, seconds: Callable[[str], int]) -> None:
    """Adds the three to the table of commands."""
    _users(nested(verbs, "user", "people with a local account"), verb)
    _tokens(nested(verbs, "token", "tokens with which programs read"), verb, seconds)
    _audit(nested(verbs, "audit", "who did and looked at what"), verb)


def _users(users: Any, verb: Verb) -> None:
    add = verb(users, "add", "commands_access.user_add", "add somebody, or give them a new password or role")
    add.add_argument("name")
    add.add_argument("--role", choices=ROLES, help="what they may do (default: admin for the first, else viewer)")
    add.add_argument(
        "--group", action="append", default=[], metavar="NAME", help="only devices of this group; again for more"
    )
    add.add_argument("--password-file", type=Path, metavar="FILE", help="read the password from its first line")
    verb(users, "list", "commands_access.user_list", "list them")
    gone = verb(users, "remove", "commands_access.user_remove", "take an account away")
    gone.add_argument("name")


def _tokens(tokens: Any, verb: Verb, seconds: Callable[[str], int]) -> None:
    new = verb(tokens, "new", "commands_access.token_new", "make a token and print it once")
    new.add_argument("name", help="what it is for")
    new.add_argument("--scope", action="append", choices=("read", "metrics"), help="what it opens (default: read)")
    new.add_argument(
        "--group", action="append", default=[], metavar="NAME", help="only devices of this group; again for more"
    )
    new.add_argument(
        "--expires", type=seconds, default=seconds("90d"), metavar="TIME", help="how long it can be used (default: 90d)"
    )
    verb(tokens, "list", "commands_access.token_list", "list them, without the tokens")
    end = verb(tokens, "end", "commands_access.token_end", "end a token at once")
    end.add_argument("id", type=int)


def _audit(audits: Any, verb: Verb) -> None:
    show = verb(audits, "show", "commands_access.audit_show", "print the newest lines of the record")
    for name, help_ in (("who", "of this name"), ("what", "of this kind"), ("about", "about this device or person")):
        show.add_argument(f"--{name}", default="", metavar=name.upper(), help=f"only lines {help_}")
    show.add_argument("--most", type=int, default=100, metavar="N", help="how many (default: %(default)s)")
    show.add_argument("--json", action="store_true", help="one JSON document")
    check = verb(audits, "verify", "commands_access.audit_verify", "check that nothing in it was changed")
    check.add_argument("--anchor", type=Path, metavar="FILE", help="heads that were written down with `audit anchor`")
    anchor = verb(audits, "anchor", "commands_access.audit_anchor", "write the head of its chain to a file")
    anchor.add_argument("file", type=Path)
