"""`interdict-policy keys`: whose keys there are; new keys for somebody; who signs, and how many; another year.

What changes the root is staged: the signers sign it and it is published, like a policy.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Mapping
from pathlib import Path

from policy_schema.authoring.files import write_file
from policy_schema.authoring.keys import ONLINE_OWNER, key_rows, new_person, write_key, write_person, write_token_key
from policy_schema.authoring.options import add_folder, add_passphrase, add_validity, clock, validity, workspace
from policy_schema.authoring.passphrases import ask_new, ask_old
from policy_schema.authoring.people import (
    LONGEST_NAME,
    fingerprint,
    fingerprints,
    public_bytes,
    public_file,
    read_public,
)
from policy_schema.authoring.signers import stage_signers
from policy_schema.authoring.workspace import Workspace
from policy_schema.errors import BadCommand
from policy_schema.trust.keys import PublicKeys, Use, make_key
from policy_schema.trust.layout import Role
from policy_schema.trust.library import Key, Root
from policy_schema.trust.metadata import Lifetimes
from policy_schema.trust.roots import add_person, remove_person, replace_online, replace_person, set_threshold
from policy_schema.trust.staging import STAGED_ROOT, roots_of_change
from policy_schema.trust.tokens import new_token_key, parse_uri

NAME = "keys"
HELP = "Makes and lists keys; adds, replaces and removes signers; renews the root."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `keys` takes."""
    parser.add_argument("do", nargs="?", choices=["list", *DO], default="list", help="default: list")
    parser.add_argument(
        "what",
        nargs="*",
        metavar="WHAT",
        help="new, delegate, replace, remove: a name; add: public files; threshold: a number",
    )
    parser.add_argument("--by", metavar="NAME", help="replace: another person takes the place, with keys made here")
    parser.add_argument(
        "--with", dest="public", type=Path, metavar="FILE", help="replace: by whose public file this is"
    )
    parser.add_argument(
        "--pkcs11",
        action="append",
        metavar="URI",
        help="new, delegate, replace on-line: make the key in this token; twice for new: root key, policy key",
    )
    parser.add_argument("--json", action="store_true", help="list: print one JSON document")
    add_folder(parser)
    add_passphrase(parser)
    add_validity(parser, "the new root", "365d")


def run(args: argparse.Namespace) -> int:
    """Lists, makes keys, or stages a change of the root that people then sign.

    Raises:
        BadCommand, BadSigners: the change makes no sense.
        BadKey, BadFile: a passphrase, a public file or the disk.
    """
    if args.do != "replace" and (args.by or args.public):
        raise BadCommand("--by and --with belong to keys replace", "see --help")
    if args.pkcs11 and not (args.do in ("new", "delegate") or (args.do == "replace" and args.what == [ONLINE_OWNER])):
        raise BadCommand("--pkcs11 belongs to keys new, delegate, replace on-line", "a person: keys new, then --with")
    if args.do == "list":
        return _list(workspace(args), as_json=args.json)
    return DO[args.do](args)


def _new(args: argparse.Namespace) -> int:
    """Keys of one's own, on one's own machine. No repository is needed."""
    name = _one(args, "whose keys?")
    if name == ONLINE_OWNER or not name.isprintable() or len(name) > LONGEST_NAME:
        raise BadCommand(f"{name!r} is not a person's name", "keys new NAME")
    folder, public = Workspace(args.dir, args.keys).keys, public_file(args.dir, name)
    if public.exists():
        raise BadCommand(f"{public}: is there already", "move it away first, if these keys are to be replaced")
    made, files = _in_tokens(args, name, folder) if args.pkcs11 else _in_files(args, name, folder)
    if not (folder / ".gitignore").exists():
        write_file(folder / ".gitignore", b"*\n")
    write_file(public, public_bytes(made))
    print(f"  {files[0]}  the root key: off line, a USB stick in a safe")
    print(f"  {files[1]}  the policy key: stays on this machine")
    print(f"  {public}  public: give this to your colleagues")
    print(f"Fingerprint {fingerprint(made.root, made.policy)}: they ask you for it, by telephone.")
    return 0


def _in_files(args: argparse.Namespace, name: str, folder: Path) -> tuple[PublicKeys, tuple[Path, Path]]:
    person = new_person(name)
    return person.public, write_person(folder, person, ask_new(name, args.passphrase_file))


def _in_tokens(args: argparse.Namespace, name: str, folder: Path) -> tuple[PublicKeys, tuple[Path, Path]]:
    """Both keys in one token, or the root key in the first and the policy key in the second, which has the same PIN."""
    if len(args.pkcs11) > 2:
        raise BadCommand("--pkcs11 is given more than twice", "the root key's token, then the policy key's")
    tokens = [parse_uri(text) for text in args.pkcs11]
    pin = ask_old(f"the token {tokens[0].token}", args.passphrase_file)
    root, root_place = new_token_key(tokens[0], name, Use.ROOT, pin)
    policy, policy_place = new_token_key(tokens[-1], name, Use.POLICY, pin)
    files = (
        write_token_key(folder, root, Use.ROOT, root_place),
        write_token_key(folder, policy, Use.POLICY, policy_place),
    )
    return PublicKeys(name, root, policy), files


def _one_key(args: argparse.Namespace, name: str, whose: str, use: Use) -> tuple[Key, Path]:
    """A new key of a role that people do not hold: in a token if one is named, else in a file."""
    folder = workspace(args).keys
    if not args.pkcs11:
        made = make_key(name)
        return made.public_key, write_key(folder, made, use, ask_new(whose, args.passphrase_file))
    token = parse_uri(args.pkcs11[0])
    key, place = new_token_key(token, name, use, ask_old(f"the token {token.token}", args.passphrase_file))
    return key, write_token_key(folder, key, use, place)


def _add(args: argparse.Namespace) -> int:
    if not args.what:
        raise BadCommand("keys add: which public files?", "keys add FILE...; `keys new NAME` writes one")
    people = [read_public(Path(file)) for file in args.what]

    def change(root: Root) -> None:
        for person in people:
            add_person(root, person)

    return _stage(args, change, again=False)


def _remove(args: argparse.Namespace) -> int:
    name = _one(args, "whose keys?")
    return _stage(args, lambda root: remove_person(root, name), again=True)


def _threshold(args: argparse.Namespace) -> int:
    number = _one(args, "how many must sign?")
    if not (number.isascii() and number.isdecimal() and len(number) < 4):
        raise BadCommand(f"keys threshold: {number!r} is not a number", "write it as keys threshold 2")
    return _stage(args, lambda root: set_threshold(root, int(number)), again=False)


def _renew(args: argparse.Namespace) -> int:
    if args.what:
        raise BadCommand("keys renew takes no name", "see --help")
    if STAGED_ROOT in workspace(args).staged():
        raise BadCommand("a change of signers is staged already", "sign and publish that one: it renews the root too")
    return _stage(args, lambda root: None, again=False)


def _replace(args: argparse.Namespace) -> int:
    name = _one(args, "whose keys?")
    if name == ONLINE_OWNER:
        if args.by or args.public:
            raise BadCommand("the on-line key belongs to nobody", "leave --by and --with out")
        return _stage(args, lambda root: _fresh_online(root, args), again=True)
    if args.by and args.public:
        raise BadCommand("--by and --with are two ways", "leave one out: the public file says whose it is")
    public = read_public(args.public) if args.public else None
    return _stage(args, lambda root: _fresh_person(root, name, public, args), again=True)


def _fresh_online(root: Root, args: argparse.Namespace) -> None:
    key, _ = _one_key(args, ONLINE_OWNER, "the on-line key", Use.ONLINE)
    replace_online(root, key)


def _fresh_person(root: Root, name: str, public: PublicKeys | None, args: argparse.Namespace) -> None:
    if public is not None:
        replace_person(root, name, public)
        return
    person = new_person(args.by or name)
    replace_person(root, name, person.public)
    write_person(workspace(args).keys, person, ask_new(person.name, args.passphrase_file))


def _stage(args: argparse.Namespace, change: Callable[[Root], None], *, again: bool) -> int:
    lifetimes = Lifetimes(root=validity(args.valid))
    root = stage_signers(workspace(args), change, now=clock(), lifetimes=lifetimes, again=again)
    people = fingerprints(root)
    print(f"Staged root {root.version}: {root.roles[Role.ROOT].threshold} of {len(people)} must sign.")
    print("\n".join(f"  {name}  {digits}" for name, digits in people))
    print("Next: each signer runs `interdict-policy sign`, then `interdict-policy publish`.")
    return 0


def _delegate(args: argparse.Namespace) -> int:
    """A key that can only weaken: exceptions and pauses. The signers agree to it with the next policy."""
    space, name = workspace(args), _one(args, "who signs exceptions?")
    key, path = _one_key(args, name, name, Use.EXCEPTIONS)
    space.write_exceptions_key(key)
    print(f"{name} may sign exceptions and pauses, and nothing else, once the signers agree: {path}")
    print("Next: sign and publish the policy once more; `sign` shows the new name.")
    return 0


def _list(space: Workspace, *, as_json: bool) -> int:
    rows = key_rows(roots_of_change(space.published(), space.staged())[0], space.keys)
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


def _one(args: argparse.Namespace, question: str) -> str:
    """The one word after the verb."""
    if len(args.what) != 1 or not args.what[0].strip():
        raise BadCommand(f"keys {args.do}: {question}", f"keys {args.do} takes one word; put a name in quotes")
    return str(args.what[0])


DO: Mapping[str, Callable[[argparse.Namespace], int]] = {
    "new": _new,
    "add": _add,
    "remove": _remove,
    "threshold": _threshold,
    "replace": _replace,
    "renew": _renew,
    "delegate": _delegate,
}
