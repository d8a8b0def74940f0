"""`interdict-policy catalogue`: the tools that a policy can name, and how each is known."""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Iterator

from policy_schema.catalogue import VERSION, entry_texts
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.catalogue_check import check_entries
from policy_schema.document.tool import FaceName, Tool
from policy_schema.errors import BadCommand

NAME = "catalogue"
HELP = "Lists the tools that a policy can name, shows one, or checks them all."


def add_arguments(parser: argparse.ArgumentParser) -> None:
    """Declares what `catalogue` takes."""
    verbs = parser.add_subparsers(dest="verb", required=True, metavar="list|show|check")
    listing = verbs.add_parser("list", help="all tools, a line each")
    listing.add_argument("--json", action="store_true", help="print a list of whole entries")
    show = verbs.add_parser("show", help="one tool with all its faces and how each is known")
    show.add_argument("id", metavar="ID", help="the id or a former id")
    show.add_argument("--json", action="store_true", help="print the entry as JSON")
    verbs.add_parser("check", help="form, cross references and doubles of all entries")


def run(args: argparse.Namespace) -> int:
    """Exit code 1 if `check` finds something, 0 otherwise.

    Raises:
        BadCommand: there is no tool of that id.
    """
    if args.verb == "check":
        return check()
    if args.verb == "show":
        return show(args.id, args.json)
    tools = load_catalogue().tools.values()
    if args.json:
        print(json.dumps([as_json(tool) for tool in tools], indent=2, ensure_ascii=False))
        return 0
    rows = [("ID", "NAME", "VENDOR", "CATEGORY"), *((t.id, t.name, t.vendor, t.category) for t in tools)]
    widths = [max(len(row[column]) for row in rows) for column in range(4)]
    for row in rows:
        print("  ".join(text.ljust(width) for text, width in zip(row, widths, strict=True)).rstrip())
    return 0


def show(name: str, as_document: bool) -> int:
    """Prints one entry.

    Raises:
        BadCommand: there is no tool of that id.
    """
    catalogue = load_catalogue()
    tool = catalogue.find(name)
    if tool is None:
        raise BadCommand(f"{name!r} is not a tool of the catalogue", catalogue.nearest(name))
    print(json.dumps(as_json(tool), indent=2, ensure_ascii=False) if as_document else "\n".join(lines_of(tool)))
    return 0


def check() -> int:
    """Names every problem of the catalogue that came with this release."""
    texts = list(entry_texts())
    problems = check_entries(texts)
    for problem in problems:
        print(problem.line_of_text(), file=sys.stderr)
    if not problems:
        print(f"catalogue {VERSION}: {len(texts)} tools, nothing to mend")
    return 1 if problems else 0


def as_json(tool: Tool) -> dict[str, object]:
    """A whole entry as JSON values; sizes in bytes."""
    return tool.model_dump(mode="json", by_alias=True)


def lines_of(tool: Tool) -> Iterator[str]:
    """An entry for people: what it is, then each face with how it is known."""
    yield f"{tool.id}: {tool.name}, {tool.vendor}, {tool.category}; versions by {tool.version_scheme}"
    if tool.embeds:
        yield f"carries: {', '.join(tool.embeds)}"
    for name in FaceName:
        values = list(face_lines(tool, name))
        if values:
            yield f"{name.value} ({tool.marks[name].value if name in tool.marks else 'no mark'}):"
            yield from (f"  {value}" for value in values)
            yield from (f"  see {page}" for page in tool.sources.get(name, ()))
    for manager, command in tool.install.items():
        yield f"install with {manager}: {command}"


def face_lines(tool: Tool, name: FaceName) -> Iterator[str]:
    """The values of one face, a line each."""
    face = tool.model_dump(mode="json", exclude_none=True)["faces"][name.value]
    rows = face.items() if isinstance(face, dict) else (("", face),)
    for kind, values in rows:
        for value in values:
            text = value if isinstance(value, str) else ", ".join(f"{key} {entry}" for key, entry in value.items())
            yield f"{kind}: {text}" if kind else text
