"""`interdict status`: policy and its age, findings, deadlines, coverage, health."""

from __future__ import annotations

import argparse
from collections.abc import Mapping

from agent.cli.output import print_json, print_table, say
from agent.cli.shared import add_settings_argument, settings_of
from agent.errors import StateBroken
from agent.host.clock import wall
from agent.report.views import own_view, read_view
from policy_schema.rules.instant import parse_instant

NAME = "status"
HELP = "Policy and its age, findings, deadlines, coverage and health of the agent on this machine."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Shows what the daemon last wrote; 1 when something banned is here."""
    settings = settings_of(args)
    machine = read_view(settings.state_dir, "machine.json")
    if machine is None:
        raise StateBroken(
            f"no agent has run with {settings.file or 'these settings'} yet",
            "Start it: systemctl start interdict, or `interdict run --config FILE`.",
        )
    own = own_view(settings.state_dir) or {"findings": []}
    if _rows(own.get("coverage")):
        machine["coverage"] = own["coverage"]
    findings = [row for row in _rows(own.get("findings")) if row.get("state") not in ("lifted",)]
    if args.json:
        print_json({**machine, "findings": findings})
    else:
        _show(machine, findings)
    return 1 if any(row.get("face") != "residue" for row in findings) else 0


def _show(machine: Mapping[str, object], findings: list[Mapping[str, object]]) -> None:
    policy = _table(machine.get("policy"))
    say(policy_sentence(policy, wall()))
    if policy.get("message"):
        say(f"  {policy['message']}")
    for sentence in _texts(machine.get("notes")):
        say(f"  {sentence}")
    say(gate_sentence(_table(machine.get("gate"))))
    coverage = _rows(machine.get("coverage"))
    unknown = sum(len(_list(row.get("unknown"))) for row in coverage)
    items = sum(int(str(row.get("items") or 0)) for row in coverage)
    say(f"Looked at {items} items by {len(coverage)} sources; {unknown} places could not be looked at.")
    for row in coverage:
        for place in _rows(row.get("unknown")):
            say(f"  {row.get('source')}: {place.get('where')}: {place.get('reason')}")
    for row in _rows(machine.get("health")):
        say(f"Health: {row.get('what')}. {row.get('advice')}")
    show_findings(findings)


def show_findings(findings: list[Mapping[str, object]]) -> None:
    """The table of findings, or the sentence that there are none."""
    if not findings:
        say("Nothing banned was found.")
        return
    rows = [
        (
            str(f.get("tool")),
            str(f.get("version") or "?"),
            " ".join(str(part) for part in (f.get("face"), f.get("pid"), f.get("setting")) if part),
            str(f.get("state")),
            str(f.get("action")),
            str(f.get("outcome") or "-"),
            _next(f),
            str(f.get("path")),
        )
        for f in findings
    ]
    print_table(("TOOL", "VERSION", "FACE", "STATE", "ACTION", "OUTCOME", "NEXT", "PATH"), rows)


def policy_sentence(policy: Mapping[str, object], now: float) -> str:
    """One sentence on what policy is in force and how far it can be relied on."""
    if not policy.get("id"):
        return "No policy is in force: nothing is looked for and nothing is done."
    confirmed = policy.get("confirmed_at")
    age = f", confirmed {_ago(now - parse_instant(str(confirmed)))} ago" if confirmed else ""
    solo = ", ONE SIGNER" if policy.get("solo") else ""
    names = ", ".join(_texts(policy.get("signers")))
    by = f" signed by {names}" if names else ""
    return f"Policy {policy['id']} version {policy.get('version')} ({policy.get('trust')}{solo}){by}{age}."


def gate_sentence(gate: Mapping[str, object]) -> str:
    """One sentence on whether starts of banned software are refused on this machine."""
    today = gate.get("refused_today") or 0
    refused = f"; {today} were today" if today else ""
    if gate.get("stage") == "alive" and gate.get("features") == "full":
        return f"Starts of banned software are refused{refused}."
    if gate.get("stage") == "alive" and gate.get("features") == "no-evictable":
        return f"Starts of banned software are refused{refused}; this kernel makes every start a little slower for it."
    why = gate.get("problem") or "this kernel has no door for it"
    return f"Starts are not refused: {why}; what runs is seen and ended."


def _ago(seconds: float) -> str:
    for size, unit in ((86400, "days"), (3600, "hours"), (60, "minutes")):
        if seconds >= 2 * size:
            return f"{int(seconds // size)} {unit}"
    return f"{max(0, int(seconds))} seconds"


def _next(finding: Mapping[str, object]) -> str:
    following = finding.get("next")
    return f"{following.get('action')} {following.get('from')}" if isinstance(following, Mapping) else "-"


def _rows(value: object) -> list[Mapping[str, object]]:
    return [row for row in _list(value) if isinstance(row, Mapping)]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [str(item) for item in _list(value)]


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
