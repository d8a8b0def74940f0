"""`interdict-policy catalogue`: the tools that a policy can name, and how each is known."""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

from policy_schema.authoring.offers import REGISTRIES
from policy_schema.authoring.proof import Proof, Verdict, prove, rules_of
from policy_schema.authoring.published import unmatched_ranges
from policy_schema.catalogue import VERSION, entry_texts
from policy_schema.document.catalogue import load_catalogue
from policy_schema.document.catalogue_check import check_entries
from policy_schema.document.load import load_policy
from policy_schema.document.problems import Level, Problem
from policy_schema.document.tool import FaceName, Tool
from policy_schema.errors import BadCommand, BadFile

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
    check = verbs.add_parser("check", help="is every entry sound, and does it find what npm and PyPI offer")
    check.add_argument("ids", nargs="*", metavar="ID", help="fetch what the registries offer of these tools, and prove")
    check.add_argument("--all", action="store_true", help="the same for every tool: gigabytes, and many minutes")
    check.add_argument("--folder", type=Path, metavar="DIR", help="keep what is fetched in this new folder")
    check.add_argument(
        "--policy", type=Path, metavar="FILE", help="name ranges in it that no published version matches"
    )
    check.add_argument("--json", action="store_true", help="print one JSON document instead of lines")


def run(args: argparse.Namespace) -> int:
    """Exit code 1 if `check` finds something, 0 otherwise.

    Raises:
        BadCommand: there is no tool of that id.
    """
    if args.verb == "check":
        return check(args)
    if args.verb == "show":
        return show(args.id, args.json)
    catalogue = load_catalogue()
    if args.json:
        print(json.dumps([as_json(tool) for tool in catalogue.tools.values()], indent=2, ensure_ascii=False))
        return 0
    rows = [("ID", "NAME", "VENDOR", "CATEGORY"), *(head[:4] for head in catalogue.heads.values())]
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


def check(args: argparse.Namespace) -> int:
    """Form, cross references and doubles of all entries; for the tools that are named, what the registries offer.

    Raises:
        BadCommand: there is no tool of that id.
        BadFile: the folder is there already, or the policy cannot be read.
    """
    texts = list(entry_texts())
    problems = check_entries(texts)
    proofs: list[Proof] = []
    if not problems:
        tools = named_tools(args.ids, args.all)
        if args.policy is not None:
            problems += unmatched_ranges(load_policy(args.policy), load_catalogue(), REGISTRIES)
        proofs = prove_all(tools, args.folder, quiet=args.json)
    failed = any(problem.level is Level.ERROR for problem in problems)
    failed = failed or any(proof.verdict is Verdict.NOT_PROVED for proof in proofs)
    if args.json:
        document = {"problems": [p.as_json() for p in problems], "proofs": [p.as_json() for p in proofs]}
        print(json.dumps(document, indent=2, ensure_ascii=False))
    else:
        say(problems, proofs, len(texts))
    return 1 if failed else 0


def named_tools(ids: Sequence[str], every: bool) -> list[Tool]:
    """The tools whose packages are fetched.

    Raises:
        BadCommand: there is no tool of that id, or ids stand beside `--all`.
    """
    catalogue = load_catalogue()
    if every and ids:
        raise BadCommand("--all stands beside ids", "leave one of them out")
    if every:
        return list(catalogue.tools.values())
    found: dict[str, Tool] = {}
    for name in ids:
        tool = catalogue.find(name)
        if tool is None:
            raise BadCommand(f"{name!r} is not a tool of the catalogue", catalogue.nearest(name))
        found[tool.id] = tool
    return list(found.values())


def prove_all(tools: Sequence[Tool], folder: Path | None, *, quiet: bool) -> list[Proof]:
    """Fetches and proves one tool after another; each folder is thrown away before the next, unless it is kept.

    Raises:
        BadFile: the folder is there already.
    """
    if folder is not None and folder.exists():
        raise BadFile(f"{folder}: is there already", "name a new folder")
    if not tools:
        return []
    rules = rules_of(load_catalogue().tools.values())
    proofs: list[Proof] = []
    for tool in tools:
        with tempfile.TemporaryDirectory(prefix="interdict-catalogue-") as work:
            place = Path(work) if folder is None else folder / tool.id
            for proof in prove(tool, rules, REGISTRIES, place):
                proofs.append(proof)
                if not quiet:
                    print(proof.line(), flush=True)
    return proofs


def say(problems: Sequence[Problem], proofs: Sequence[Proof], count: int) -> None:
    """What is wrong to stderr, and a line that sums up."""
    for problem in problems:
        print(problem.line_of_text(), file=sys.stderr)
    for proof in proofs:
        if proof.verdict is Verdict.NOT_PROVED:
            print(f"{proof.line()}; mend the entry", file=sys.stderr)
    if proofs:
        counts = [(verdict, sum(proof.verdict is verdict for proof in proofs)) for verdict in Verdict]
        print(", ".join(f"{number} {verdict.replace('-', ' ')}" for verdict, number in counts))
    if not problems:
        print(f"catalogue {VERSION}: {count} tools, nothing to mend")


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
