"""`interdict-policy compile`: the same policy for another engine, and what that engine cannot be told."""

from __future__ import annotations

import argparse
import importlib
import json
import sys
from pathlib import Path
from typing import cast
from zoneinfo import ZoneInfo

from policy_schema.authoring.files import write_file
from policy_schema.authoring.options import clock
from policy_schema.authoring.policies import HELP as NAMES
from policy_schema.authoring.policies import policy_named
from policy_schema.document.closed import ClosedPolicy
from policy_schema.document.policy import Kind, Ownership
from policy_schema.document.problems import printable
from policy_schema.document.times import parse_local_time, parse_zone
from policy_schema.engines import ENGINES
from policy_schema.engines.common.orders import orders_of
from policy_schema.engines.common.stated import stated
from policy_schema.engines.interface import Engine, Options, Translated
from policy_schema.errors import BadCommand
from policy_schema.rules.instant import Instant, format_instant, parse_instant

NAME = "compile"
HELP = "Writes the policy for another engine, such as Santa or AppLocker, and says what that cannot express."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `compile` takes."""
    parser.add_argument("policy", metavar="POLICY", help=NAMES)
    parser.add_argument("--to", required=True, choices=tuple(ENGINES), metavar="ENGINE", help=", ".join(ENGINES))
    parser.add_argument("--at", metavar="TIME", help="as it stands then (default: now), such as 2026-07-12T01:00:00Z")
    parser.add_argument("--out", type=Path, default=Path(), metavar="DIR", help="where to write (default: here)")
    parser.add_argument("--region", metavar="NAME", help="for devices of this region")
    parser.add_argument("--group", metavar="NAME", action="append", help="for devices of this group (again for more)")
    parser.add_argument("--kind", choices=[kind.value for kind in Kind], default="workstation", help="of the devices")
    parser.add_argument("--ownership", choices=[o.value for o in Ownership], default="company", help="of the devices")
    parser.add_argument(
        "--home",
        metavar="DIR",
        action="append",
        help="a home folder, for engines that know no pattern (again for more)",
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Writes the files. Exit code 0, also when much cannot be expressed: that is said on stderr.

    Raises:
        BadFile, BadDocument, BadCommand: the policy or an option cannot be used, or the disk refuses.
    """
    policy = policy_named(args.policy)
    options = _options(args, policy)
    orders = orders_of(policy.document, policy.id, options)
    made = stated(args.to, orders, _engine(args.to).translate(orders, options), options.at)
    for file in made.files:
        write_file(args.out / file.name, file.content)
    if args.json:
        print(json.dumps(_document(args, policy, options, made), ensure_ascii=False, indent=2))
        return 0
    for file in made.files:
        print(printable(f"{args.out / file.name}: for {file.goes_to}"))
    if not made.files:
        print(f"Nothing to write at {format_instant(options.at)}.")
    for sentence in made.cannot:
        print(printable(f"not in the files: {sentence}"), file=sys.stderr)
    return 0


def _document(args: argparse.Namespace, policy: ClosedPolicy, options: Options, made: Translated) -> dict[str, object]:
    files = [{"path": str(args.out / file.name), "goes_to": file.goes_to} for file in made.files]
    at = format_instant(options.at)
    return {"policy": policy.id, "engine": args.to, "at": at, "files": files, "cannot": made.cannot}


def _engine(name: str) -> Engine:
    return cast(Engine, importlib.import_module(ENGINES[name]))


def _options(args: argparse.Namespace, policy: ClosedPolicy) -> Options:
    for home in args.home or ():
        if not home.startswith("/") or home.rstrip("/") == "":
            raise BadCommand(f"--home {home}: is no home folder", "write an absolute path such as /home/li")
    return Options(
        at=Instant(clock()) if args.at is None else _instant(args.at, policy),
        kind=args.kind,
        ownership=args.ownership,
        region=args.region,
        groups=None if args.group is None else frozenset(args.group),
        homes=tuple(home.rstrip("/") for home in args.home or ()),
    )


def _instant(text: str, policy: ClosedPolicy) -> Instant:
    organisation = policy.document["organisation"]
    assert isinstance(organisation, dict)
    zone: ZoneInfo = parse_zone(str(organisation["time_zone"]))
    try:
        return parse_instant(text) if text.endswith("Z") else parse_local_time(text).at(zone)
    except ValueError as error:
        raise BadCommand(f"--at: {error}", "write it as 2026-07-12T01:00:00Z or '2026-07-12 09:00'") from None
