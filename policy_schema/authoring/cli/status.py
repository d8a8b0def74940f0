"""`interdict-policy status`: who has signed, who is missing, what ends when."""

from __future__ import annotations

import argparse
import json
from typing import NamedTuple

from policy_schema.authoring.options import add_folder, clock, day, workspace
from policy_schema.authoring.publishing import load_change
from policy_schema.document.canonical import policy_id
from policy_schema.rules.instant import format_instant
from policy_schema.trust.layout import Role
from policy_schema.trust.metadata import one_signer, owners
from policy_schema.trust.refusal import Refused
from policy_schema.trust.staging import Progress, roots_of_change
from policy_schema.trust.state import published_timestamp
from policy_schema.trust.verify import Verified, verify

NAME = "status"
HELP = "Says who has signed, who is missing, and what ends when."


class Published(NamedTuple):
    """What devices find: a good repository, a bad one, or nothing yet."""

    good: Verified | None
    problem: str | None


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `status` takes."""
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    add_folder(parser)


def run(args: argparse.Namespace) -> int:
    """Exit code 1 when devices would refuse what is published.

    Raises:
        BadFile, Refused: the folder is damaged.
    """
    space, now = workspace(args), clock()
    change = load_change(space)
    root = roots_of_change(change.published, change.staged)[0]
    published = Published(None, None)
    if published_timestamp(change.published) is not None:
        try:
            published = Published(verify(change.published, space.trust(), now=now), None)
        except Refused as error:
            published = Published(None, f"{error}; {error.advice()}")
    people, threshold = owners(root, Role.TARGETS), root.get_delegated_role(Role.TARGETS).threshold
    if args.json:
        document = {
            "signers": people,
            "threshold": threshold,
            "solo": one_signer(root),
            "published": _published_json(published),
            "staged": [_part_json(part) for part in change.parts],
        }
        print(json.dumps(document, ensure_ascii=False, indent=2))
    else:
        alone = "ONE SIGNER: " if one_signer(root) else ""
        print(f"Signers    {alone}{threshold} of {', '.join(people)}")
        _print_published(published, now)
        _print_staged(change.parts)
    return 1 if published.problem else 0


def _print_published(published: Published, now: int) -> None:
    if published.problem:
        print(f"Published  refused by every device: {published.problem}")
    elif published.good is None:
        print("Published  nothing yet")
    else:
        good = published.good
        print(f"Published  version {good.version}, id {policy_id(good.policy)}, signed by {', '.join(good.signers)}")
        for role, when in sorted(good.expires, key=lambda row: row[1]):
            print(f"           {role} ends {day(when)}, in {(when - now) // 86_400} days")


def _print_staged(parts: tuple[Progress, ...]) -> None:
    if not parts:
        print("Staged     nothing")
    for part in parts:
        state = "complete" if part.complete else f"{len(part.signed)} of {part.threshold}"
        print(f"Staged     {part.role} version {part.version}: {state}")
        print(f"           signed: {', '.join(part.signed) or 'nobody'}")
        print(f"           could still sign: {', '.join(part.missing) or 'nobody'}")


def _published_json(published: Published) -> dict[str, object] | None:
    if published.problem:
        return {"good": False, "problem": published.problem}
    if published.good is None:
        return None
    good = published.good
    expires = {role: format_instant(when) for role, when in good.expires}
    return {
        "good": True,
        "version": good.version,
        "id": policy_id(good.policy),
        "signers": good.signers,
        "expires": expires,
    }


def _part_json(part: Progress) -> dict[str, object]:
    return {**part._asdict(), "expires": format_instant(part.expires)}
