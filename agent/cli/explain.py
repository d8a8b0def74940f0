"""`interdict explain`: a path, a pid or a purl: which ban matches by what, or why nothing does."""

from __future__ import annotations

import argparse
import os
from collections.abc import Mapping
from typing import NamedTuple

from agent.cli.look import (
    Sight,
    ban_text,
    installation_finding,
    look_once,
    process_finding,
    rules_for,
    sign_finding,
)
from agent.cli.output import print_json, say
from agent.cli.policy_option import add_policy_arguments, choose_policy
from agent.cli.shared import add_settings_argument, settings_or_default
from agent.decider import Process
from agent.deps_looking import build_looking, observe_file
from agent.errors import BadCommand, Gone
from agent.findings import finding_json, identity_of, primary, pure_standing, shown, sign_findings, subject_of
from agent.host.clock import wall
from agent.host.processes import details
from agent.inventory.installations import Installation, group
from agent.report.views import own_view
from agent.settings import Settings
from policy_schema.rules.decision import Identity
from policy_schema.rules.identity import parse_purl
from policy_schema.rules.instant import Instant
from policy_schema.rules.models import MODEL
from policy_schema.rules.observation import Face, Observation
from policy_schema.rules.rulebook import DeviceRules

NAME = "explain"
HELP = "Says of a path, a process id, a purl or a model which ban matches by what, or why nothing does."


class Answer(NamedTuple):
    """What is said about one target."""

    observations: tuple[Observation, ...]
    finding: dict[str, object] | None
    why: tuple[str, ...]


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    add_policy_arguments(parser)
    parser.add_argument(
        "target",
        metavar="TARGET",
        help="a path, a process id, a purl such as pkg:npm/%%40scope/name@1.2, or model:NAME",
    )
    parser.add_argument("--json", action="store_true", help="one JSON document")


def run(args: argparse.Namespace) -> int:
    """Explains; 1 when a ban matches."""
    settings = settings_or_default(args)
    chosen = choose_policy(args, settings)
    rules, _ = rules_for(settings, chosen.book, chosen.relief)
    answer = explain(args.target, rules, settings)
    finding = _as_the_agent_knows_it(answer.finding, settings) if not args.policy else answer.finding
    if args.json:
        observations = [_observation_json(seen) for seen in answer.observations]
        print_json({"target": args.target, "observations": observations, "finding": finding, "why": list(answer.why)})
    else:
        _show(args.target, answer, finding)
    return 1 if finding else 0


def explain(target: str, rules: DeviceRules, settings: Settings) -> Answer:
    """Everything about one target.

    Raises:
        BadCommand: it is neither a path nor a process nor a purl.
        Gone: nothing is there.
    """
    if target.startswith("pkg:"):
        return _purl(target, rules)
    if target.startswith(MODEL):
        return _setting(Observation("command line", Face.SETTING, "", name="a tool", setting=target), rules)
    if target.isascii() and target.isdigit():
        return _process(int(target), rules, settings)
    if not os.path.lexists(target):
        raise Gone(f"{target}: nothing is there", "Name a path, a process id, or a purl that begins with pkg:.")
    return _path(os.path.realpath(target), rules, settings)


def _purl(target: str, rules: DeviceRules) -> Answer:
    try:
        purl = parse_purl(target)
    except ValueError as error:
        raise BadCommand(str(error), "Write it as pkg:npm/%40scope/name@1.2.3.") from error
    seen = Observation("command line", Face.PACKAGE, "", purl=target, version=purl.version, name=purl.key)
    return _answer((seen,), seen, None, rules)


def _setting(seen: Observation, rules: DeviceRules) -> Answer:
    """What follows from a setting (or from what a program left behind)."""
    now = Instant(wall())
    found = [sign_finding(rules, subject, decision, now) for subject, decision in sign_findings(rules, [seen], now)]
    return Answer((seen,), found[0] if found else None, rules.explain(seen, now))


def _process(pid: int, rules: DeviceRules, settings: Settings) -> Answer:
    details(pid)
    process = build_looking(settings, rules, ()).recognise(pid)
    if process is None:
        return Answer((), None, (f"Process {pid} runs none of the tools that the policy names.",))
    installation = _installation_at(process.seen.path, _everything(rules, settings))
    if installation is not None:
        process = Process(process.seen, identity_of(installation), installation.id)
    now = Instant(wall())
    finding = process_finding(rules, process, now)
    return Answer((process.seen,), finding, rules.explain(process.seen, now, process.identity))


def _path(path: str, rules: DeviceRules, settings: Settings) -> Answer:
    sight = _everything(rules, settings)
    if named := [seen for seen in sight.signs if seen.path == path]:
        answers = [_setting(seen, rules) for seen in named]
        finding = next((answer.finding for answer in answers if answer.finding), None)
        sentences = dict.fromkeys(why for answer in answers for why in answer.why)
        return Answer(tuple(named), finding, tuple(sentences))
    installation = _installation_at(path, sight)
    if installation is not None:
        now = Instant(wall())
        seen = primary(installation)
        finding = installation_finding(rules, installation, now)
        return Answer(installation.observations, finding, rules.explain(seen, now, identity_of(installation)))
    seen = observe_file(path, rules, settings)
    return _answer((seen,), seen, None, rules)


def _everything(rules: DeviceRules, settings: Settings) -> Sight:
    return look_once(argparse.Namespace(root="/", home=[]), settings, rules.book)


def _installation_at(path: str, sight: Sight) -> Installation | None:
    """The installation that a path belongs to, as a whole look sees it."""
    inside = [one for one in sight.installations if any(_inside(path, part) for part in (*one.parts, *_links(one)))]
    return max(inside, key=lambda one: len(one.path), default=None)


def _links(installation: Installation) -> list[str]:
    return [link for seen in installation.observations for link in seen.links]


def _answer(
    observations: tuple[Observation, ...], seen: Observation, identity: Identity | None, rules: DeviceRules
) -> Answer:
    now = Instant(wall())
    embeds = {tool.id: tool.embeds for tool in rules.book.tools.values()}
    for installation in group([seen], rules.identify, embeds):
        decision = rules.decide(seen, now, identity_of(installation))
        if decision is None:
            break
        subject = subject_of(installation, decision.ban)
        since = decision.stage.start if decision.stage else now
        finding = finding_json(subject, decision, pure_standing(decision), ban_text(rules, decision), since)
        return Answer(observations, finding, rules.explain(seen, now, identity_of(installation)))
    return Answer(observations, None, rules.explain(seen, now, identity))


def _as_the_agent_knows_it(finding: dict[str, object] | None, settings: Settings) -> dict[str, object] | None:
    """What the running agent acts on: with its memory of what was told, held or restored."""
    if finding is None:
        return None
    view = own_view(settings.state_dir) or {}
    rows = view.get("findings")
    for row in rows if isinstance(rows, list) else []:
        if isinstance(row, dict) and _same(row, finding):
            return row
    return finding


def _same(one: Mapping[str, object], other: Mapping[str, object]) -> bool:
    """The same finding. A process is known by its pid here: both were looked at while it runs."""
    if other.get("pid") is not None:
        return (one.get("pid"), one.get("ban"), one.get("tool")) == (other["pid"], other["ban"], other["tool"])
    return one.get("id") == other.get("id")


def _show(target: str, answer: Answer, finding: Mapping[str, object] | None) -> None:
    for seen in answer.observations:
        facts = [
            seen.setting,
            seen.purl,
            seen.content and f"content {seen.content}",
            seen.container and f"part of {seen.container}",
        ]
        say(
            f"{shown(seen.path) or target}: {', '.join(fact for fact in facts if fact) or seen.name or seen.face.value}"
        )
    for sentence in answer.why:
        say(sentence)
    if finding is None:
        say("Nothing would happen.")
        return
    say(f"State {finding['state']}, action now: {finding['action']}.")
    following = finding.get("next")
    if isinstance(following, Mapping):
        say(f"Next: {following['action']} from {following['from']}.")
    if finding.get("held_until"):
        say(f"Held until {finding['held_until']}.")
    known = finding.get("why")
    for sentence in known if isinstance(known, list) else []:
        if sentence not in answer.why:
            say(str(sentence))


def _observation_json(seen: Observation) -> dict[str, object]:
    fields = (
        "source",
        "face",
        "name",
        "version",
        "purl",
        "setting",
        "content",
        "signer",
        "container",
        "owner",
        "pid",
        "project",
    )
    row: dict[str, object] = {"path": shown(seen.path)}
    return {**row, **{name: value for name in fields if (value := getattr(seen, name)) not in ("", None, False)}}


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
