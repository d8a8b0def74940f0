"""Checks of the agent itself: its folder, its process, its journal, and what it says of its own health."""

from __future__ import annotations

import os
import shutil
from collections.abc import Mapping

from agent.cli.checks.check import Check, machine
from agent.host.child import weaknesses
from agent.host.clock import wall
from agent.host.users import own_uid
from agent.report.views import read_view
from agent.settings import Settings
from policy_schema.rules.instant import parse_instant

_STALE = 600
"""Seconds after which a view says that no daemon runs: it is written at least at every heartbeat."""


def state(settings: Settings) -> Check:
    """Whether the agent's own folder can be used."""
    folder = settings.state_dir
    if not os.path.isdir(folder):
        return Check("state", "failed", f"{folder} is not there", "Start the agent once as root; it makes the folder.")
    free = shutil.disk_usage(folder).free
    if free < 50_000_000:
        return Check(
            "state", "failed", f"{free // 1_000_000} MB are free for {folder}", "Make room: the journal needs it."
        )
    return Check("state", "ok", f"{folder}, {free // 1_000_000_000} GB free")


def daemon(settings: Settings) -> Check:
    """Whether the agent runs."""
    view = read_view(settings.state_dir, "machine.json")
    if view is None:
        return Check("daemon", "failed", "it has never run", "Start it: systemctl start interdict, or `interdict run`.")
    age = wall() - parse_instant(str(view["generated_at"]))
    if age > _STALE + settings.report_interval:
        return Check("daemon", "failed", f"its last word is {int(age)} s old", "Start it: systemctl restart interdict.")
    return Check("daemon", "ok", f"its last word is {max(0, int(age))} s old")


def health(settings: Settings) -> Check:
    """What the running agent itself says is wrong."""
    rows = machine(settings).get("health")
    wrong = [row for row in rows if isinstance(row, Mapping)] if isinstance(rows, list) else []
    if not wrong:
        return Check("health", "ok", "the agent says that nothing is wrong with it")
    return Check("health", "weak", "; ".join(str(row.get("what")) for row in wrong), str(wrong[0].get("advice") or ""))


def journal(settings: Settings) -> Check:
    """Whether it ever lost its journal."""
    why = machine(settings).get("journal_set_aside")
    if not why:
        return Check("journal", "ok", "it was always whole")
    advice = "Another was begun, with what people were told. If the disk is sound, remove journal.db.damaged-*."
    return Check("journal", "weak", f"one was damaged and set aside: {why}", advice)


def rights(settings: Settings) -> Check:
    """Which rights there are."""
    if own_uid() != 0:
        return Check(
            "rights", "ok", "not root: only your own files and processes are seen, and nothing of others is touched"
        )
    weak = weaknesses(settings.courier_user, settings.adopter_user)
    if weak:
        return Check("rights", "weak", "; ".join(one.message for one in weak), weak[0].advice)
    return Check("rights", "ok", "root, with children that give their rights away")
