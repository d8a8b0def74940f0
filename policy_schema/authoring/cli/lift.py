"""`interdict-policy lift`: takes a ban out of a policy and writes under `lifted` that and why it is over."""

from __future__ import annotations

import argparse
import io
from datetime import UTC, datetime
from pathlib import Path

from ruamel.yaml import YAML
from ruamel.yaml.comments import CommentedMap, CommentedSeq
from ruamel.yaml.error import YAMLError
from ruamel.yaml.scalarstring import DoubleQuotedScalarString as Quoted

from policy_schema.authoring.files import write_file
from policy_schema.authoring.options import clock
from policy_schema.authoring.summary import change_lines
from policy_schema.document.canonical import encode
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.close import close_policy
from policy_schema.document.closed import ClosedPolicy, parse_closed
from policy_schema.document.diff import differences
from policy_schema.document.lint import checked_policy, lint_bytes
from policy_schema.document.policy import QuarantineAfter
from policy_schema.document.problems import Level
from policy_schema.document.source import read_document
from policy_schema.errors import BadCommand, BadDocument

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
    """Changes the file, or leaves it as it was.

    Raises:
        BadCommand: the policy has no such ban.
        BadFile, BadDocument: it cannot be used, before or afterwards.
    """
    before = _closed(args.file)
    text = lifted(read_document(args.file).decode("utf-8"), args.ban, args.reason, args.quarantine, _today())
    problems = [p for p in lint_bytes(text.encode(), str(args.file), load_catalogue()) if p.level is Level.ERROR]
    if problems:
        raise BadDocument(problems)
    write_file(args.file, text.encode())
    print("\n".join(change_lines(differences(before, _closed(args.file)))))
    print("Next: sign and publish it. Devices then release what they hold and tell people that it is over.")
    return 0


def lifted(text: str, ban: str, reason: str, quarantine: str, today: str) -> str:
    """The text of a policy with one ban lifted.

    Raises:
        BadCommand: it has no such ban, or is not YAML.
    """
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    try:
        document = yaml.load(text)
    except YAMLError as error:
        raise BadCommand("the policy is not YAML", "run `interdict-policy lint` on it") from error
    kinds = [kind for kind in ("bans", "model_bans") for row in _rows(document, kind) if row.get("id") == ban]
    if not kinds:
        known = ", ".join(str(row.get("id")) for kind in ("bans", "model_bans") for row in _rows(document, kind))
        raise BadCommand(f"there is no ban {ban!r} in it", f"its bans: {known or 'none'}")
    rows = document[kinds[0]]
    del rows[next(number for number, row in enumerate(rows) if row.get("id") == ban)]
    if not rows:
        del document[kinds[0]]
    language = str(document["organisation"]["default_language"])
    entry = CommentedMap(id=Quoted(ban), date=Quoted(today))
    entry["reason"] = CommentedMap({language: Quoted(reason)})
    entry["quarantine"] = Quoted(quarantine)
    if not isinstance(document.get("lifted"), CommentedSeq):
        document["lifted"] = CommentedSeq()
    document["lifted"].append(entry)
    out = io.StringIO()
    yaml.dump(document, out)
    return out.getvalue()


def _rows(document: object, kind: str) -> list[CommentedMap]:
    rows = document.get(kind) if isinstance(document, CommentedMap) else None
    return [row for row in rows if isinstance(row, CommentedMap)] if isinstance(rows, CommentedSeq) else []


def _closed(path: Path) -> ClosedPolicy:
    catalogue = load_catalogue()
    return parse_closed(encode(dict(close_policy(checked_policy(path, catalogue), catalogue).document)))


def _today() -> str:
    return datetime.fromtimestamp(clock(), UTC).strftime("%Y-%m-%d")
