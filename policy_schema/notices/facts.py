"""What a notice needs of a closed policy, read once from its plain JSON values.

A ban comes either as it was signed (`"2026-07-10T01:00:00Z"`) or as it was compiled (seconds).
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import NamedTuple
from zoneinfo import ZoneInfo

from policy_schema.notices.language import choose
from policy_schema.rules.instant import parse_instant

Values = Mapping[str, object]


class Link(NamedTuple):
    """An address with its title."""

    title: str
    url: str


class Claim(NamedTuple):
    """What the ban rests on, and how sure anybody is."""

    text: str
    standing: str
    disputed_by: str
    says: str
    fixed_in: str
    source: str


class Ban(NamedTuple):
    """One ban, or one entry under `lifted`, in one language."""

    id: str
    organisation: str
    zone: ZoneInfo | None
    reason: str
    reason_language: str
    claims: tuple[Claim, ...]
    alternatives: tuple[Link, ...]
    links: tuple[Link, ...]
    help: str
    decided_by: str
    reference: str
    stages: Mapping[str, int]
    let_finish: int
    min_notice: int
    no_later_than: int | None
    update: bool
    after: str
    """For an entry under `lifted`: what happens to what was put aside (restore, offer, keep)."""
    families: tuple[str, ...]
    """Of a model ban."""
    versions: Mapping[str, str]
    """Tool to the range of its versions that the ban names."""


def read_ban(organisation: Values, ban: Values, wanted: tuple[str, ...]) -> Ban:
    """Reads a ban for somebody who wants these languages."""
    reasons = {str(key): str(value) for key, value in _map(ban.get("reason")).items()}
    default = str(organisation.get("default_language") or "en")
    language = choose(wanted, tuple(reasons), default)
    decision, limit = _map(ban.get("decision")), ban.get("no_later_than")
    stages = [_map(stage) for stage in _list(ban.get("stages"))]
    return Ban(
        id=str(ban.get("id")),
        organisation=str(organisation.get("name")),
        zone=zone_of(str(organisation.get("time_zone"))),
        reason=reasons.get(language, ""),
        reason_language=language,
        claims=tuple(_claim(_map(claim)) for claim in _list(ban.get("claims"))),
        alternatives=tuple(Link(_text(a, "name"), _text(a, "url")) for a in map(_map, _list(ban.get("alternatives")))),
        links=tuple(Link(_text(link, "title"), _text(link, "url")) for link in map(_map, _list(ban.get("links")))),
        help=_text(_map(organisation.get("contacts")), "help"),
        decided_by=_text(decision, "by"),
        reference=_text(decision, "reference"),
        stages={str(stage["action"]): _instant(stage["from"]) for stage in reversed(stages)},
        let_finish=max(
            (_number(s.get("let_finish")) for s in stages if s.get("action") in ("block", "remove")), default=0
        ),
        min_notice=_number(ban.get("min_notice")),
        no_later_than=_instant(limit) if limit is not None else None,
        update=ban.get("cure") == "update",
        after=_text(ban, "quarantine"),
        families=tuple(str(family) for family in _list(ban.get("families"))),
        versions={_text(t, "tool"): _text(t, "versions") for t in map(_map, _list(ban.get("targets")))},
    )


def zone_of(name: str) -> ZoneInfo | None:
    """The organisation's time zone; None on a machine without time-zone data: times are then shown in UTC."""
    try:
        return ZoneInfo(name)
    except (OSError, ValueError, KeyError):
        return None


def _claim(claim: Values) -> Claim:
    dispute = _map(claim.get("disputed_by"))
    return Claim(
        text=_text(claim, "claim"),
        standing=_text(claim, "standing"),
        disputed_by=_text(dispute, "who"),
        says=_text(dispute, "says"),
        fixed_in=_text(claim, "fixed_in"),
        source=_text(claim, "source"),
    )


def _instant(value: object) -> int:
    return value if isinstance(value, int) else int(parse_instant(str(value)))


def _number(value: object) -> int:
    return value if isinstance(value, int) else 0


def _text(values: Values, key: str) -> str:
    return str(values.get(key) or "")


def _map(value: object) -> Values:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else []
