"""A ban never just disappears: lifting one is written down. Author and agent both hold to it."""

from __future__ import annotations

import json
from collections.abc import Mapping

from policy_schema.trust.refusal import Refusal, Refused


def vanished_bans(before: bytes, after: bytes) -> tuple[str, ...]:
    """The bans of one closed policy that the next one neither has nor lifts.

    Raises:
        Refused: one of the two is not a closed policy.
    """
    old, new = _document(before), _document(after)
    kept = _ids(new, "bans") | _ids(new, "model_bans") | _ids(new, "lifted")
    return tuple(sorted((_ids(old, "bans") | _ids(old, "model_bans")) - kept))


def refuse_vanished_bans(before: bytes | None, after: bytes) -> None:
    """Compares with the policy in force, if there is one.

    Raises:
        Refused: a ban is gone without being lifted, or a document cannot be read.
    """
    gone = vanished_bans(before, after) if before is not None else ()
    if gone:
        raise Refused(Refusal.BAN_VANISHED, ", ".join(gone))


def _document(content: bytes) -> Mapping[str, object]:
    try:
        value = json.loads(content)
    except (ValueError, RecursionError):
        raise Refused(Refusal.BAD_DOCUMENT, "policy.json is not JSON") from None
    if not isinstance(value, Mapping):
        raise Refused(Refusal.BAD_DOCUMENT, "policy.json is not a policy")
    return value


def _ids(document: Mapping[str, object], key: str) -> set[str]:
    rows = document.get(key, [])
    if not isinstance(rows, list) or not all(
        isinstance(row, Mapping) and isinstance(row.get("id"), str) for row in rows
    ):
        raise Refused(Refusal.BAD_DOCUMENT, f"{key} is not a list of entries with an id")
    return {str(row["id"]) for row in rows}
