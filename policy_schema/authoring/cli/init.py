"""`interdict-policy init`: keys and an empty policy repository."""

from __future__ import annotations

import argparse
import getpass
import sys
from pathlib import Path

from policy_schema.authoring.files import write_file
from policy_schema.authoring.keys import ONLINE_OWNER, NewPerson, new_person, write_key, write_person
from policy_schema.authoring.options import add_passphrase, add_validity, clock, validity
from policy_schema.authoring.passphrases import ask_new
from policy_schema.authoring.people import fingerprints, read_public
from policy_schema.authoring.workspace import LOCK, Workspace
from policy_schema.errors import BadCommand
from policy_schema.trust.keys import Use, make_key
from policy_schema.trust.metadata import Lifetimes
from policy_schema.trust.repository import initialise
from policy_schema.trust.roots import first_root
from policy_schema.trust.staging import stage_root

NAME = "init"
HELP = "Makes the keys of the signers and an empty policy repository."

PEOPLE, THRESHOLD = 3, 2


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `init` takes."""
    parser.add_argument("dir", type=Path, metavar="DIR", help="a new folder")
    parser.add_argument("--solo", action="store_true", help="one signer, for a trial; shown everywhere as such")
    parser.add_argument(
        "--signer", action="append", metavar="NAME", help="a signer's name, once for each (default: asked)"
    )
    parser.add_argument(
        "--signer-key",
        action="append",
        type=Path,
        metavar="FILE",
        help="a signer's public file, once for each: their private keys stay where `keys new` made them",
    )
    parser.add_argument("--threshold", type=int, metavar="N", help=f"how many must sign (default: {THRESHOLD})")
    parser.add_argument("--keys", type=Path, metavar="FOLDER", help="where key files go (default: DIR/keys)")
    add_passphrase(parser)
    add_validity(parser, "the root", "365d")


def run(args: argparse.Namespace) -> int:
    """Makes everything, or nothing.

    Raises:
        BadCommand: the folder is in use, or the signers make no sense.
        BadKey, BadFile: a passphrase or the disk.
    """
    space = Workspace(args.dir, args.keys)
    if space.repository.exists() or (args.dir.exists() and not args.dir.is_dir()):
        raise BadCommand(f"{args.dir}: in use already", "name a new folder")
    if args.signer_key:
        return _from_public_files(space, args)
    names, threshold = _names(args), 1 if args.solo else args.threshold or THRESHOLD
    people, online = [new_person(name) for name in names], make_key(ONLINE_OWNER)
    files = initialise(
        [person.public for person in people],
        [person.root for person in people],
        online.public_key,
        threshold=threshold,
        now=clock(),
        lifetimes=Lifetimes(root=validity(args.valid)),
    )
    phrases = _passphrases(people, args)
    for person in people:
        write_person(space.keys, person, phrases[person.name])
    write_key(space.keys, online, Use.ONLINE, phrases[ONLINE_OWNER])
    _write_git_files(space)
    for content in files.values():
        space.write_first_root(content)
    space.write_published(files)
    _say(space, names, threshold)
    return 0


def _from_public_files(space: Workspace, args: argparse.Namespace) -> int:
    """Stages the first root; those whom it names sign it, each on their own machine."""
    if args.solo or args.signer:
        raise BadCommand("--signer-key comes alone", "leave --signer and --solo out")
    people, online = [read_public(path) for path in args.signer_key], make_key(ONLINE_OWNER)
    threshold = args.threshold or THRESHOLD
    root = first_root(
        people,
        online.public_key,
        threshold=threshold,
        now=clock(),
        lifetimes=Lifetimes(root=validity(args.valid)),
    )
    write_key(space.keys, online, Use.ONLINE, ask_new("the on-line key", args.passphrase_file))
    _write_git_files(space)
    space.write_staged(stage_root({}, root))
    print(f"{threshold} of {len(people)} must sign. Compare each fingerprint with its owner, by telephone:")
    print("\n".join(f"  {name}  {digits}" for name, digits in fingerprints(root)))
    print(f"  {space.keys}  the on-line key: for the machine that publishes, never for git")
    print(f"Next: put {space.folder} under git; each signer runs `interdict-policy sign --keys FOLDER`; then publish.")
    return 0


def _write_git_files(space: Workspace) -> None:
    """Keys stay out of git, and git changes no line end of what is signed."""
    write_file(space.folder / ".gitignore", f"/keys/\n/{LOCK}\n".encode())
    write_file(space.folder / ".gitattributes", b"* -text\n")


def _names(args: argparse.Namespace) -> list[str]:
    wanted = 1 if args.solo else max(PEOPLE, len(args.signer or ()))
    names = list(args.signer or ())
    if args.solo and len(names) > 1:
        raise BadCommand("--solo is one signer", "name one, or leave --solo out")
    if args.solo and args.threshold not in (None, 1):
        raise BadCommand("--solo has a threshold of 1", "leave --threshold or --solo out")
    if args.solo and not names:
        names = [getpass.getuser()]
    if not args.solo and args.signer and len(names) < 2:
        raise BadCommand("one signer alone", "name three with --signer, or take --solo for a trial")
    if not names and not sys.stdin.isatty():
        raise BadCommand("the names of the signers are needed", "give --signer NAME three times, or --solo for a trial")
    while not args.signer and len(names) < wanted:
        names.append(input(f"Name of signer {len(names) + 1} of {wanted}: ").strip())
    if ONLINE_OWNER in names or not all(names):
        raise BadCommand("a signer needs a name that is a person's", "name each with --signer")
    return names


def _passphrases(people: list[NewPerson], args: argparse.Namespace) -> dict[str, str]:
    """One for each person and one for the on-line key; in a trial one for all."""
    if args.passphrase_file is not None or args.solo:
        one = ask_new("all keys of this trial" if args.solo else "all keys", args.passphrase_file)
        return dict.fromkeys((*(person.name for person in people), ONLINE_OWNER), one)
    phrases = {person.name: ask_new(person.name, None) for person in people}
    return {**phrases, ONLINE_OWNER: ask_new("the on-line key", None)}


def _say(space: Workspace, names: list[str], threshold: int) -> None:
    if threshold == 1:
        print(f"One signer ({names[0]}): who has this key decides alone. Every device and report says so.")
    else:
        print(f"{threshold} of {len(names)} must sign: {', '.join(names)}.")
    print(f"  {space.first_root}  goes onto every device (setting trust_root)")
    print(f"  {space.keys}  locked keys, never published. Give each signer theirs, keep root keys off line.")
    print(f"  {space.repository}  what the web server serves, once a policy is published")
    folder = "" if space.folder == Path() else f" --dir {space.folder}"
    print(f"Next: interdict-policy sign POLICY.yaml{folder}")
