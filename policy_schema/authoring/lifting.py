"""Takes a ban out of the text of a policy and writes under `lifted` that it is over. All other lines stay as they are.

The text is edited by its lines, not written anew: what somebody wrote keeps its comments, quotes and breaks. Comments
between two bans stay; those between the lines of the ban go with it.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import NamedTuple

from ruamel.yaml import YAML
from ruamel.yaml.error import YAMLError
from ruamel.yaml.nodes import MappingNode, Node, ScalarNode, SequenceNode

from policy_schema.authoring.policy_template import quoted
from policy_schema.errors import BadCommand

KINDS = ("bans", "model_bans")


class Entry(NamedTuple):
    """What is written under `lifted`."""

    ban: str
    date: str
    language: str
    reason: str
    quarantine: str


def lifted(texts: Mapping[str, str], entry: Entry) -> dict[str, str]:
    """The texts that change, by name. The policy itself is called ``""``, what it includes by its name there.

    Raises:
        BadCommand: there is no such ban, or a text is not YAML.
    """
    known: list[str] = []
    for name, text in texts.items():
        for kind, row, value in _bans(_root(text)):
            known.append(row)
            if row == entry.ban:
                changed = {name: _without(text, kind, value)}
                return changed | {"": _with_entry(changed.get("", texts[""]), entry)}
    raise BadCommand(f"there is no ban {entry.ban!r} in it", f"its bans: {', '.join(known) or 'none'}")


def _bans(root: MappingNode) -> Iterator[tuple[str, str, Node]]:
    """The kind, the id and the row of each ban."""
    for kind in KINDS:
        _, rows = _field(root, kind)
        for row in rows.value if isinstance(rows, SequenceNode) else ():
            _, named = _field(row, "id")
            if isinstance(named, ScalarNode):
                yield kind, str(named.value), row


def _without(text: str, kind: str, row: Node) -> str:
    key, rows = _field(_root(text), kind)
    assert key is not None and isinstance(rows, SequenceNode)
    places = [one.start_mark.index for one in rows.value]
    number = places.index(row.start_mark.index)
    if len(places) == 1:
        colon = text.index(":", key.end_mark.index)
        if rows.flow_style:
            return text[: rows.start_mark.index] + "[]" + text[rows.end_mark.index :]
        return _cut(text[: colon + 1] + " []" + text[colon + 1 :], row)
    if not rows.flow_style:
        return _cut(text, row)
    if number + 1 < len(places):
        return text[: places[number]] + text[places[number + 1] :]
    return text[: rows.value[number - 1].end_mark.index] + text[row.end_mark.index :]


def _cut(text: str, row: Node) -> str:
    """The text without the lines of a row of a list, from its dash to its last line that says something."""
    lines = text.splitlines(keepends=True)
    start = row.start_mark.line
    return "".join(lines[:start] + lines[_end(lines, start, lines[start].index("-")) :])


def _end(lines: list[str], start: int, dash: int) -> int:
    """The line after a row that begins with a dash at this column: what belongs to it stands further in."""
    end = start + 1
    for number in range(start + 1, len(lines)):
        words = lines[number].strip()
        if words and not words.startswith("#"):
            if len(lines[number]) - len(lines[number].lstrip(" ")) <= dash:
                break
            end = number + 1
    return end


def _with_entry(text: str, entry: Entry) -> str:
    _, rows = _field(_root(text), "lifted")
    if not isinstance(rows, SequenceNode):
        return text + ("" if text.endswith("\n") else "\n") + "lifted:\n" + _block(entry, "  ")
    if rows.flow_style:
        end = rows.end_mark.index - 1
        return text[:end].rstrip() + (", " if rows.value else "") + _flow(entry) + text[end:]
    lines = text.splitlines(keepends=True)
    start = rows.value[-1].start_mark.line
    dash = lines[start].index("-")
    end = _end(lines, start, dash)
    before = "".join(lines[:end])
    return before + ("" if before.endswith("\n") else "\n") + _block(entry, " " * dash) + "".join(lines[end:])


def _block(entry: Entry, indent: str) -> str:
    fields = (
        f"- id: {quoted(entry.ban)}",
        f"  date: {quoted(entry.date)}",
        f"  reason: {_reason(entry)}",
        f"  quarantine: {quoted(entry.quarantine)}",
    )
    return "".join(f"{indent}{field}\n" for field in fields)


def _flow(entry: Entry) -> str:
    fields = f"id: {quoted(entry.ban)}, date: {quoted(entry.date)}, reason: {_reason(entry)}"
    return f"{{{fields}, quarantine: {quoted(entry.quarantine)}}}"


def _reason(entry: Entry) -> str:
    return f"{{{quoted(entry.language)}: {quoted(entry.reason)}}}"


def _root(text: str) -> MappingNode:
    try:
        root = YAML(typ="safe", pure=True).compose(text)
    except (YAMLError, ValueError) as error:
        raise BadCommand("the policy is not YAML", "run `interdict-policy lint` on it") from error
    if not isinstance(root, MappingNode):
        raise BadCommand("the policy is not a mapping", "run `interdict-policy lint` on it")
    return root


def _field(node: Node, name: str) -> tuple[Node | None, Node | None]:
    """Key and value of a mapping's field."""
    pairs = node.value if isinstance(node, MappingNode) else []
    return next(((key, value) for key, value in pairs if key.value == name), (None, None))
