"""`interdict-policy publish`: turns a change that enough people signed into the files that the web server serves."""

from __future__ import annotations

import argparse

from policy_schema.authoring.options import add_folder, add_passphrase, add_validity, clock, day, validity, workspace
from policy_schema.authoring.publishing import load_change, online_key, publish_change
from policy_schema.trust.metadata import Lifetimes
from policy_schema.trust.repository import NotEnough, NothingStaged
from policy_schema.trust.staging import effective_root

NAME = "publish"
HELP = "Publishes the staged change once enough people have signed it."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `publish` takes."""
    add_folder(parser)
    add_passphrase(parser)
    add_validity(parser, "the on-line signature", "7d")


def run(args: argparse.Namespace) -> int:
    """Publishes, or says who is missing.

    Raises:
        NothingStaged, NotEnough: not ready.
        Refused: devices would refuse what comes out.
    """
    space = workspace(args)
    change = load_change(space)
    if not change.parts:
        raise NothingStaged("nothing is staged")
    for part in change.parts:
        if not part.complete:
            raise NotEnough(part)
    online = online_key(space, effective_root(change.published, change.staged), args.passphrase_file)
    found = publish_change(space, change, online, now=clock(), lifetimes=Lifetimes(online=validity(args.valid)))
    if found is None:
        print(f"The signers count from now on. Give {space.first_root} to every device (setting trust_root).")
        print("Next: interdict-policy sign POLICY")
        return 0
    one = " (one signer)" if found.solo else ""
    print(f"Published version {found.version}, signed by {', '.join(found.signers)}{one}.")
    print(f"Next: upload {space.repository}, timestamp.json last; renew before {day(found.ends)}.")
    return 0
