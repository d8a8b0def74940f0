"""What `pause` and `release` share: who may ask the agent of this machine, who asks, and how it hears of it."""

from __future__ import annotations

import os

from agent.cli.output import say
from agent.errors import Denied, StateBroken
from agent.host.files import distrust, tell_holder
from agent.host.processes import owner_name
from agent.host.users import own_uid
from agent.settings import Settings


def refuse_others(settings: Settings, verb: str) -> None:
    """Root asks the agent of the machine; without root there is a trial of one's own.

    Raises:
        StateBroken: no agent has run here.
        Denied: it is not one's own agent.
    """
    if not os.path.isdir(settings.state_dir):
        raise StateBroken(f"{settings.state_dir}: no agent has run here", f"There is nothing to {verb}.")
    if os.stat(settings.state_dir).st_uid != own_uid() or distrust(settings.state_dir):
        raise Denied(f"only root may {verb} here", "Ask your administrator, or use sudo.")


def who() -> str:
    """The account that asked; behind sudo, doas or pkexec, the person."""
    for name in ("SUDO_USER", "DOAS_USER"):
        if os.environ.get(name):
            return os.environ[name][:100]
    asked = os.environ.get("PKEXEC_UID", "")
    return owner_name(int(asked)) if asked.isdecimal() else owner_name(own_uid())


def tell_agent(settings: Settings) -> None:
    """The running agent takes up at once what was asked for; says so when there is none."""
    if not tell_holder(os.path.join(settings.state_dir, "lock")):
        say("No agent runs now; it takes this up when it starts.")
