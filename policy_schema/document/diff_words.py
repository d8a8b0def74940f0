"""How parts of a closed policy read in a sentence. Pure."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping

from policy_schema.document.canonical import Json
from policy_schema.rules.decision import Action
from policy_schema.rules.instant import Instant, parse_instant

Row = Mapping[str, Json]


def span(seconds: int) -> str:
    """A duration in its two largest units: `3 days`, `1 day 6 hours`, `30 seconds`."""
    units = (("day", 86_400), ("hour", 3_600), ("minute", 60), ("second", 1))
    parts: list[str] = []
    for word, size in units:
        number, seconds = divmod(seconds, size)
        if number and len(parts) < 2:
            parts.append(f"{number} {word}" if number == 1 else f"{number} {word}s")
    return " ".join(parts) or "no time"


def days(number: int) -> str:
    """A number of days in words."""
    return span(number * 86_400)


def apart(before: object, after: object) -> tuple[list[str], list[str]]:
    """What only the first and what only the second holds, flattened to text."""
    was, now = list(flat(before)), list(flat(after))
    return [one for one in was if one not in now], [one for one in now if one not in was]


def flat(value: object) -> Iterator[str]:
    """Every single thing in a value, as text."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            if isinstance(inner, list):
                yield from (f"{key} {one}" for one in flat(inner))
            elif inner is not None:
                yield f"{key} {said(inner)}"
    elif isinstance(value, list):
        yield from (said(one) for one in value)


def said(value: object) -> str:
    """A value as a person reads it."""
    if isinstance(value, Mapping):
        return ", ".join(f"{key} {said(inner)}" for key, inner in value.items() if inner not in (None, [], {}))
    if isinstance(value, list):
        return list_of(said(one) for one in value)
    return f'"{value}"' if isinstance(value, str) and " " in value else "nothing" if value is None else str(value)


def list_of(texts: Iterable[str]) -> str:
    """Texts one after the other."""
    return ", ".join(texts) or "nothing"


def targets(ban: Row) -> list[str]:
    """The targets of a closed ban, each with its range."""
    rows = [fields(target) for target in items(ban.get("targets"))]
    return [f"{row.get('tool')} {row['versions']}" if row.get("versions") else str(row.get("tool")) for row in rows]


def stage_rows(ban: Row) -> dict[Action, Row]:
    """The stages of a closed ban by action."""
    return {Action(str(fields(row).get("action"))): fields(row) for row in items(ban.get("stages"))}


def stages_said(ban: Row) -> str:
    """When each stage begins."""
    return list_of(f"{action} from {row.get('from')}" for action, row in stage_rows(ban).items())


def rings(ban: Row) -> list[str]:
    """The steps of a rollout."""
    rows = [fields(row) for row in items(ban.get("rollout"))]
    return [f"{ring(row)} from {row.get('from')}" for row in rows]


def ring(row: Row) -> str:
    """Who is in one step of a rollout."""
    return f"{row['percent']} %" if row.get("percent") is not None else f"groups {list_of(strings(row.get('groups')))}"


def claims(ban: Row) -> dict[str, Row]:
    """The claims of a ban by their words."""
    return {str(fields(row).get("claim")): fields(row) for row in items(ban.get("claims"))}


def claim_said(text: str, before: Row | None, after: Row | None) -> str:
    """What is different about one claim."""
    if after is None:
        return f'claim "{text}" is gone'
    standing = str(after.get("standing"))
    if before is None:
        return f'claim "{text}" is new ({standing})'
    if before.get("standing") != standing:
        return f'claim "{text}" is {standing} instead of {before.get("standing")}'
    return f'claim "{text}" is told differently'


def by_id(document: Row, key: str) -> dict[str, Row]:
    """The rows of a part of the document by id."""
    return {str(fields(row).get("id")): fields(row) for row in items(document.get(key))}


def instant(value: Json) -> Instant:
    """An instant of the closed document."""
    return parse_instant(str(value))


def number(value: Json | None) -> int:
    """A number of the closed document; 0 where there is none."""
    return value if isinstance(value, int) else 0


def strings(value: Json | None) -> list[str]:
    """A list of texts of the closed document."""
    return [str(one) for one in items(value)]


def items(value: Json | None) -> list[Json]:
    """A list of the closed document; empty where there is none."""
    return value if isinstance(value, list) else []


def fields(value: object) -> Row:
    """A part of the closed document; empty where there is none."""
    return value if isinstance(value, Mapping) else {}
