"""Checks of the system below: how starts are seen and refused, how people are told."""

from __future__ import annotations

import platform
import sys

from agent.cli.checks.check import Check, part
from agent.cli.status import gate_sentence
from agent.errors import InterdictError
from agent.host.child import gate_weakness
from agent.host.command import NOTIFY_SEND, find_tool
from agent.settings import Settings
from agent.watch.choose import choose_watcher


def watcher(settings: Settings) -> Check:
    """How starts are seen."""
    watcher = choose_watcher(lambda pid: None)
    problem = watcher.health()
    watcher.stop()
    if problem is not None:
        advice = "As root the kernel tells of every start; without it processes are looked at several times a second."
        return Check("processes", "weak", f"{watcher.name}: {problem.reason}", advice)
    return Check("processes", "ok", f"seen by {watcher.name}")


def gate(settings: Settings) -> Check:
    """Whether starts are refused, and what this kernel lacks for it."""
    gate, kernel = part(settings, "gate"), f"{platform.system()} {platform.release()}"
    sentence = f"{gate_sentence(gate)} {kernel}"
    stage, features = gate.get("stage"), gate.get("features")
    weak = gate_weakness(settings.gate_user) if settings.gate == "auto" else None  # a unit names the user itself
    if stage == "alive" and not gate.get("serial") and gate.get("problem"):
        return Check("gate", "failed", sentence, "See the gate's log: journalctl -u interdict-gate.")
    if stage == "alive" and weak is not None:
        return Check("gate", "weak", f"{sentence}; {weak.message}", weak.advice)
    if stage == "alive" and features == "full":
        return Check("gate", "ok", sentence)
    if stage == "alive" and features == "no-evictable":
        return Check("gate", "weak", sentence, "From Linux 5.19 on, starts of system programs cost nothing.")
    if stage in (None, "off"):
        return Check("gate", "ok", sentence)
    return Check("gate", "failed", sentence, "See the agent's log for `gate` and `gate-ended`; a restart is tried.")


def notices(settings: Settings) -> Check:
    """How people are told."""
    if settings.notices == "stdout" or sys.platform != "linux":
        return Check("notices", "ok", f"shown by {settings.notices}")
    try:
        return Check("notices", "ok", find_tool(NOTIFY_SEND))
    except InterdictError as error:
        return Check("notices", "weak", "desktop notices need notify-send; terminals are written to", error.advice())
