"""What the person reads, and sentences that several engines say about a tool."""

from __future__ import annotations

from collections.abc import Iterable

from policy_schema.engines.common.faces import named_faces
from policy_schema.engines.interface import Order, Values
from policy_schema.notices.facts import read_ban
from policy_schema.notices.language import Reader
from policy_schema.notices.telling import Occasion, Situation
from policy_schema.notices.terminal import terminal_text


def said(organisation: Values, ban: Values, tool: Values, now: int) -> str:
    """The notice in one line, in the organisation's default language: not allowed, why, what instead, whom to ask."""
    language = str(organisation.get("default_language") or "en")
    reader = Reader((language,))
    # Told long ago: a refusal says what holds, an engine knows nobody's notice.
    situation = Situation(occasion=Occasion.BLOCKED, now=now, reader=reader, told=0)
    lines = terminal_text(organisation, ban, tool, situation)
    first, _, rest = lines.partition("\n")
    reason = read_ban(organisation, ban, (language,)).reason
    return " ".join(" ".join((first, reason, rest)).split())


def where_to_ask(organisation: Values, ban: Values) -> str:
    """The page that helps most: the ban's own, the organisation's, the alternative's."""
    facts = read_ban(organisation, ban, ())
    pages = [*(link.url for link in facts.links), facts.help, *(link.url for link in facts.alternatives)]
    return next((page for page in pages if page.startswith("https://")), "")


def left_out(order: Order, used: Iterable[str], engine: str) -> str:
    """The sentence about the faces of a tool that the engine has no word for; empty if there are none."""
    rest = [face for face in named_faces(order.tool) if face not in set(used)]
    if not rest:
        return ""
    return f"{order.ban}: {order.tool_name} is not known to {engine} by {_and(rest)}."


def nothing(order: Order, engine: str, why: str) -> str:
    """The sentence about a tool of which nothing can be written."""
    return f"{order.ban}: {order.tool_name} is not in the files for {engine}: {why}."


def versions_left_out(order: Order, engine: str) -> str:
    """The sentence about a range of versions that would become all versions."""
    return nothing(order, engine, f"only versions {order.versions} are banned, and its rules know no versions")


def spared_left_out(order: Order, spared: str) -> str:
    """The sentence about an `except` that the engine cannot honour."""
    return f"{order.ban}: the exception for {spared} cannot be written: {order.tool_name} is refused there too."


def _and(names: list[str]) -> str:
    return names[0] if len(names) == 1 else f"{', '.join(names[:-1])} or {names[-1]}"
