"""`interdict scan`: one look at the machine, or at another tree, with a policy."""

from __future__ import annotations

import argparse

from agent.cli.look import Sight, add_look_arguments, look_once
from agent.cli.output import print_json, say
from agent.cli.policy_option import add_policy_arguments, choose_policy
from agent.cli.shared import add_settings_argument, settings_or_default
from agent.cli.status import policy_sentence, show_findings
from agent.cli.unlooked import unlooked
from agent.host.clock import wall
from agent.reporter import coverage_json
from agent.settings import os_name
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import format_instant
from policy_schema.rules.observation import Face

NAME = "scan"
HELP = "Looks once for what a policy bans, on this machine or in another tree. Changes nothing."
FOUND, INCOMPLETE = 1, 3


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    add_policy_arguments(parser)
    add_look_arguments(parser)
    actions = [action.value for action in Action]
    parser.add_argument(
        "--fail-on", metavar="ACTION", choices=actions, help="count only findings with at least this action"
    )
    parser.add_argument(
        "--require-complete", action="store_true", help="exit code 3 when a place could not be looked at"
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Looks, prints, and says by its exit code what was found."""
    settings = settings_or_default(args)
    chosen = choose_policy(args, settings)
    sight = look_once(args, settings, chosen.book, chosen.relief)
    counted = [row for row in sight.findings if _counts(row, args.fail_on)]
    if args.json:
        print_json(document(chosen.head(), settings.kind, sight))
    else:
        _show(chosen.head(), sight)
    if counted:
        return FOUND
    return INCOMPLETE if args.require_complete and not sight.complete else 0


def document(policy: dict[str, object], kind: str, sight: Sight) -> dict[str, object]:
    """The JSON of a scan."""
    return {
        "schema": 1,
        "generated_at": format_instant(wall()),
        "complete": sight.complete,
        "policy": policy,
        "device": {"id": sight.device, "os": os_name(), "kind": kind},
        "coverage": [coverage_json(row) for row in sight.coverage],
        "findings": sight.findings,
    }


def _counts(finding: dict[str, object], limit: str | None) -> bool:
    if limit is None:
        # What a program left behind is no software; that it is there is told all the same.
        return finding["state"] not in ("excepted", "lifted") and finding["face"] != Face.RESIDUE
    return Action(str(finding["action"])).rung >= Action(limit).rung


def _show(policy: dict[str, object], sight: Sight) -> None:
    say(policy_sentence(policy, wall()))
    if policy["trust"] == "unsigned":
        say("Nobody has signed this policy: good for looking, and for nothing else.")
    show_findings(list(sight.findings))
    for sentence in unlooked(sight.coverage):
        say(sentence)
