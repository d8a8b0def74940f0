"""Checks of the policy and of what is not carried out although it asks for it."""

from __future__ import annotations

from agent.brake import REST
from agent.cli.checks.check import Check, machine, part
from agent.cli.status import policy_sentence
from agent.host.clock import wall
from agent.settings import Settings
from policy_schema.rules.instant import parse_instant

_OLD = 86_400
"""Seconds since a server last confirmed the policy, after which something is wrong on the way to it."""


def policy(settings: Settings) -> Check:
    """Which policy is in force, and what is wrong with it."""
    if not settings.policy_url:
        return Check("policy", "failed", "no policy_url is set", "Set policy_url in the settings.")
    policy = part(settings, "policy")
    sentence = policy_sentence(policy, wall())
    if not policy.get("id"):
        return Check("policy", "failed", sentence, str(policy.get("advice") or "Start the agent."))
    if policy.get("problem"):
        return Check("policy", "failed", f"{sentence} {policy.get('message')}", str(policy.get("advice") or ""))
    try:
        age = wall() - parse_instant(str(policy.get("confirmed_at")))
    except ValueError:
        age = 0
    if age > _OLD:
        advice = "What is in force stays so. New bans, exceptions and liftings do not arrive: see `policy server`."
        return Check("policy", "weak", sentence, advice)
    return Check("policy", "ok", sentence)


def guard(settings: Settings) -> Check:
    """Bans that are not carried out here since they would hit what no policy can touch."""
    left_out = part(settings, "left_out")
    if not left_out:
        return Check("guard", "ok", "no ban would hit what this machine needs")
    what = "; ".join(f"{ban}: {why}" for ban, why in left_out.items())
    advice = "These bans are left out, the rest is in force. Tell the policy's authors: such a ban has to be narrowed."
    return Check("guard", "failed", what, advice)


def brake(settings: Settings) -> Check:
    """What waits although the policy asks for it."""
    view = machine(settings)
    held, waiting = part(settings, "brake"), view.get("waiting")
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


def pause(settings: Settings) -> Check:
    """Whether somebody has paused it."""
    view = machine(settings)
    if not view.get("paused_until"):
        return Check("pause", "ok", "nobody has paused it")
    what = f"{view.get('paused_by')} has paused it until {view['paused_until']}: nothing is stopped, moved or refused"
    return Check("pause", "weak", what, "It ends by itself; `interdict pause --end` ends it now (root).")
