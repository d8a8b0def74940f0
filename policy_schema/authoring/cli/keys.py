"""`interdict-policy keys`: whose keys there are; new keys for somebody; a root for another year."""

from __future__ import annotations

import argparse
import json

from policy_schema.authoring.keys import ONLINE_OWNER, key_rows, new_person, write_key
from policy_schema.authoring.options import add_folder, add_passphrase, add_validity, clock, validity, workspace
from policy_schema.authoring.passphrases import ask_new
from policy_schema.authoring.workspace import Workspace
from policy_schema.errors import BadCommand
from policy_schema.trust.keys import Use, make_key
from policy_schema.trust.library import Root
from policy_schema.trust.metadata import Lifetimes, root_of
from policy_schema.trust.roots import next_root, replace_online, replace_person
from policy_schema.trust.staging import STAGED_ROOT, stage_policy, stage_root
from policy_schema.trust.state import published_policy

NAME = "keys"
HELP = "Lists whose keys there are; replaces a lost one; renews the root."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `keys` takes."""
    parser.add_argument(
        "do", nargs="?", choices=["list", "replace", "renew", "delegate"], default="list", help="default: list"
    )
    parser.add_argument(
        "name",
        nargs="?",
        help=f"replace: whose keys ({ONLINE_OWNER} for the publishing machine's); delegate: who signs exceptions",
    )
    parser.add_argument("--by", metavar="NAME", help="replace: another person takes the place")
    parser.add_argument("--json", action="store_true", help="list: print one JSON document")
    add_folder(parser)
    add_passphrase(parser)
    add_validity(parser, "the new root", "365d")


def run(args: argparse.Namespace) -> int:
    """Lists, or stages a change of the root that people then sign.

    Raises:
        BadCommand, BadSigners: nobody of that name, or another change of signers is staged.
    """
    space = workspace(args)
    if args.do == "list":
        return _list(space, as_json=args.json)
    if args.do == "delegate":
        return _delegate(space, args)
    if (args.do == "replace") != bool(args.name):
        raise BadCommand(f"keys {args.do}: whose keys?" if not args.name else "keys renew takes no name", "see --help")
    staged = space.staged()
    if STAGED_ROOT in staged:
        raise BadCommand("a change of signers is staged already", "sign and publish that one first")
    lifetimes, now = Lifetimes(root=validity(args.valid)), clock()
    published = space.published()
    root = next_root(root_of(published), now, lifetimes)
    if args.do == "replace":
        _replace(space, root, args)
    policy = published_policy(published)
    changed = stage_root({}, root)
    if policy is not None and args.do == "replace":
        # Signatures of the key that goes would no longer count: the policy in force is signed once more.
        key = space.exceptions_key()
        changed = stage_policy(published, changed, policy, now=now, lifetimes=lifetimes, exceptions=key)
    space.write_staged(changed)
    print(
        f"Staged root {root.version}. Next: each signer runs `interdict-policy sign`, then `interdict-policy publish`."
    )
    return 0


def _delegate(space: Workspace, args: argparse.Namespace) -> int:
    """A key that can only weaken: exceptions and pauses. The signers agree to it with the next policy."""
    if not args.name:
        raise BadCommand("keys delegate: who signs exceptions?", "name them, or the console")
    made = make_key(args.name)
    path = write_key(space.keys, made, Use.EXCEPTIONS, ask_new(args.name, args.passphrase_file))
    space.write_exceptions_key(made.public_key)
    print(f"{args.name} may sign exceptions and pauses, and nothing else, once the signers agree: {path}")
    print("Next: sign and publish the policy once more; `sign` shows the new name.")
    return 0


def _list(space: Workspace, *, as_json: bool) -> int:
    rows = key_rows(root_of(space.published()), space.keys)
    if as_json:
        listed = [
            {"owner": row.owner, "use": row.use, "keyid": row.keyid, "file": str(row.file), "here": row.here}
            for row in rows
        ]
        print(json.dumps({"keys": listed}, ensure_ascii=False, indent=2))
        return 0
    width = max(len(row.owner) for row in rows)
    for row in rows:
        where = str(row.file) if row.here else "not here"
        print(f"{row.owner:<{width}}  {row.use:<6}  {row.keyid[:16]}  {where}")
    return 0


def _replace(space: Workspace, root: Root, args: argparse.Namespace) -> None:
    if args.name == ONLINE_OWNER:
        online = make_key(ONLINE_OWNER)
        replace_online(root, online.public_key)
        write_key(space.keys, online, Use.ONLINE, ask_new("the on-line key", args.passphrase_file))
        return
    person = new_person(args.by or args.name)
    replace_person(root, args.name, person.public)
    phrase = ask_new(person.name, args.passphrase_file)
    write_key(space.keys, person.root, Use.ROOT, phrase)
    write_key(space.keys, person.policy, Use.POLICY, phrase)
