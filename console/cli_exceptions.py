"""The arguments of `interdict-console exceptions`. Loads nothing of the console's libraries."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

LISTS = ("waiting", "in-force", "over", "answered")
BECAUSE = ("alternative", "reason", "risk", "device", "ask")
"""Codes of `policy_schema.rules.relief.Because`; a test holds the two together."""
Verb = Callable[[Any, str, str, str], argparse.ArgumentParser]
Nested = Callable[[Any, str, str], Any]


def add(verbs: Any, verb: Verb, nested: Nested) -> None:
    """Adds them to the table of commands."""
    table = nested(verbs, "exceptions", "what people ask for, and what was decided")
    _list(verb(table, "list", "commands_exceptions.listed", "list what waits for an answer, or what was decided"))
    _approve(verb(table, "approve", "commands_exceptions.approve", "give what was asked for, until a day"))
    _refuse(verb(table, "refuse", "commands_exceptions.refuse", "refuse what was asked for"))
    _withdraw(verb(table, "withdraw", "commands_exceptions.withdraw", "take an exception back before its end"))


def _list(listed: argparse.ArgumentParser) -> None:
    listed.add_argument("--show", choices=LISTS, default="waiting", help="which ones (default: %(default)s)")
    listed.add_argument("--most", type=int, default=100, metavar="N", help="how many (default: %(default)s)")
    _json(listed)


def _approve(approve: argparse.ArgumentParser) -> None:
    _request(approve)
    approve.add_argument("--until", required=True, metavar="DAY", help="the last day, such as 2026-08-31")
    approve.add_argument("--reason", required=True, metavar="TEXT", help="why; it stays in the record")
    help_ = "another device of the same person, by id or host name; again for more"
    approve.add_argument("--device", action="append", default=[], metavar="NAME", help=help_)
    help_ = "states: I did not ask for this, and none of these devices is mine"
    approve.add_argument("--not-mine", action="store_true", help=help_)
    _json(approve)


def _refuse(refuse: argparse.ArgumentParser) -> None:
    _request(refuse)
    refuse.add_argument("--because", choices=BECAUSE, required=True, help="what the person hears")
    refuse.add_argument("--reason", default="", metavar="TEXT", help="what stays in the record")
    _json(refuse)


def _withdraw(withdraw: argparse.ArgumentParser) -> None:
    withdraw.add_argument("id", help="the exception, such as x-7d1f0a2b3c")
    withdraw.add_argument("--reason", required=True, metavar="TEXT", help="why; it stays in the record")
    _json(withdraw)


def _request(parser: argparse.ArgumentParser) -> None:
    help_ = "as `exceptions list` shows it: a device's host name or id, and the request's id"
    parser.add_argument("request", metavar="DEVICE/REQUEST", help=help_)


def _json(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--json", action="store_true", help="one JSON document")
