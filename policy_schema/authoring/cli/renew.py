"""`interdict-policy renew`: new on-line signatures over the same policy, for a timer."""

from __future__ import annotations

import argparse

from policy_schema.authoring.options import add_folder, add_passphrase, add_validity, clock, day, validity, workspace
from policy_schema.authoring.publishing import online_key, renew_repository
from policy_schema.trust.layout import Role
from policy_schema.trust.metadata import Lifetimes, root_of

NAME = "renew"
HELP = "Renews the on-line signatures; run it once a day by a timer."

WARN = 14 * 86_400


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `renew` takes."""
    add_folder(parser)
    add_passphrase(parser)
    add_validity(parser, "the on-line signature", "7d")


def run(args: argparse.Namespace) -> int:
    """Renews, and says in time what people must sign.

    Raises:
        Refused: what is published does not verify.
    """
    space, now = workspace(args), clock()
    online = online_key(space, root_of(space.published()), args.passphrase_file)
    found = renew_repository(space, online, now=now, lifetimes=Lifetimes(online=validity(args.valid)))
    print(f"Renewed until {day(dict(found.expires)[Role.TIMESTAMP])}: version {found.version} as before.")
    for role, when in found.expires:
        if role in (Role.ROOT, Role.TARGETS) and when - now < WARN:
            how = "keys renew" if role is Role.ROOT else "sign POLICY"
            print(f"The signatures of the {role} end {day(when)}: run `interdict-policy {how}`, sign and publish.")
    return 0
