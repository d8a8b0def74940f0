"""`interdict leave`: the last report of an agent that is being removed, so that the console does not call it silent.

The scripts of the packages call it after they have stopped the agent. What waits to be sent goes first. A console that
cannot be reached is no reason to stay: then the device falls silent there, and an admin removes it by hand.
"""

from __future__ import annotations

import argparse
import os
import time
from collections.abc import Callable

from agent.cli.administering import refuse_others
from agent.cli.output import say
from agent.cli.shared import add_settings_argument, settings_of
from agent.console_link import ConsoleLink
from agent.device_key import DeviceKey, load_key
from agent.errors import StateBroken, Unreachable
from agent.host.clock import wall
from agent.host.files import take_lock
from agent.messenger import problem_of
from agent.policy import children
from agent.report.journal import Journal
from agent.report.outbox import Moment, Outbox, Whole, device_facts
from agent.settings import Settings
from agent.version import VERSION
from policy_schema.messages.heartbeat import Heartbeat
from policy_schema.messages.report import PolicyLine
from policy_schema.rules.instant import Instant, format_instant

NAME = "leave"
HELP = "Tells the console that this agent is being removed (root; for the packages)."
_MOST_BEFORE = 20
"""Earlier reports that are sent first."""
_LONGEST = 60.0
"""Seconds after which no further report is begun."""


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)


def run(args: argparse.Namespace) -> int:
    """Sends what waits and the last report; 2 when the console could not be told."""
    settings = settings_of(args)
    if not settings.server:
        say("No console is set: nobody is told.")
        return 0
    if not os.path.isdir(settings.state_dir):
        say("This agent has never run: nobody is told.")
        return 0
    refuse_others(settings, "remove it")
    key = load_key(settings.state_dir)
    if key is None or not key.enrolled_at:
        say("The console does not know this device: nobody is told.")
        return 0
    unlock = take_lock(os.path.join(settings.state_dir, "lock"))
    if unlock is None:
        raise StateBroken("the agent still runs", "Stop it first: systemctl stop interdict.")
    try:
        _say_farewell(settings, key)
    finally:
        unlock()
    say(f"{settings.server} knows that this device leaves.")
    return 0


def _say_farewell(settings: Settings, key: DeviceKey) -> None:
    courier, signer = children.courier(settings.courier_user), children.signer(settings.adopter_user)
    access = {"proxy": settings.proxy, "ca_file": settings.ca_file}
    link = ConsoleLink(server=settings.server, access=access, courier=courier, signer=signer)
    journal = Journal(os.path.join(settings.state_dir, "journal.db"))
    try:
        outbox = Outbox(journal, lambda: Whole((), ()))
        until = time.monotonic() + _LONGEST
        for _ in range(_MOST_BEFORE):
            if time.monotonic() > until or journal.first_report() is None:
                break
            _send(outbox, link, key, lambda: last_word(settings, key, wall()))
        if journal.first_report() is not None:
            outbox.new_epoch()  # too much is left of the old one: the last report alone then says how it ended
        _send(outbox, link, key, lambda: last_word(settings, key, wall()))
    finally:
        journal.close()


def _send(outbox: Outbox, link: ConsoleLink, key: DeviceKey, make: Callable[[], Moment]) -> None:
    """Sends the report that is next.

    Raises:
        Unreachable: the console did not store it.
    """
    sequence, body = outbox.next(make)
    reply = link.report(key, sequence, body)
    stored = reply.values.get("stored_up_to")
    if reply.status != 200 or not isinstance(stored, int):
        raise Unreachable(f"the console was not told: {problem_of(reply)}", "Remove the device there by hand.")
    outbox.stored(stored, Instant(wall()))


def last_word(settings: Settings, key: DeviceKey, now: int) -> Moment:
    """What the last report says: no policy is in force here any more, and nothing is looked at."""
    return Moment(
        now=Instant(now),
        device=key.device,
        agent=VERSION,
        policy=PolicyLine(id="", version=0, trust="none", age_s=0, solo=False),
        heartbeat=Heartbeat(
            started_at=format_instant(Instant(now)), uptime_s=0, mode=settings.mode, gate="off", leaving=True
        ),
        coverage=(),
        facts=device_facts(settings, VERSION),
        not_understood=(),
    )
