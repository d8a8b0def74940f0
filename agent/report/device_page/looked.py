"""What is looked at on this machine, and what never is."""

from __future__ import annotations

from agent.report.device_page.html import Html, code, folded, join, listing, section, tag
from agent.report.device_page.material import Material, Values, rows, table, text, texts
from policy_schema.notices.translate import Words

_ROOTS = 200
"""Folders that are named of one source; the rest are counted."""


def looked_section(material: Material) -> Html:
    """Every source with its places, what could not be looked at, and what is never read."""
    words, sources = material.words, rows(material.machine.get("coverage"))
    found = [row for row in sources if row.get("items") or row.get("unknown") or row.get("roots")]
    empty = [text(row, "source") for row in sources if row not in found]
    parts = [_source(material, row) for row in found]
    nothing = words("Also looked for, and nothing of the kind is here: {sources}.", sources=words(", ").join(empty))
    return section(
        "looked",
        words("What is looked at"),
        tag(
            "p", words("Names, versions and places of installed software, and which programs run. Each kind of place:")
        ),
        *parts,
        tag("p", nothing, class_="quiet") if empty else "",
        _gate(material),
        tag("h3", words("What is never looked at")),
        listing(never(words), class_="never"),
    )


def never(words: Words) -> list[str]:
    """What the agent does not read; the same list stands in docs/privacy.md."""
    return [
        words("your documents, mail, chats and pictures"),
        words("what you type, your screen, your shell's and your browser's history"),
        words("passwords, keys, tokens; the values of environment variables"),
        words("what you asked an AI tool and what it answered"),
        words("other values of settings files than the few that are named above"),
        words("where you are"),
    ]


def _source(material: Material, row: Values) -> Html:
    words, unknown = material.words, rows(row.get("unknown"))
    items = row.get("items")
    count = items if isinstance(items, int) else 0
    summary = [tag("strong", text(row, "source")), " ", words.plural("{number} item", "{number} items", count)]
    if unknown:
        missing = words.plural(
            "{number} place could not be looked at", "{number} places could not be looked at", len(unknown)
        )
        summary += [" ", tag("span", missing, class_="badge soon")]
    roots = texts(row.get("roots"))
    more = words.plural("and {number} more", "and {number} more", len(roots) - _ROOTS) if len(roots) > _ROOTS else ""
    places = listing([*(code(root) for root in roots[:_ROOTS]), *([more] if more else [])], class_="places")
    failed = listing(join([code(text(one, "where")), " ", text(one, "reason")]) for one in unknown)
    parts = [tag("h3", words("Could not be looked at")), failed] if unknown else []
    return folded(join(summary), places, *parts)


def _gate(material: Material) -> Html:
    """What is asked before a program starts."""
    words, gate = material.words, table(material.machine.get("gate"))
    if text(gate, "stage") == "alive":
        return tag("p", words("Before a program starts, Interdict looks which one it is, and refuses what is banned."))
    return tag("p", words("Programs that run are looked at; their starts are not refused on this machine."))
