"""What is being signed, in lines that a person can check: whose, which bans, when, and what changes by it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from policy_schema.document.canonical import Json, canonical_bytes, policy_id
from policy_schema.document.closed import ClosedPolicy
from policy_schema.document.diff import Change, Way, differences
from policy_schema.document.problems import printable

MARKS = {Way.STRONGER: "+", Way.WEAKER: "-", Way.NEITHER: " "}
"""How a change is marked in front of its line."""


def summary(closed: ClosedPolicy, before: ClosedPolicy | None, version: int) -> list[str]:
    """The lines that `sign` shows. `before` is the policy in force, None for the first one."""
    document = closed.document
    old = _by_id(before.document if before else {}, "bans")
    lines = [
        f"Organisation  {_text(document, 'organisation', 'name')}",
        f"Policy        version {version}, id {policy_id(canonical_bytes(closed))}, "
        f"catalogue {_text(document, 'catalogue', 'version')}",
    ]
    for name, ban in _by_id(document, "bans").items():
        lines.append(f"Ban           {name} ({_change(ban, old.get(name))}): {', '.join(_targets(ban))}")
        lines += [f"              from {stage}" for stage in _stages(ban)]
    for name in _by_id(document, "model_bans"):
        lines.append(f"Model ban     {name}")
    lines += [f"Lifted        {name}" for name in _by_id(document, "lifted") if name in old]
    if before is not None:
        lines += [f"Change        {line}" for line in change_lines(differences(before, closed))]
    return [printable(line) for line in lines]


def change_lines(changes: Sequence[Change]) -> list[str]:
    """Changes as lines, `+` for stronger and `-` for weaker, and the sum of them."""
    if not changes:
        return ["Nothing changes."]
    lines = [f"{MARKS[change.way]} {change.about}: {change.text}" for change in changes]
    counts = {way: sum(1 for change in changes if change.way is way) for way in Way}
    total = ", ".join(f"{number} {way}" for way, number in counts.items() if number)
    noun = "change" if len(changes) == 1 else "changes"
    return [printable(line) for line in lines] + [f"{len(changes)} {noun}: {total}."]


def _change(ban: Json, before: Json | None) -> str:
    return "new" if before is None else "as before" if before == ban else "changed"


def _targets(ban: Mapping[str, Json]) -> Iterator[str]:
    for target in _rows(ban.get("targets")):
        versions = target.get("versions")
        yield f"{target.get('tool')} {versions}" if versions else f"{target.get('tool')}"


def _stages(ban: Mapping[str, Json]) -> Iterator[str]:
    for stage in _rows(ban.get("stages")):
        yield f"{stage.get('from')} {stage.get('action')}"


def _by_id(document: Mapping[str, Json], key: str) -> dict[str, dict[str, Json]]:
    return {str(row.get("id")): row for row in _rows(document.get(key))}


def _rows(value: Json | None) -> list[dict[str, Json]]:
    return [row for row in value if isinstance(row, dict)] if isinstance(value, list) else []


def _text(document: Mapping[str, Json], *keys: str) -> str:
    value: Json = dict(document)
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return str(value) if value is not None else "not named"
