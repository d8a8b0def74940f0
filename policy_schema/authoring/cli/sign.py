"""`interdict-policy sign`: stages a policy, or adds one person's signature to what is staged."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from policy_schema.authoring.options import add_folder, add_passphrase, add_validity, clock, validity, workspace
from policy_schema.authoring.passphrases import ask_old
from policy_schema.authoring.people import fingerprints
from policy_schema.authoring.publishing import (
    Change,
    choose_owner,
    closed_bytes,
    load_change,
    sign_change,
    stage,
    usable_keys,
)
from policy_schema.authoring.summary import summary
from policy_schema.errors import BadCommand
from policy_schema.trust.keys import owner
from policy_schema.trust.layout import Role
from policy_schema.trust.metadata import Lifetimes
from policy_schema.trust.staging import effective_root, progress, staged_holder

NAME = "sign"
HELP = "Shows what is to be signed and adds your signature."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `sign` takes."""
    parser.add_argument("policy", nargs="?", type=Path, metavar="POLICY", help="the policy (default: what is staged)")
    parser.add_argument("--as", dest="signer", metavar="NAME", help="who signs, when several people's keys are here")
    parser.add_argument("--restart", action="store_true", help="drop the staged policy and its signatures")
    parser.add_argument("--yes", action="store_true", help="sign without asking, for automation")
    add_folder(parser)
    add_passphrase(parser)
    add_validity(parser, "the policy", "90d")


def run(args: argparse.Namespace) -> int:
    """Signs once.

    Raises:
        BadDocument: the policy has problems.
        BadCommand, BadKey, AnotherChange, Refused: as they say.
    """
    space = workspace(args)
    if args.policy is not None:
        lifetimes = Lifetimes(targets=validity(args.valid))
        change = stage(space, closed_bytes(args.policy), now=clock(), lifetimes=lifetimes, restart=args.restart)
    else:
        change = load_change(space)
    if not change.staged:
        raise BadCommand("nothing is staged", "name the policy: interdict-policy sign POLICY")
    keys = usable_keys(space, change)
    name = choose_owner(keys, args.signer, change)
    show(change)
    confirm(name, yes=args.yes)
    staged = sign_change(change, keys[name], ask_old(name, args.passphrase_file))
    space.write_staged(staged)
    say_rest(name, change._replace(staged=staged))
    return 0


def show(change: Change) -> None:
    """Prints what a signature would agree to."""
    for part in change.parts:
        if part.role is Role.ROOT:
            root = effective_root(change.published, change.staged)
            print(f"Signers       root {part.version}: {root.roles[Role.ROOT].threshold} of these")
            print("\n".join(f"              {name}, fingerprint {digits}" for name, digits in fingerprints(root)))
        elif change.closed is not None:
            print("\n".join(summary(change.closed, change.before, part.version)))
            key = staged_holder(change.staged)
            print(f"Exceptions    signed by {owner(key) if key else 'nobody'}")


def confirm(name: str, *, yes: bool) -> None:
    """Asks for a plain yes.

    Raises:
        BadCommand: there is nobody to ask, or the answer was not yes.
    """
    if yes:
        return
    if not sys.stdin.isatty():
        raise BadCommand("nobody is here to confirm", "look at what is shown, then run it again with --yes")
    if input(f"Sign this as {name}? Type yes: ").strip().lower() != "yes":
        raise BadCommand("not signed", "nothing was changed")


def say_rest(name: str, change: Change) -> None:
    """Prints how far the change is."""
    waiting = [part for part in progress(change.published, change.staged) if not part.complete]
    if not waiting:
        print(f"Signed as {name}. Complete. Next: interdict-policy publish")
    for part in waiting:
        print(f"Signed as {name}: {len(part.signed)} of {part.threshold} for {part.role}.", end=" ")
        print(f"Next to sign: one of {', '.join(part.missing)}.")
