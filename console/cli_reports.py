"""The arguments of `interdict-console schedule` and `events`. Loads nothing of the console's libraries."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from typing import Any

Verb = Callable[[Any, str, str, str], argparse.ArgumentParser]
Nested = Callable[[Any, str, str], Any]


def add(verbs: Any, verb: Verb, nested: Nested) -> None:
    """Adds them to the table of commands."""
    schedules = nested(verbs, "schedule", "reports that go out by themselves")
    _add(verb(schedules, "add", "commands_schedules.add", "send a report daily, weekly or monthly"))
    verb(schedules, "list", "commands_schedules.listed", "list them, with what came of the last")
    for name, command, help_ in (
        ("remove", "remove", "send a report no more"),
        ("run", "run", "send one now, and say what came of it"),
    ):
        one = verb(schedules, name, f"commands_schedules.{command}", help_)
        one.add_argument("name")
        if name == "run":
            one.add_argument("--config", metavar="FILE", help="the settings file (default: console.toml below --data)")
    _events(verb(verbs, "events", "commands_schedules.events", "hand events over to a SIEM, from where it ended"))


def _events(events: argparse.ArgumentParser) -> None:
    help_ = "file:///PATH, syslog+tls://HOST, syslog+tcp://HOST, syslog+udp://HOST or https://…"
    events.add_argument("--to", required=True, metavar="TARGET", help=help_)
    events.add_argument("--name", default="siem", help="of the stream: each knows how far it is (default: %(default)s)")
    events.add_argument("--authorization-file", metavar="FILE", help="its first line is the header Authorization")
    events.add_argument("--authority", metavar="FILE", help="certificates to trust in place of the system's")


def _add(add: argparse.ArgumentParser) -> None:
    add.add_argument("name", help="what it is called")
    add.add_argument("--to", required=True, metavar="TARGET", help="mailto:ADDRESS[,ADDRESS…] or https://…")
    add.add_argument("--format", choices=("csv", "json", "xlsx", "pdf"), default="pdf", help="(default: %(default)s)")
    add.add_argument("--every", choices=("day", "week", "month"), default="week", help="(default: %(default)s)")
    add.add_argument("--on", type=int, default=1, metavar="N", help="day of the week (1: Monday) or month (default: 1)")
    add.add_argument("--at", default="08:00", metavar="HH:MM", help="time of the day (default: %(default)s)")
    add.add_argument("--zone", default="UTC", metavar="ZONE", help="such as Asia/Shanghai (default: %(default)s)")
    add.add_argument("--ban", default="", metavar="ID", help="only this ban")
    add.add_argument("--group", default="", metavar="NAME", help="only devices of this group")
