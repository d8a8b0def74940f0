"""Building blocks of HTML: what is no `Html` is text, and text is always escaped."""

from __future__ import annotations

import html
import re
import unicodedata
from collections.abc import Iterable

_HIDING = frozenset({"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"})
_ADDRESS = re.compile(r"(?:https?://|mailto:)[!-~]+\Z")
_LONGEST = 20_000
"""Characters of one text; a name of a megabyte says no more than its beginning."""


class Html(str):
    """Markup that was made here, from escaped texts."""

    __slots__ = ()


def visible(text: str, keep: str = "", longest: int = _LONGEST) -> str:
    """Text in which controls, invisible marks and marks that turn the writing direction are written out: `\\u202e`."""
    if text.isascii() and text.isprintable() and len(text) <= longest:
        return text
    shown = text if len(text) <= longest else text[:longest] + "…"
    return "".join(_written_out(c) if c not in keep and unicodedata.category(c) in _HIDING else c for c in shown)


def _written_out(character: str) -> str:
    number = ord(character)
    return f"\\u{number:04x}" if number <= 0xFFFF else f"\\U{number:08x}"


def tag(name: str, *children: str, **attributes: str | bool) -> Html:
    """An element. `class_` is written as `class`; a value of False or "" leaves an attribute out, True has no value."""
    said = "".join(_attribute(key.rstrip("_").replace("_", "-"), value) for key, value in attributes.items())
    return Html(f"<{name}{said}>{join(children)}</{name}>")


def _attribute(key: str, value: str | bool) -> str:
    if value is False or value == "":
        return ""
    return f" {key}" if value is True else f' {key}="{html.escape(visible(value))}"'


def join(children: Iterable[str]) -> Html:
    """Elements and texts one behind the other."""
    return Html("".join(one if isinstance(one, Html) else html.escape(visible(one)) for one in children))


def code(text: str) -> Html:
    """A path, a command or a name from the machine: in a fixed width, never turned around by its neighbours."""
    return tag("code", text, dir="ltr", translate="no")


def block(text: str, label: str) -> Html:
    """Text of many lines, whole and as it is; scrolls by keyboard where it is wider than the page."""
    shown = Html(html.escape(visible(text, keep="\n", longest=len(text))))
    return Html(f'<pre tabindex="0" role="region" aria-label="{html.escape(visible(label))}">{shown}</pre>')


def link(title: str, address: str) -> Html:
    """An address of the policy that a person may follow; what is none stays text."""
    if not _ADDRESS.match(address):
        return join([title])
    return tag("a", title, href=address, rel="noreferrer noopener", class_="address" if title == address else "")


def facts(pairs: Iterable[tuple[str, str]]) -> Html:
    """Names with their values; a pair without a value is left out."""
    rows = [join([tag("dt", name), tag("dd", value)]) for name, value in pairs if value]
    return tag("dl", *[tag("div", row) for row in rows]) if rows else Html("")


def listing(items: Iterable[str], **attributes: str | bool) -> Html:
    """A list, or nothing where there are no items."""
    rows = [tag("li", item) for item in items]
    return tag("ul", *rows, **attributes) if rows else Html("")


def folded(summary: str, *children: str, **attributes: str | bool) -> Html:
    """Something to open by mouse or keyboard."""
    return tag("details", tag("summary", summary), *children, **attributes)


def section(name: str, heading: str, *children: str) -> Html:
    """A part of the page with its heading, to jump to as `#name`."""
    return tag(
        "section", tag("h2", heading, id=f"{name}-heading"), *children, id=name, aria_labelledby=f"{name}-heading"
    )
