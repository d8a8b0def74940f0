"""`interdict enroll`: makes this device known to a console, once."""

from __future__ import annotations

import argparse
import os

from agent.cli.output import say
from agent.cli.shared import add_settings_argument, settings_of
from agent.console_link import ConsoleLink
from agent.device_key import ensure_key, keep_key
from agent.errors import BadSettings, Unreachable
from agent.host.clock import wall
from agent.messenger import problem_of, read_secret
from agent.policy import children
from agent.report.outbox import device_facts, fresh_epoch
from agent.version import VERSION
from policy_schema.rules.instant import format_instant

NAME = "enroll"
HELP = "Makes this device known to a console, with a secret that the console's admin gave you."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Adds the command's options."""
    add_settings_argument(parser)
    parser.add_argument("--server", metavar="URL", help="the console's address (default: that of the settings)")
    parser.add_argument("--secret-file", metavar="FILE", help="a file with the enrolment secret")


def run(args: argparse.Namespace) -> int:
    """Enrols; does nothing where the console knows this device already."""
    settings = settings_of(args)
    server = args.server or settings.server
    if not server:
        raise BadSettings("no server to enrol at", "Name it: --server URL, or set server in the settings.")
    os.makedirs(settings.state_dir, mode=0o755, exist_ok=True)
    signer = children.signer(settings.adopter_user)
    key = ensure_key(settings.state_dir, signer)
    if key.enrolled_at:
        say(f"This device is known as {key.device} since {key.enrolled_at}.")
        return 0
    file = args.secret_file or settings.secret_file
    secret = settings.secret if settings.secret and not args.secret_file else read_secret(file)
    access = {"proxy": settings.proxy, "ca_file": settings.ca_file}
    link = ConsoleLink(server=server, access=access, courier=children.courier(settings.courier_user), signer=signer)
    reply = link.enrol(key, secret, device_facts(settings, VERSION), fresh_epoch())
    if reply.status != 200:
        raise Unreachable(
            f"{server}: {problem_of(reply)}", "Ask the console's admin for a new secret, or check the address."
        )
    keep_key(settings.state_dir, key._replace(enrolled_at=format_instant(wall())))
    say(f"Enrolled at {server} as {key.device}.")
    return 0
