"""`interdict status`: policy and its age, findings, deadlines, coverage, health; as text, as JSON, as a page.

Starts within three times the bare interpreter (benchmarks/start): no argparse for its plain forms, no rulebook, no
`strptime`. The page and what it needs are loaded only when asked for.
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from agent.cli.output import print_json, print_table, say
from agent.cli.shared import add_settings_argument
from agent.configured import load_settings
from agent.errors import StateBroken
from agent.host.clock import wall
from agent.report.views import own_view, read_view

if TYPE_CHECKING:
    import argparse

    from agent.settings import Settings

NAME = "status"
HELP = "Policy and its age, findings, deadlines, coverage and health of the agent on this machine."
_ALARMING = {"block": "red", "remove": "red", "notify": "yellow"}
_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    form = parser.add_mutually_exclusive_group()
    form.add_argument("--json", action="store_true", help="one JSON document")
    form.add_argument("--login", action="store_true", help="a few lines for a login, or nothing; always ends with 0")
    form.add_argument(
        "--html",
        metavar="FILE",
        nargs="?",
        const="",
        help="a page about this machine, written to FILE (default: a place of your own) for you alone to read",
    )
    parser.add_argument("--open", action="store_true", help="show the page in your browser")
    parser.add_argument("--language", metavar="TAG", default="", help="of the page, such as zh-Hans (default: yours)")


def run(args: argparse.Namespace) -> int:
    """Shows what the daemon last wrote; 1 when something banned is here."""
    if args.login:
        from agent.cli.login_line import show_login

        return show_login(args.config)
    if args.html is None:
        return show(args.config, args.json)
    from agent.cli.own_page import show_page

    settings = load_settings(args.config)
    machine, own, findings = read_state(settings)
    show_page(settings, machine, {**own, "findings": findings}, args)
    return _code(findings)


def plain_form(words: Sequence[str]) -> tuple[str, bool] | None:
    """The settings file and whether JSON is wanted, of the forms that need no argparse; None for all others."""
    as_json = list(words[-1:]) == ["--json"]
    rest = list(words[:-1] if as_json else words)
    if not rest:
        return "", as_json
    if len(rest) == 2 and rest[0] == "--config" and not rest[1].startswith("-"):
        return rest[1], as_json
    return None


def show(config: str, as_json: bool) -> int:
    """The state as text or JSON; 1 when something banned is here."""
    machine, own, findings = read_state(load_settings(config))
    found = {row.get("ban") for row in findings}
    bans = [ban for ban in _rows(own.get("bans")) if ban.get("id") in found]
    if as_json:
        print_json({**machine, "findings": findings, "bans": bans})
    else:
        _show(machine, findings)
        _show_why(_table(own.get("organisation")), bans)
    return _code(findings)


def read_state(
    settings: Settings,
) -> tuple[dict[str, object], dict[str, object], list[Mapping[str, object]]]:
    """What the daemon last wrote: of the machine, of whoever asks, and their findings.

    Raises:
        StateBroken: nothing was written yet, or it cannot be read.
    """
    machine = read_view(settings.state_dir, "machine.json")
    if machine is None:
        raise StateBroken(
            f"no agent has run with {settings.file or 'these settings'} yet",
            "Start it: systemctl start interdict, or `interdict run --config FILE`.",
        )
    own = own_view(settings.state_dir) or {"findings": []}
    if _rows(own.get("coverage")):
        machine["coverage"] = own["coverage"]
    return machine, own, [row for row in _rows(own.get("findings")) if row.get("state") not in ("lifted",)]


def _code(findings: Sequence[Mapping[str, object]]) -> int:
    return 1 if any(row.get("face") != "residue" for row in findings) else 0


def _show(machine: Mapping[str, object], findings: list[Mapping[str, object]]) -> None:
    policy, now = _table(machine.get("policy")), wall()
    say(policy_sentence(policy, now), "" if policy.get("trust") == "verified" else "yellow")
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
            say(f"  {row.get('source')}: {place.get('where')}: {place.get('reason')}", "faint")
    for row in _rows(machine.get("health")):
        say(f"Health: {row.get('what')}. {row.get('advice')}", "yellow")
    _show_deadline(findings, now)
    show_findings(findings, now)


def _show_why(organisation: Mapping[str, object], bans: list[Mapping[str, object]]) -> None:
    """Why what was found is banned, and how sure anybody is of what is claimed."""
    if not bans:
        return
    from agent.cli.why import why_lines

    say("Why:")
    for line in why_lines(organisation, bans):
        say(f"  {line}")


def _show_deadline(findings: Sequence[Mapping[str, object]], now: int) -> None:
    """The next thing that happens by itself, in one line."""
    coming = sorted((at, what, str(f.get("tool"))) for f in findings for at, what in [_deadline(f)] if at > now)
    if coming:
        at, what, tool = coming[0]
        style = "red" if at - now < 86_400 else "yellow"
        say(f"Next: {tool}: {what} on {_when(at)}, in {_ago(at - now)}.", style)


def show_findings(findings: list[Mapping[str, object]], now: int = 0) -> None:
    """The table of findings, what comes first on top; or the sentence that there are none."""
    if not findings:
        say("Nothing banned was found.", "green")
        return
    ordered = sorted(findings, key=lambda f: (_deadline(f)[0] or 1 << 40, str(f.get("tool")), str(f.get("path"))))
    rows = [
        (
            _next(f),
            str(f.get("tool")),
            str(f.get("version") or "?"),
            " ".join(str(part) for part in (f.get("face"), f.get("pid"), f.get("setting")) if part),
            str(f.get("state")),
            str(f.get("action")),
            str(f.get("outcome") or "-"),
            str(f.get("path")),
        )
        for f in ordered
    ]
    styles = [_ALARMING.get(str(f.get("action")), "") for f in ordered]
    print_table(("NEXT", "TOOL", "VERSION", "FACE", "STATE", "ACTION", "OUTCOME", "PATH"), rows, styles)


def policy_sentence(policy: Mapping[str, object], now: float) -> str:
    """One sentence on what policy is in force and how far it can be relied on."""
    if not policy.get("id"):
        return "No policy is in force: nothing is looked for and nothing is done."
    confirmed = _instant(policy.get("confirmed_at"))
    age = f", confirmed {_ago(now - confirmed)} ago" if confirmed else ""
    solo = ", ONE SIGNER" if policy.get("solo") else ""
    names = ", ".join(_texts(policy.get("signers")))
    by = f" signed by {names}" if names else ""
    return f"Policy {policy['id']} version {policy.get('version')} ({policy.get('trust')}{solo}){by}{age}."


def gate_sentence(gate: Mapping[str, object]) -> str:
    """One sentence on whether starts of banned software are refused on this machine."""
    today = gate.get("refused_today") or 0
    refused = f"; {today} were today" if today else ""
    if gate.get("stage") == "alive" and not gate.get("serial") and gate.get("problem"):
        return f"Starts are not refused: {gate['problem']}; what runs is seen and ended."
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


def _deadline(finding: Mapping[str, object]) -> tuple[int, str]:
    """When something next happens to a finding by itself, and what; 0 when nothing does."""
    following = _table(finding.get("next"))
    moments = [
        (_instant(following.get("from")), str(following.get("action"))),
        (_instant(finding.get("exception_until")), "its exception ends"),
        (_instant(finding.get("finish_until")), "it is ended"),
        (_instant(finding.get("held_until")), "what holds it ends"),
    ]
    return min((one for one in moments if one[0]), default=(0, ""))


def _next(finding: Mapping[str, object]) -> str:
    at, what = _deadline(finding)
    return f"{_when(at)}: {what}" if at else "-"


def _when(instant: int) -> str:
    """`Fri 24 Jul 2026 09:00 CST`, in the time of this machine. In English whatever the locale: so is all of this."""
    at = time.localtime(instant)
    zone = (at.tm_zone or "").encode("ascii", "ignore").decode()
    moment = f"{_DAYS[at.tm_wday]} {at.tm_mday} {_MONTHS[at.tm_mon - 1]} {at.tm_year} {at.tm_hour:02}:{at.tm_min:02}"
    return f"{moment} {zone}".rstrip()


def _instant(value: object) -> int:
    """Seconds of `2026-07-24T01:00:00Z`, as views write it; 0 for anything else."""
    from datetime import datetime

    try:
        return int(datetime.fromisoformat(str(value)).timestamp()) if value else 0
    except ValueError:
        return 0


def _rows(value: object) -> list[Mapping[str, object]]:
    return [row for row in _list(value) if isinstance(row, Mapping)]


def _list(value: object) -> list[object]:
    return value if isinstance(value, list) else []


def _texts(value: object) -> list[str]:
    return [str(item) for item in _list(value)]


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
