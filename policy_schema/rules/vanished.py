"""A ban that merely vanished stays in force: lifting is written, forgetting is not lifting.

An empty or cut-off policy that was taken as "no rules" is what hurt others (google/santa #926).
"""

from __future__ import annotations

from collections.abc import Mapping


def keep_vanished(
    old: Mapping[str, object] | None, new: Mapping[str, object]
) -> tuple[dict[str, object], tuple[str, ...]]:
    """Adds to a new rulebook the bans of the old one that it neither has nor lifts.

    Returns the rulebook to use and the ids of what was kept. Pure: the arguments are not changed.
    """
    made = dict(new)
    if old is None:
        return made, ()
    known = {str(row["id"]) for key in ("bans", "model_bans", "lifted") for row in _rows(new.get(key))}
    names: list[str] = []
    for kind in ("bans", "model_bans"):
        kept = [ban for ban in _rows(old.get(kind)) if str(ban["id"]) not in known]
        if kept:
            made[kind] = [*_rows(new.get(kind)), *kept]
            names += [str(ban["id"]) for ban in kept]
    if names:
        made["tools"] = {**_table(old.get("tools")), **_table(new.get("tools"))}
    return made, tuple(names)


def _rows(value: object) -> list[Mapping[str, object]]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _table(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}
