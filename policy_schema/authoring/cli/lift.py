"""`interdict-policy lift`: takes a ban out of a policy and writes under `lifted` that and why it is over."""

from __future__ import annotations

import argparse
from datetime import UTC, datetime
from pathlib import Path

from policy_schema.authoring.files import write_file
from policy_schema.authoring.lifting import Entry, lifted
from policy_schema.authoring.options import clock
from policy_schema.authoring.summary import change_lines
from policy_schema.document.canonical import encode
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.closed import ClosedPolicy, parse_closed
from policy_schema.document.diff import differences
from policy_schema.document.lint import checked_policy, lint_text
from policy_schema.document.load import decode, load_policy
from policy_schema.document.policy import QuarantineAfter
from policy_schema.document.problems import Level
from policy_schema.document.source import read_document
from policy_schema.errors import BadDocument

NAME = "lift"
HELP = "Takes a ban out of a policy and writes that it is over; the comments stay."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `lift` takes."""
    parser.add_argument("ban", metavar="BAN")
    parser.add_argument("file", type=Path, metavar="FILE", help="the policy, in YAML; it is changed")
    parser.add_argument("--reason", required=True, metavar="TEXT", help="why, in the organisation's default language")
    parser.add_argument(
        "--quarantine",
        choices=[after.value for after in QuarantineAfter],
        default=QuarantineAfter.OFFER.value,
        help="what happens to quarantined copies (default: offer)",
    )


def run(args: argparse.Namespace) -> int:
    """Changes the file, or the one that it includes the ban from and itself; or leaves all as they were.

    Raises:
        BadCommand: the policy has no such ban.
        BadFile, BadDocument: it cannot be used, before or afterwards.
    """
    main: Path = args.file
    before = _closed(main)
    policy = load_policy(main)
    names = ["", *policy.include]
    texts = {name: decode(read_document(main.parent / name if name else main), name or str(main)) for name in names}
    language = policy.organisation.default_language
    changed = lifted(texts, Entry(args.ban, _today(), language, args.reason, args.quarantine))
    after = texts | changed
    found = lint_text(after[""], str(main), load_catalogue(), after.__getitem__)
    problems = [problem for problem in found if problem.level is Level.ERROR]
    if problems:
        raise BadDocument(problems)
    for name in changed:
        write_file(main.parent / name if name else main, changed[name].encode())
    print("\n".join(change_lines(differences(before, _closed(main)))))
    print("Next: sign and publish it. Devices then release what they hold and tell people that it is over.")
    return 0


def _closed(path: Path) -> ClosedPolicy:
    catalogue = load_catalogue()
    return parse_closed(encode(dict(close_policy(checked_policy(path, catalogue), catalogue).document)))


def _today() -> str:
    return datetime.fromtimestamp(clock(), UTC).strftime("%Y-%m-%d")
