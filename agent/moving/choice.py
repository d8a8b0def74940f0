"""From which banned tool to which alternative: what the policy in force offers. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from agent.errors import BadCommand
from agent.moving.plan import places_of
from policy_schema.rules.rulebook import Rulebook


class Offer(NamedTuple):
    """One alternative for a banned tool; `tool` is empty where the policy names it by its link alone."""

    name: str
    tool: str
    url: str


def offered(book: Rulebook) -> dict[str, tuple[Offer, ...]]:
    """By banned tool the alternatives that its bans name, each once."""
    found: dict[str, dict[Offer, None]] = {}
    for ban in book.bans:
        rows = ban.text.get("alternatives")
        for row in rows if isinstance(rows, (list, tuple)) else ():
            if not isinstance(row, Mapping):
                continue
            offer = Offer(str(row.get("name") or ""), str(row.get("tool") or ""), str(row.get("url") or ""))
            for target in ban.targets:
                if offer.tool != target.tool:
                    found.setdefault(target.tool, {})[offer] = None
    return {tool: tuple(offers) for tool, offers in found.items()}


def choose_source(book: Rulebook, wish: str, found_here: Collection[str]) -> str:
    """The banned tool to move from: the one named, else the only one found here, else the only one whose settings can
    be carried over, else the only one banned.

    Raises:
        BadCommand: there is none, or it must be named.
    """
    offers = offered(book)
    if not offers:
        raise BadCommand("the policy in force offers no alternative to anything", "There is nothing to move to.")
    if wish:
        for tool in offers:
            if wish.casefold() in (tool, book.tools[tool].name.casefold()):
                return tool
        raise BadCommand(f"the policy offers no alternative to {wish!r}", f"It does for {', '.join(sorted(offers))}.")
    portable = sorted(tool for tool in offers if places_of(book.tool_entries.get(tool)))
    for candidates in (sorted(offers.keys() & set(found_here)), portable, sorted(offers)):
        if len(candidates) == 1:
            return candidates[0]
        if candidates:
            raise BadCommand("there are several banned tools", f"Name one: {', '.join(candidates)}.")
    raise BadCommand("there is nothing to move from", "See `interdict status`.")


def choose_target(offers: Collection[Offer], wish: str) -> Offer | None:
    """The alternative that was named, or the only one; None when the person must choose.

    Raises:
        BadCommand: the policy does not offer what was named.
    """
    if not wish:
        return next(iter(offers)) if len(offers) == 1 else None
    for offer in offers:
        if wish.casefold() in (offer.tool, offer.name.casefold()):
            return offer
    names = ", ".join(offer.tool or offer.name for offer in offers)
    raise BadCommand(f"the policy does not offer {wish!r}", f"It offers {names}.")
