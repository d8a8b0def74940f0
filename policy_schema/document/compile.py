"""From a closed policy to the rulebook's JSON form: instants as numbers, nothing else decided here."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from functools import lru_cache

from policy_schema.rules.instant import parse_instant
from policy_schema.rules.rulebook import FORMAT, Rulebook, needs_more

_instant = lru_cache(maxsize=1024)(parse_instant)
"""Bans of one policy mostly begin together; `strptime` takes a sixth of a large policy's time."""


def compile_policy(closed: Mapping[str, object], version: int, name: str = "") -> dict[str, object]:
    """Compiles a closed policy (as JSON values). `version` is that of the TUF targets role, 0 when unsigned.

    `name` is its `policy_id` where that is known already: a large policy takes time to be written once more.

    Raises:
        ValueError: the result is not a rulebook (a field is missing or of another kind).
    """
    keep = ("organisation", "approved", "catalogue", "tools", "exceptions", "pause", "privacy", "lifted")
    book: dict[str, object] = {key: closed[key] for key in keep if key in closed}
    book["format"] = FORMAT
    book["policy"] = {"id": name or policy_id(closed), "version": version}
    for kind in ("bans", "model_bans"):
        bans = closed[kind]
        if not isinstance(bans, list):
            raise ValueError(f"{kind}: a list is expected")
        book[kind] = [compile_ban(ban) for ban in bans]
    try:
        Rulebook(book)
    except (KeyError, TypeError, AttributeError) as error:
        raise ValueError(f"the policy lacks or misuses {error}") from error
    return book


def policy_id(closed: Mapping[str, object]) -> str:
    """The name of a policy's content: the first 16 hexadecimal digits of the SHA-256 of its canonical bytes."""
    text = json.dumps(closed, sort_keys=True, separators=(",", ":"), ensure_ascii=False) + "\n"
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16]


def compile_ban(ban: Mapping[str, object]) -> dict[str, object]:
    """One ban of a closed policy: its instants as numbers.

    Raises:
        ValueError: an instant, or a list of stages or steps, is none.
    """
    if needs_more(ban):
        # A later agent's ban may have another form: named, and left unread.
        return {"id": ban["id"], "needs": ban["needs"]}
    made = dict(ban)
    made["stages"] = [{**stage, "from": _instant(stage["from"])} for stage in _rows(ban["stages"])]
    made["rollout"] = [{**step, "from": _instant(step["from"])} for step in _rows(ban.get("rollout") or [])]
    limit = ban.get("no_later_than")
    made["no_later_than"] = _instant(str(limit)) if limit else None
    return made


def _rows(value: object) -> list[dict[str, str]]:
    if not isinstance(value, list):
        raise ValueError("a list is expected for stages and rollout")
    return value
