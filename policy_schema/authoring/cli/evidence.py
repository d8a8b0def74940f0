"""`interdict-policy evidence`: do the claims hold that a ban rests on? Anybody can look again."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from policy_schema.authoring.evidence import Answer, Checked, Looked, check_claims
from policy_schema.authoring.policies import HELP as NAMES
from policy_schema.authoring.policies import policy_named
from policy_schema.authoring.registries import Archives
from policy_schema.document.problems import printable
from policy_schema.errors import BadCommand

NAME = "evidence"
HELP = "Looks into the packages that claims name, and says claim by claim whether it holds."
WORDS = {
    Answer.HOLDS: "HOLDS",
    Answer.DOES_NOT_HOLD: "DOES NOT HOLD",
    Answer.CANNOT_BE_CHECKED: "CANNOT BE CHECKED",
}
LIMIT = (
    "A text in a program shows that it is there, not what anybody did with it; where it is not, the same may be "
    "written otherwise. Versions that are not named were not looked at."
)


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `evidence` takes."""
    parser.add_argument("policy", metavar="POLICY", help=NAMES)
    parser.add_argument(
        "--from", dest="folder", type=Path, metavar="DIR", help="take the archives from here, ask no registry"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Looks. Exit code 1 if a claim does not hold, or a confirmed one with a check could not be checked.

    Raises:
        BadFile, BadDocument, BadCommand: the policy or the folder cannot be used.
    """
    if args.folder is not None and not args.folder.is_dir():
        raise BadCommand(
            f"--from {args.folder}: is no folder", "name one that holds archives, as `npm pack` writes them"
        )
    policy = policy_named(args.policy)
    with tempfile.TemporaryDirectory(prefix="interdict-evidence-") as scratch:
        claims = list(check_claims(policy.document, Archives(args.folder, Path(scratch)), _progress))
    _progress("")
    if args.json:
        print(
            json.dumps(
                {"policy": policy.id, "claims": [_json(claim) for claim in claims]}, ensure_ascii=False, indent=2
            )
        )
    else:
        print("\n".join(printable(line) for claim in claims for line in _lines(claim)) or "No ban has a claim.")
        print(LIMIT)
    return 1 if any(_failed(claim) for claim in claims) else 0


def _failed(claim: Checked) -> bool:
    if claim.answer is Answer.DOES_NOT_HOLD:
        return claim.standing != "withdrawn"
    return claim.answer is Answer.CANNOT_BE_CHECKED and bool(claim.package) and claim.standing == "confirmed"


def _lines(claim: Checked) -> Iterator[str]:
    yield f"{WORDS[claim.answer]}  {claim.ban}: {claim.claim} ({claim.standing})"
    if not claim.package:
        yield "    it has no check: look at its source"
    else:
        yield f"    {claim.package} contains {_all(claim.texts)}:"
    yield from (f"    {_version(row)}" for row in claim.looked)


def _version(row: Looked) -> str:
    if row.contains is None:
        return f"{row.version}: not known: {row.trouble}"
    said = "yes" if row.contains else f"no ({_all(row.missing)} not there)"
    expected = "as claimed" if row.as_claimed else f"claimed: {'yes' if row.expected else 'no'}"
    return f"{row.version}: {said}, {expected}; looked into {', '.join(row.archives)}"


def _all(texts: Sequence[str]) -> str:
    return " and ".join(f'"{text}"' for text in texts)


def _json(claim: Checked) -> dict[str, object]:
    return {
        "ban": claim.ban,
        "claim": claim.claim,
        "standing": claim.standing,
        "answer": claim.answer,
        "package": claim.package or None,
        "texts": claim.texts,
        "versions": [row._asdict() | {"as_claimed": row.as_claimed} for row in claim.looked],
    }


def _progress(text: str) -> None:
    if sys.stderr.isatty():
        sys.stderr.write(f"\r\x1b[K{text}")
        sys.stderr.flush()
