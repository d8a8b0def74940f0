"""`interdict-policy verify`: for auditors: is what lies there signed as it must be, and by whom?"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from policy_schema.authoring.download import download
from policy_schema.authoring.files import read_folders
from policy_schema.authoring.options import clock, day
from policy_schema.authoring.workspace import LIMIT, REPOSITORY
from policy_schema.document.canonical import policy_id
from policy_schema.document.closed import parse_closed
from policy_schema.document.source import read_document
from policy_schema.errors import BadCommand, BadDocument, BadFile
from policy_schema.rules.instant import format_instant
from policy_schema.trust.layout import LIMITS, Role, metadata_path
from policy_schema.trust.refusal import Refusal, Refused
from policy_schema.trust.verify import Verified, verify

NAME = "verify"
HELP = "Verifies a published repository, in a folder or at an address, and names its signers."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `verify` takes."""
    parser.add_argument("where", metavar="DIR|URL", help="a folder with a repository, or where it is served")
    parser.add_argument("--trust-root", type=Path, metavar="FILE", help="the first root, from a source that you trust")
    parser.add_argument("--json", action="store_true", help="print one JSON document")


def run(args: argparse.Namespace) -> int:
    """Exit code 0 when every role and the policy are good, 1 when not: also when only the exceptions are not.

    Raises:
        BadFile, BadCommand: it cannot be read.
        Refused: it cannot be reached.
    """
    own = args.trust_root is None
    trust = None if own else read_document(args.trust_root, LIMITS[Role.ROOT])
    try:
        files = read_repository(args.where, with_first_root=own)
        trust = files.get(metadata_path(Role.ROOT, 1)) if trust is None else trust
        if trust is None:
            raise BadCommand(f"{args.where}: has no first root in it", "give --trust-root FILE")
        found = verify(files, trust, now=clock())
        bans = _bans(found)
    except Refused as error:
        if error.code is Refusal.UNREACHABLE:
            raise
        return _not_good(error, as_json=args.json)
    _show(found, bans, own=own, as_json=args.json)
    return 1 if found.granted.trouble else 0


def read_repository(where: str, *, with_first_root: bool) -> dict[str, bytes]:
    """The files of a repository, from an address, an author's folder, or the folder that is served.

    Raises:
        Refused: nothing answers, or what answers is no repository.
        BadFile: there is no such folder.
    """
    if where.startswith(("https://", "http://")):
        return download(where, first=1 if with_first_root else 2)
    folder = Path(where)
    if not folder.is_dir():
        raise BadFile(f"{where}: not a folder", "name the folder that is served, or an address with https://")
    served = folder / "repository" if (folder / "repository").is_dir() else folder
    return read_folders(served, REPOSITORY, LIMIT)


def _bans(found: Verified) -> list[str]:
    try:
        rows = parse_closed(found.policy).document.get("bans")
    except BadDocument as error:
        raise Refused(Refusal.BAD_DOCUMENT, str(error)) from error
    return [str(row["id"]) for row in rows if isinstance(row, dict)] if isinstance(rows, list) else []


def _not_good(error: Refused, *, as_json: bool) -> int:
    if as_json:
        print(json.dumps({"good": False, "code": error.code, "message": str(error)}, ensure_ascii=False, indent=2))
    else:
        print(f"NOT GOOD  {error.code}: {error}")
    return 1


def _show(found: Verified, bans: list[str], *, own: bool, as_json: bool) -> None:
    if as_json:
        document = {
            "good": True,
            "version": found.version,
            "id": policy_id(found.policy),
            "signers": found.signers,
            "threshold": found.threshold,
            "solo": found.solo,
            "own_root": own,
            "signed_at": format_instant(found.signed_at),
            "expires": {role: format_instant(when) for role, when in found.expires},
            "bans": bans,
            "exceptions": {
                "version": found.granted.version,
                "documents": sorted(found.granted.documents),
                "trouble": found.granted.trouble,
            },
        }
        print(json.dumps(document, ensure_ascii=False, indent=2))
        return
    alone = "ONE SIGNER: " if found.solo else ""
    print(f"GOOD      version {found.version}, id {policy_id(found.policy)}, bans: {', '.join(bans) or 'none'}")
    print(f"Signed    {alone}{', '.join(found.signers)} ({found.threshold} needed), last at {day(found.signed_at)}")
    print("Ends      " + ", ".join(f"{role} {day(when)}" for role, when in found.expires))
    if found.granted.trouble:
        print(f"NOT GOOD  exceptions and pauses: {found.granted.trouble}")
    elif found.granted.version:
        count = len(found.granted.documents)
        print(f"Weakened  exceptions and pauses, version {found.granted.version}: {count} documents")
    if own:
        print("The first root came from the repository itself: compare it with a device's, or give --trust-root.")
