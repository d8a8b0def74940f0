"""A closed policy as the console's values. Its bytes were verified and checked before they were kept: nothing is
refused here, and what an older or newer document lacks is empty. Pure."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from typing import Any

from console.policy.interface import (
    Alternative,
    Ban,
    Claim,
    Decision,
    Lifted,
    Policy,
    Ring,
    Stage,
    Target,
    Version,
)
from policy_schema.rules.instant import parse_instant

Fields = Mapping[str, Any]


def read_policy(version: Version, document: bytes) -> Policy:
    """The policy of these bytes."""
    fields = _fields(json.loads(document))
    tools = {name: _fields(tool) for name, tool in _fields(fields.get("tools")).items()}
    names = {name: _text(tool.get("name")) or name for name, tool in tools.items()}
    organisation = _fields(fields.get("organisation"))
    of_tools = (read_ban(row, tools) for row in _rows(fields.get("bans")))
    of_models = (read_ban(row, tools) for row in _rows(fields.get("model_bans")))
    return Policy(
        version=version,
        bans=(*of_tools, *of_models),
        lifted=tuple(_lifted(row) for row in _rows(fields.get("lifted"))),
        approved=_texts(fields.get("approved")),
        contacts=_mapped(organisation.get("contacts")),
        time_zone=_text(organisation.get("time_zone")),
        default_language=_text(organisation.get("default_language")),
        max_days=_number(_fields(fields.get("exceptions")).get("max_days")),
        pending_hold=_number(_fields(fields.get("exceptions")).get("pending_hold")),
        pause_max=_number(_fields(fields.get("pause")).get("max")),
        pause_automatic=_number(_fields(fields.get("pause")).get("automatic")),
        tools=names,
        document=document,
    )


def organisation_of(document: bytes) -> str:
    """Whose policy it is."""
    return _text(_fields(_fields(json.loads(document)).get("organisation")).get("name"))


def read_ban(row: Fields, tools: Mapping[str, Fields]) -> Ban:
    """One ban; a ban that needs a newer program is named and left unread."""
    scope = _fields(row.get("scope"))
    limit = row.get("no_later_than")
    return Ban(
        id=_text(row.get("id")),
        targets=tuple(_target(one, tools) for one in _rows(row.get("targets"))),
        families=_texts(row.get("families")),
        classification=_text(row.get("classification")),
        decision=Decision(**{key: _text(_fields(row.get("decision")).get(key)) for key in Decision._fields}),
        reasons=_mapped(row.get("reason")),
        claims=tuple(_claim(one) for one in _rows(row.get("claims"))),
        alternatives=tuple(
            Alternative(_text(one.get("name")), _text(one.get("tool")), _text(one.get("url")))
            for one in _rows(row.get("alternatives"))
        ),
        links=tuple((_text(one.get("title")), _text(one.get("url"))) for one in _rows(row.get("links"))),
        stages=tuple(sorted(_stages(row))),
        rings=tuple(sorted(_rings(row))),
        scope={key: _texts(value) for key, value in scope.items() if _texts(value)},
        min_notice=_number(row.get("min_notice")),
        no_later_than=_instant(limit) if limit else None,
        cure=_text(row.get("cure")),
        needs=_texts(row.get("needs")),
    )


def _target(row: Fields, tools: Mapping[str, Fields]) -> Target:
    name = _text(row.get("tool"))
    tool = tools.get(name, {})
    return Target(name, _text(tool.get("name")) or name, _text(tool.get("vendor")), _text(row.get("versions")))


def _claim(row: Fields) -> Claim:
    dispute = _fields(row.get("disputed_by"))
    return Claim(
        claim=_text(row.get("claim")),
        standing=_text(row.get("standing")),
        disputed_by=_text(dispute.get("who")),
        says=_text(dispute.get("says")),
        dispute_source=_text(dispute.get("source")),
        fixed_in=_text(row.get("fixed_in")),
        source=_text(row.get("source")),
        checkable=bool(row.get("check")),
    )


def _stages(row: Fields) -> Iterator[Stage]:
    for one in _rows(row.get("stages")):
        yield Stage(
            _instant(one.get("from")),
            _text(one.get("action")),
            _number(one.get("let_finish")),
            _number(one.get("kill_after")),
        )


def _rings(row: Fields) -> Iterator[Ring]:
    for one in _rows(row.get("rollout")):
        yield Ring(_instant(one.get("from")), _texts(one.get("groups")), _number(one.get("percent")))


def _lifted(row: Fields) -> Lifted:
    return Lifted(
        _text(row.get("id")), _text(row.get("date")), _mapped(row.get("reason")), _text(row.get("quarantine"))
    )


def _instant(value: object) -> int:
    try:
        return parse_instant(_text(value))
    except ValueError:
        return 0


def _fields(value: object) -> Fields:
    return value if isinstance(value, Mapping) else {}


def _rows(value: object) -> list[Fields]:
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def _mapped(value: object) -> dict[str, str]:
    return {key: _text(text) for key, text in _fields(value).items()}


def _texts(value: object) -> tuple[str, ...]:
    return tuple(text for text in value if isinstance(text, str)) if isinstance(value, list) else ()


def _text(value: object) -> str:
    return value if isinstance(value, str) else ""


def _number(value: object) -> int:
    return value if isinstance(value, int) and not isinstance(value, bool) else 0
