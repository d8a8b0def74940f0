"""`interdict-policy lift`: takes a ban out of a policy and writes under `lifted` that and why it is over."""

from __future__ import annotations

import argparse
import io
from collections.abc import Iterator, Mapping
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
from policy_schema.document.lint import checked_policy, lint_text
from policy_schema.document.load import decode, load_policy
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
    """Changes the file, or the one that it includes the ban from and itself; or leaves all as they were.

    Raises:
        BadCommand: the policy has no such ban.
        BadFile, BadDocument: it cannot be used, before or afterwards.
    """
    main: Path = args.file
    before = _closed(main)
    names = ["", *load_policy(main).include]
    texts = {name: decode(read_document(main.parent / name if name else main), name or str(main)) for name in names}
    changed = lifted(texts, args.ban, args.reason, args.quarantine, _today())
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


def lifted(texts: Mapping[str, str], ban: str, reason: str, quarantine: str, today: str) -> dict[str, str]:
    """The texts that change when a ban is lifted, by name; the policy itself is called ``""``.

    Raises:
        BadCommand: there is no such ban, or a text is not YAML.
    """
    documents = {name: _loaded(text) for name, text in texts.items()}
    places = [(name, kind) for name, kind, row in _bans(documents) if row.get("id") == ban]
    if not places:
        known = ", ".join(str(row.get("id")) for _, _, row in _bans(documents))
        raise BadCommand(f"there is no ban {ban!r} in it", f"its bans: {known or 'none'}")
    name, kind = places[0]
    rows = documents[name][kind]
    del rows[next(number for number, row in enumerate(rows) if row.get("id") == ban)]
    if not rows:
        documents[name][kind] = CommentedSeq()
        documents[name][kind].fa.set_flow_style()
    main = documents[""]
    entry = CommentedMap(id=Quoted(ban), date=Quoted(today))
    entry["reason"] = CommentedMap({str(main["organisation"]["default_language"]): Quoted(reason)})
    entry["quarantine"] = Quoted(quarantine)
    if not main.get("lifted"):
        main["lifted"] = CommentedSeq()
    main["lifted"].append(entry)
    return {changed: _dumped(documents[changed]) for changed in dict.fromkeys((name, ""))}


def _loaded(text: str) -> CommentedMap:
    try:
        document = _yaml().load(text)
    except YAMLError as error:
        raise BadCommand("the policy is not YAML", "run `interdict-policy lint` on it") from error
    return document if isinstance(document, CommentedMap) else CommentedMap()


def _dumped(document: CommentedMap) -> str:
    out = io.StringIO()
    _yaml().dump(document, out)
    return out.getvalue()


def _yaml() -> YAML:
    yaml = YAML()
    yaml.preserve_quotes = True
    yaml.width = 4096
    yaml.indent(mapping=2, sequence=4, offset=2)
    return yaml


def _bans(documents: Mapping[str, CommentedMap]) -> Iterator[tuple[str, str, CommentedMap]]:
    """Every ban: the file, `bans` or `model_bans`, the row."""
    for name, document in documents.items():
        for kind in ("bans", "model_bans"):
            yield from ((name, kind, row) for row in _rows(document, kind))


def _rows(document: object, kind: str) -> list[CommentedMap]:
    rows = document.get(kind) if isinstance(document, CommentedMap) else None
    return [row for row in rows if isinstance(row, CommentedMap)] if isinstance(rows, CommentedSeq) else []


def _closed(path: Path) -> ClosedPolicy:
    catalogue = load_catalogue()
    return parse_closed(encode(dict(close_policy(checked_policy(path, catalogue), catalogue).document)))


def _today() -> str:
    return datetime.fromtimestamp(clock(), UTC).strftime("%Y-%m-%d")
