"""`interdict doctor`: what is wrong with the agent on this machine, and how to mend it."""

from __future__ import annotations

import argparse
import json
import os
import platform
import shutil
import sys
import time
from collections.abc import Callable, Mapping
from typing import NamedTuple

from agent.brake import REST
from agent.cli.output import print_json, print_table, say
from agent.cli.shared import add_settings_argument, settings_of
from agent.cli.status import gate_sentence, policy_sentence
from agent.device_key import load_key
from agent.errors import BadSettings, Denied, InterdictError
from agent.host.child import gate_weakness, weaknesses
from agent.host.clock import BUILD_TIME, wall
from agent.host.command import NOTIFY_SEND, find_tool
from agent.host.users import own_uid
from agent.report.views import read_view
from agent.settings import Settings
from agent.version import VERSION
from agent.watch.choose import choose_watcher
from policy_schema.rules.instant import parse_instant

NAME = "doctor"
HELP = "Checks settings, rights, kernel, clock, policy and console, and says how to mend what is wrong."
_STALE = 600
"""Seconds after which a view says that no daemon runs: it is written at least at every heartbeat."""


class Check(NamedTuple):
    """One thing that was checked. `advice` is empty when it is fine."""

    name: str
    result: str
    what: str
    advice: str = ""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    parser.add_argument("--json", action="store_true", help="one JSON document")
    parser.add_argument("--bundle", metavar="FILE", help="write what support needs into FILE, and print what is in it")


def run(args: argparse.Namespace) -> int:
    """Prints every check; 1 when one failed."""
    settings, checks = _settings_check(args)
    if settings is not None:
        for make in CHECKS:
            checks.append(make(settings))
    if args.bundle:
        _write_bundle(args.bundle, checks, settings)
    if args.json:
        print_json({"schema": 1, "agent": VERSION, "checks": [check._asdict() for check in checks]})
    else:
        print_table(("CHECK", "RESULT", "WHAT"), [(c.name, c.result, c.what) for c in checks])
        for check in checks:
            if check.advice:
                say(f"{check.name}: {check.advice}")
    return 1 if any(check.result == "failed" for check in checks) else 0


def _settings_check(args: argparse.Namespace) -> tuple[Settings | None, list[Check]]:
    try:
        settings = settings_of(args)
    except BadSettings as error:
        return None, [Check("settings", "failed", str(error), error.advice())]
    return settings, [Check("settings", "ok", f"{settings.file} can be used")]


def _state(settings: Settings) -> Check:
    folder = settings.state_dir
    if not os.path.isdir(folder):
        return Check("state", "failed", f"{folder} is not there", "Start the agent once as root; it makes the folder.")
    free = shutil.disk_usage(folder).free
    if free < 50_000_000:
        return Check(
            "state", "failed", f"{free // 1_000_000} MB are free for {folder}", "Make room: the journal needs it."
        )
    return Check("state", "ok", f"{folder}, {free // 1_000_000_000} GB free")


def _daemon(settings: Settings) -> Check:
    view = read_view(settings.state_dir, "machine.json")
    if view is None:
        return Check("daemon", "failed", "it has never run", "Start it: systemctl start interdict, or `interdict run`.")
    age = wall() - parse_instant(str(view["generated_at"]))
    if age > _STALE + settings.report_interval:
        return Check("daemon", "failed", f"its last word is {int(age)} s old", "Start it: systemctl restart interdict.")
    return Check("daemon", "ok", f"its last word is {max(0, int(age))} s old")


def _health(settings: Settings) -> Check:
    """What the running agent itself says is wrong."""
    rows = (read_view(settings.state_dir, "machine.json") or {}).get("health")
    wrong = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    if not wrong:
        return Check("health", "ok", "the agent says that nothing is wrong with it")
    return Check("health", "weak", "; ".join(str(row.get("what")) for row in wrong), str(wrong[0].get("advice") or ""))


def _guard(settings: Settings) -> Check:
    """Bans that are not carried out here since they would hit what no policy can touch."""
    left_out = _part(settings, "left_out")
    if not left_out:
        return Check("guard", "ok", "no ban would hit what this machine needs")
    what = "; ".join(f"{ban}: {why}" for ban, why in left_out.items())
    advice = "These bans are left out, the rest is in force. Tell the policy's authors: such a ban has to be narrowed."
    return Check("guard", "failed", what, advice)


def _brake(settings: Settings) -> Check:
    """What waits although the policy asks for it."""
    view = read_view(settings.state_dir, "machine.json") or {}
    held, waiting = _part(settings, "brake"), view.get("waiting")
    rows = [f"{ban}: {why}" for ban, why in held.items()]
    if view.get("rests_until"):
        advice = "Find in the agent's log why it ends; `interdict release --all` lets it act before that."
        return Check("brake", "failed", "; ".join([f"{REST} It acts again at {view['rests_until']}.", *rows]), advice)
    if rows:
        names = " ".join(sorted(held))
        advice = f"See with `interdict status` what it would hit. If that is right: `interdict release {names}` (root)."
        return Check("brake", "failed", "; ".join(rows), f"{advice} If not, tell the policy's authors.")
    if waiting:
        advice = "They are done by themselves, minute by minute. `interdict pause` stops that."
        return Check("brake", "weak", f"{waiting} acts wait for the next minute", advice)
    return Check("brake", "ok", "it holds nothing")


def _pause(settings: Settings) -> Check:
    view = read_view(settings.state_dir, "machine.json") or {}
    if not view.get("paused_until"):
        return Check("pause", "ok", "nobody has paused it")
    what = f"{view.get('paused_by')} has paused it until {view['paused_until']}: nothing is stopped, moved or refused"
    return Check("pause", "weak", what, "It ends by itself; `interdict pause --end` ends it now (root).")


def _journal(settings: Settings) -> Check:
    why = (read_view(settings.state_dir, "machine.json") or {}).get("journal_set_aside")
    if not why:
        return Check("journal", "ok", "it was always whole")
    advice = "Another was begun, with what people were told. If the disk is sound, remove journal.db.damaged-*."
    return Check("journal", "weak", f"one was damaged and set aside: {why}", advice)


def _policy(settings: Settings) -> Check:
    if not settings.policy_url:
        return Check("policy", "failed", "no policy_url is set", "Set policy_url in the settings.")
    policy = _part(settings, "policy")
    sentence = policy_sentence(policy, wall())
    if policy.get("problem"):
        return Check("policy", "failed", f"{sentence} {policy.get('message')}", str(policy.get("advice") or ""))
    return Check(
        "policy", "ok" if policy.get("id") else "failed", sentence, "" if policy.get("id") else "Start the agent."
    )


def _enrolment(settings: Settings) -> Check:
    if not settings.server:
        return Check("console", "ok", "no server is set: nothing is reported to anybody")
    try:
        key = load_key(settings.state_dir)
    except Denied:
        return Check("console", "ok", f"reports go to {settings.server}; root can see whether this device is enrolled")
    if key is None or not key.enrolled_at:
        return Check(
            "console", "failed", f"not enrolled at {settings.server}", "Set secret_file, or run `interdict enroll`."
        )
    return Check("console", "ok", f"enrolled at {settings.server} as {key.device}")


def _clock(settings: Settings) -> Check:
    if wall() < BUILD_TIME:
        when = time.strftime("%Y-%m-%d", time.gmtime())
        return Check("clock", "failed", f"the clock says {when}, before this agent was built", "Set the clock (NTP).")
    return Check("clock", "ok", time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime()))


def _rights(settings: Settings) -> Check:
    if own_uid() != 0:
        return Check(
            "rights", "ok", "not root: only your own files and processes are seen, and nothing of others is touched"
        )
    weak = weaknesses(settings.courier_user, settings.adopter_user)
    if weak:
        return Check("rights", "weak", "; ".join(one.message for one in weak), weak[0].advice)
    return Check("rights", "ok", "root, with children that give their rights away")


def _watcher(settings: Settings) -> Check:
    watcher = choose_watcher(lambda pid: None)
    problem = watcher.health()
    watcher.stop()
    if problem is not None:
        advice = "As root the kernel tells of every start; without it processes are looked at several times a second."
        return Check("processes", "weak", f"{watcher.name}: {problem.reason}", advice)
    return Check("processes", "ok", f"seen by {watcher.name}")


def _gate(settings: Settings) -> Check:
    """Whether starts are refused, and what this kernel lacks for it."""
    gate, kernel = _part(settings, "gate"), f"{platform.system()} {platform.release()}"
    sentence = f"{gate_sentence(gate)} {kernel}"
    stage, features = gate.get("stage"), gate.get("features")
    weak = gate_weakness(settings.gate_user) if settings.gate == "auto" else None  # a unit names the user itself
    if stage == "alive" and weak is not None:
        return Check("gate", "weak", f"{sentence}; {weak.message}", weak.advice)
    if stage == "alive" and features == "full":
        return Check("gate", "ok", sentence)
    if stage == "alive" and features == "no-evictable":
        return Check("gate", "weak", sentence, "From Linux 5.19 on, starts of system programs cost nothing.")
    if stage in (None, "off"):
        return Check("gate", "ok", sentence)
    return Check("gate", "failed", sentence, "See the agent's log for `gate` and `gate-ended`; a restart is tried.")


def _notices(settings: Settings) -> Check:
    if settings.notices == "stdout" or sys.platform != "linux":
        return Check("notices", "ok", f"shown by {settings.notices}")
    try:
        return Check("notices", "ok", find_tool(NOTIFY_SEND))
    except InterdictError as error:
        return Check("notices", "weak", "desktop notices need notify-send; terminals are written to", error.advice())


CHECKS: tuple[Callable[[Settings], Check], ...] = (
    _state,
    _daemon,
    _health,
    _policy,
    _guard,
    _brake,
    _pause,
    _journal,
    _enrolment,
    _clock,
    _rights,
    _watcher,
    _gate,
    _notices,
)
"""Every check after that of the settings file, in the order in which they are shown."""


def _part(settings: Settings, name: str) -> Mapping[str, object]:
    value = (read_view(settings.state_dir, "machine.json") or {}).get(name)
    return value if isinstance(value, Mapping) else {}


def _write_bundle(path: str, checks: list[Check], settings: Settings | None) -> None:
    """A support file: the checks and what everybody on the machine may read. No findings, no paths of persons."""
    view = read_view(settings.state_dir, "machine.json") if settings else None
    content = {
        "agent": VERSION,
        "python": sys.version,
        "system": platform.platform(),
        "checks": [check._asdict() for check in checks],
        "machine": view,
    }
    fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | getattr(os, "O_NOFOLLOW", 0), 0o600)
    with os.fdopen(fd, "w", encoding="utf-8") as file:
        json.dump(content, file, indent=1)
    say(f"{path} holds: the checks below, and machine.json word for word (policy, coverage, health; no findings).")
