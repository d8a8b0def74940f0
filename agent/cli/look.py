"""One look at the machine with a rulebook, for commands that change nothing: `scan` and `explain`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping
from types import MappingProxyType
from typing import NamedTuple

from agent.cases import Subject
from agent.cli.output import progress
from agent.cli.shared import refuse_missing_folders
from agent.decider import Process
from agent.deps_looking import build_looking
from agent.device_key import load_key
from agent.errors import StateBroken
from agent.findings import (
    finding_json,
    identity_of,
    is_sign,
    primary,
    process_subject,
    pure_standing,
    sign_findings,
    subject_of,
)
from agent.host.clock import wall
from agent.inventory.installations import Installation, group
from agent.inventory.interface import Look
from agent.inventory.machine import open_machine
from agent.inventory.runner import look
from agent.looker import wanted_of
from agent.policy_in_force import rules_of
from agent.settings import Settings
from policy_schema.rules.decision import Decision
from policy_schema.rules.instant import Instant
from policy_schema.rules.observation import Coverage, Observation
from policy_schema.rules.rulebook import DeviceRules, Rulebook

NOTHING: Mapping[str, object] = MappingProxyType({})
"""No exception, no pause."""


class Sight(NamedTuple):
    """What one look with a policy came to."""

    device: str | None
    findings: tuple[dict[str, object], ...]
    coverage: tuple[Coverage, ...]
    installations: tuple[Installation, ...]
    signs: tuple[Observation, ...]
    """Settings and residue."""
    complete: bool


def add_look_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds `--root` and `--home`."""
    parser.add_argument("--root", metavar="DIR", default="/", help="look into another tree instead of this machine")
    parser.add_argument(
        "--home", metavar="DIR", action="append", default=[], help="look at this home only (may be repeated)"
    )


def rules_for(settings: Settings, book: Rulebook, granted: Mapping[str, object]) -> tuple[DeviceRules, str | None]:
    """The rules of this device with what was granted to it, and its id, None where it has none yet."""
    device = known_device(settings)
    return rules_of(book, settings.device(device or "unknown"), granted), device


def known_device(settings: Settings) -> str | None:
    """The id of this device; None where it has none, or where it is root's to know.

    Without it the rollout's percentages and the exceptions of this device cannot be told.
    """
    try:
        key = load_key(settings.state_dir)
    except StateBroken:
        return None
    return key.device if key else None


def look_once(
    args: argparse.Namespace, settings: Settings, book: Rulebook, granted: Mapping[str, object] = NOTHING
) -> Sight:
    """Looks at everything that is installed and, on this machine itself, at what runs."""
    refuse_missing_folders(args.root, *args.home)
    rules, device = rules_for(settings, book, granted)
    found = _look(args, settings, rules)
    everything = [seen for rows in found.observations.values() for seen in rows]
    embeds = {tool.id: tool.embeds for tool in book.tools.values()}
    installations = group(everything, rules.identify, embeds)
    now = Instant(wall())
    rows = [row for one in installations if (row := installation_finding(rules, one, now))]
    if args.root == "/" and not args.home:
        progress("processes")
        running = build_looking(settings, rules, installations).everything()
        rows += [row for process in running if (row := process_finding(rules, process, now))]
    progress("")
    signs = tuple(seen for seen in everything if is_sign(seen))
    rows += [sign_finding(rules, subject, decision, now) for subject, decision in sign_findings(rules, signs, now)]
    return Sight(device, tuple(rows), found.coverage, tuple(installations), signs, found.complete)


def installation_finding(rules: DeviceRules, installation: Installation, now: Instant) -> dict[str, object] | None:
    """The finding of an installation, None when no ban matches."""
    decision = rules.decide(primary(installation), now, identity_of(installation))
    if decision is None:
        return None
    subject = subject_of(installation, decision.ban)
    return finding_json(subject, decision, pure_standing(decision), ban_text(rules, decision), _since(decision, now))


def process_finding(rules: DeviceRules, process: Process, now: Instant) -> dict[str, object] | None:
    """The finding of a running process, None when no ban matches."""
    decision = rules.decide(process.seen, now, process.identity)
    if decision is None:
        return None
    subject = process_subject(process.seen, process.identity, decision.ban, process.installation)
    return finding_json(subject, decision, pure_standing(decision), ban_text(rules, decision), _since(decision, now))


def sign_finding(rules: DeviceRules, subject: Subject, decision: Decision, now: Instant) -> dict[str, object]:
    """The finding of a setting or of residue."""
    return finding_json(subject, decision, pure_standing(decision), ban_text(rules, decision), _since(decision, now))


def ban_text(rules: DeviceRules, decision: Decision) -> dict[str, object]:
    """The policy's own words about the ban of a decision."""
    return dict(next((ban.text for ban in rules.book.bans if ban.id == decision.ban), {}))


def _since(decision: Decision, now: Instant) -> int:
    """Without a memory: the stage's beginning, or now."""
    return decision.stage.start if decision.stage else now


def _look(args: argparse.Namespace, settings: Settings, rules: DeviceRules) -> Look:
    with open_machine(
        root=args.root,
        homes=args.home or (settings.homes if args.root == "/" else ()),
        path_folders=settings.path_folders,
        project_roots=settings.roots,
        wanted=wanted_of(rules),
        system=settings.system and not args.home,
    ) as machine:
        return look(machine, (), lambda source, items: progress(f"{source}: {items}"))
