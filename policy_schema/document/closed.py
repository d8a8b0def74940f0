"""The closed policy: what is signed. Everything resolved, times in UTC, durations in seconds, sizes in bytes.

The document itself is plain JSON (a model never crosses the border); the models here only check it. An agent ignores
fields that it does not know, and leaves a ban whose `needs` it does not meet unread: the rulebook reports that ban.
"""

from __future__ import annotations

import json
from typing import NamedTuple

from pydantic import Field, TypeAdapter, ValidationError

from policy_schema.document.base import Part
from policy_schema.document.canonical import Json, canonical_bytes, encode, policy_id
from policy_schema.document.characters import hidden_character, may_hide
from policy_schema.document.complaints import problems_of
from policy_schema.document.policy import (
    Alternative,
    Claim,
    Cure,
    DecisionRecord,
    Exceptions,
    Lifted,
    ModelAction,
    NamedLink,
    Organisation,
    PauseLimit,
    Privacy,
    Scope,
    Spared,
)
from policy_schema.document.problems import Path, Places, Problem, field_name
from policy_schema.document.scalars import Duration, Identifier, Label, Language, Line, Paragraph, ToolId, Utc
from policy_schema.document.tool import Tool
from policy_schema.errors import BadDocument
from policy_schema.rules.decision import Action
from policy_schema.rules.rulebook import FEATURES
from policy_schema.trust.layout import POLICY_LIMIT

MAX_BYTES = POLICY_LIMIT
MAX_DEPTH = 24
NAME = "policy.json"


class ClosedTarget(Part):
    """One tool, in all versions (None) or a range."""

    tool: ToolId
    versions: Line | None


class ClosedStage(Part):
    """From an instant on, one rung."""

    start: Utc = Field(alias="from")
    action: Action
    let_finish: Duration
    kill_after: Duration


class ClosedModelStage(Part):
    """From an instant on, report or notify."""

    start: Utc = Field(alias="from")
    action: ModelAction


class ClosedStep(Part):
    """From an instant on, these groups or this share of all devices are in."""

    start: Utc = Field(alias="from")
    groups: tuple[Label, ...] = ()
    percent: int | None = Field(default=None, ge=1, le=100)


class ClosedBan(Part):
    """A ban with its targets resolved."""

    id: Identifier
    targets: tuple[ClosedTarget, ...] = Field(min_length=1)
    spared: tuple[Spared, ...] = Field(alias="except")
    classification: Line | None
    decision: DecisionRecord | None
    reason: dict[Language, Paragraph] = Field(min_length=1)
    claims: tuple[Claim, ...]
    alternatives: tuple[Alternative, ...]
    links: tuple[NamedLink, ...]
    stages: tuple[ClosedStage, ...] = Field(min_length=1)
    min_notice: Duration
    no_later_than: Utc | None
    cure: Cure
    scope: Scope
    rollout: tuple[ClosedStep, ...]
    needs: tuple[Identifier, ...]


class ClosedModelBan(Part):
    """A model ban with UTC stages."""

    id: Identifier
    families: tuple[Identifier, ...] = Field(min_length=1)
    reason: dict[Language, Paragraph] = Field(min_length=1)
    alternatives: tuple[Alternative, ...]
    links: tuple[NamedLink, ...]
    stages: tuple[ClosedModelStage, ...] = Field(min_length=1)
    scope: Scope


class CatalogueVersion(Part):
    """Which catalogue the tools came from."""

    version: Line


class ClosedDocument(Part):
    """The whole closed document."""

    format: int = Field(alias="schema", ge=1, le=1)
    organisation: Organisation
    approved: tuple[ToolId, ...]
    catalogue: CatalogueVersion
    tools: dict[ToolId, Tool]
    bans: tuple[ClosedBan, ...]
    lifted: tuple[Lifted, ...]
    model_bans: tuple[ClosedModelBan, ...]
    exceptions: Exceptions
    pause: PauseLimit
    privacy: Privacy


_TOOL_IDS = TypeAdapter(list[ToolId])


class ClosedPolicy(NamedTuple):
    """A closed policy that was checked. `document` is plain JSON, the form that `compile_policy` takes."""

    document: dict[str, Json]

    @property
    def id(self) -> str:
        """The name of its content: 16 hexadecimal digits."""
        return policy_id(canonical_bytes(self))


def parse_closed(data: bytes) -> ClosedPolicy:
    """Reads the bytes that were signed. Bounded; the bytes must be canonical, so that one content has one id.

    Raises:
        BadDocument: these are not the bytes of a closed policy.
    """
    document = _parse_json(data)
    if deeper_than(MAX_DEPTH, document):
        raise _bad((), "is too deep", "publish it again with `interdict-policy publish`")
    if may_hide(data.decode("utf-8")):
        _check_texts(document, ())
    if encode(document) != data:
        raise _bad((), "is not in its canonical form", "publish it again with `interdict-policy publish`")
    return checked(document)


def checked(document: dict[str, Json]) -> ClosedPolicy:
    """Checks a closed document at hand. Bans that need what this release does not know are not looked into.

    Raises:
        BadDocument: it is not a closed policy.
    """
    readable = {key: _understood(value) if key == "bans" else value for key, value in document.items()}
    try:
        _validate(readable)
    except ValidationError as error:
        serious = [detail for detail in error.errors() if detail["type"] != "extra_forbidden"]
        if serious:
            problems = problems_of(error, Places(NAME), ClosedDocument)
            raise BadDocument([p for p in problems if p.message != "is not known here"] or problems) from error
    _check_tools(readable)
    return ClosedPolicy(document)


def _validate(document: dict[str, Json]) -> None:
    """Checks bans and tools one by one, so that a large policy is never held as models; as a whole if one is wrong.

    Raises:
        ValidationError: it is not a closed policy; the places in it are those in the whole.
    """
    bans, tools = document.get("bans"), document.get("tools")
    try:
        if isinstance(bans, list) and isinstance(tools, dict):
            for ban in bans:
                ClosedBan.model_validate(ban)
            for tool in tools.values():
                Tool.model_validate(tool)
            _TOOL_IDS.validate_python(list(tools))
            ClosedDocument.model_validate({**document, "bans": [], "tools": {}})
            return
    except ValidationError:
        pass
    ClosedDocument.model_validate(document)


def _check_tools(document: dict[str, Json]) -> None:
    """A closed policy holds every tool that it aims at, under its own id."""
    tools, bans = document["tools"], document["bans"]
    assert isinstance(tools, dict)
    assert isinstance(bans, list)
    for name, tool in tools.items():
        if not isinstance(tool, dict) or tool["id"] != name:
            raise _bad(("tools", name), "has another id inside", "lint and publish the policy again")
    for number, ban in enumerate(bans):
        targets = ban["targets"] if isinstance(ban, dict) else []
        for position, target in enumerate(targets if isinstance(targets, list) else []):
            if isinstance(target, dict) and target["tool"] not in tools:
                path: Path = ("bans", number, "targets", position)
                raise _bad(path, f"aims at {target['tool']}, which is not in it", "lint and publish the policy again")


def _understood(bans: Json) -> Json:
    if not isinstance(bans, list):
        return bans
    return [ban for ban in bans if not (isinstance(ban, dict) and unmet(ban.get("needs")))]


def unmet(needs: Json | None) -> bool:
    """Whether a ban's `needs` name what this release does not know."""
    return isinstance(needs, list) and any(isinstance(need, str) and need not in FEATURES for need in needs)


def _parse_json(data: bytes) -> dict[str, Json]:
    if len(data) > MAX_BYTES:
        raise _bad((), f"has {len(data):,} bytes, and {MAX_BYTES:,} are allowed", "publish a smaller policy")
    try:
        document: Json = json.loads(data.decode("utf-8"), object_pairs_hook=_unique, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise _bad((), f"is not JSON: {error}", "publish it again with `interdict-policy publish`") from error
    if not isinstance(document, dict):
        raise _bad((), "is not a JSON object", "publish it again with `interdict-policy publish`")
    return document


def _unique(pairs: list[tuple[str, Json]]) -> dict[str, Json]:
    made = dict(pairs)
    if len(made) != len(pairs):
        raise ValueError("a key stands twice")
    return made


def _no_constant(name: str) -> Json:
    raise ValueError(f"{name} is not JSON")


def deeper_than(levels: int, document: dict[str, Json]) -> bool:
    """Level by level: a policy has many thousand parts, and few levels."""
    level: list[dict[str, Json] | list[Json]] = [document]
    for _ in range(levels):
        inside = [value for part in level for value in (part.values() if isinstance(part, dict) else part)]
        level = [value for value in inside if isinstance(value, dict | list)]
    return bool(level)


def _check_texts(value: Json, path: Path) -> None:
    if isinstance(value, str) and (hidden := hidden_character(value)):
        raise _bad(path, f"has the hidden character {hidden}", "lint and publish the policy again")
    if isinstance(value, list):
        for position, item in enumerate(value):
            _check_texts(item, (*path, position))
    if isinstance(value, dict):
        for key, item in value.items():
            _check_texts(key, path)
            _check_texts(item, (*path, key))


def _bad(path: Path, message: str, mend: str) -> BadDocument:
    return BadDocument([Problem(NAME, 0, field_name(path), message, mend)])
