"""`interdict-policy simulate`: whom a policy hits, when, before anybody signs it."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator
from pathlib import Path
from zoneinfo import ZoneInfo

from policy_schema.authoring.policies import HELP as NAMES
from policy_schema.authoring.policies import policy_named
from policy_schema.authoring.simulation.reach import Reached, reached
from policy_schema.authoring.simulation.records import Record, observation, read_records, recognised
from policy_schema.authoring.simulation.simulate import Simulation
from policy_schema.authoring.simulation.words import document, lines, timeline, timeline_document
from policy_schema.document.closed import ClosedPolicy
from policy_schema.document.compile import compile_policy
from policy_schema.document.problems import printable
from policy_schema.document.times import parse_local_time, parse_zone
from policy_schema.errors import BadCommand
from policy_schema.rules.instant import Instant, parse_instant
from policy_schema.rules.rulebook import Rulebook

NAME = "simulate"
HELP = "Says whom a policy hits and when, from recorded inventories."
EVERY = 2_000


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `simulate` takes."""
    parser.add_argument("policy", metavar="POLICY", help=NAMES)
    parser.add_argument(
        "records", metavar="RECORDS", nargs="+", type=Path, help="recorded devices, one a line, or an inventory"
    )
    parser.add_argument("--against", metavar="POLICY", help="the policy in force: says who is newly hit")
    parser.add_argument("--at", metavar="TIME", help="also how it stands then: 2026-07-12T01:00:00Z, or local time")
    parser.add_argument("--device", metavar="ID", help="what happens to this device, by time")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Simulates. Exit code 1 if a protected thing would be acted on.

    Raises:
        BadFile, BadDocument, BadCommand: a file cannot be used, or there is no such device.
    """
    policy = policy_named(args.policy)
    zone = parse_zone(str(_organisation(policy)))
    records = (record for path in args.records for record in read_records(path))
    if args.device is not None:
        return _one(args.device, _book(policy), records, zone, as_json=args.json)
    asked = None if args.at is None else _instant(args.at, zone)
    old = None if args.against is None else _book(policy_named(args.against))
    simulation = Simulation(_book(policy), old, asked)
    for number, record in enumerate(records, 1):
        simulation.take(record)
        if number % EVERY == 0:
            _progress(f"{number:,} devices")
    _progress("")
    found = simulation.outcome()
    if args.json:
        print(json.dumps(document(found, asked), ensure_ascii=False, indent=2))
    else:
        print("\n".join(printable(line) for line in lines(found, zone, asked, args.against or "")))
    return 1 if found.protected else 0


def _one(device: str, book: Rulebook, records: Iterator[Record], zone: ZoneInfo, *, as_json: bool) -> int:
    for number, record in enumerate(records, 1):
        facts = record.rules_device(number)
        if facts.id == device:
            rules = book.for_device(facts)
            rows: list[tuple[str, Reached]] = []
            for seen, known in recognised(book, record.items, map(observation, record.items)):
                for row in reached(rules, seen, known):
                    rows.append((seen.purl or seen.path or seen.name or f"{row.tool} {row.version}", row))
            if as_json:
                print(json.dumps(timeline_document(device, rows), ensure_ascii=False, indent=2))
            else:
                print("\n".join(printable(line) for line in timeline(rows, zone)))
            return 0
    raise BadCommand(f"no record is of the device {device!r}", "devices without an id are called #1, #2 by their place")


def _book(policy: ClosedPolicy) -> Rulebook:
    return Rulebook(compile_policy(policy.document, 0))


def _organisation(policy: ClosedPolicy) -> object:
    organisation = policy.document["organisation"]
    assert isinstance(organisation, dict)
    return organisation["time_zone"]


def _instant(text: str, zone: ZoneInfo) -> Instant:
    try:
        return parse_instant(text) if text.endswith("Z") else parse_local_time(text).at(zone)
    except ValueError as error:
        raise BadCommand(f"--at: {error}", "write it as 2026-07-12T01:00:00Z or '2026-07-12 09:00'") from None


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
