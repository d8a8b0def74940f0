"""The page docs/catalogue.md: every tool with its faces, how each is known, and where that can be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence

from packageurl import PackageURL

from policy_schema.document.categories import CATEGORIES
from policy_schema.document.tool import FaceName, Mark, Tool

MARKS = {
    Mark.SEEN: "seen first-hand: the package was fetched and looked at, or the program was started. What of a face npm "
    "and PyPI offer was seen; the rest of it is as its sources say",
    Mark.DOCUMENTED: "read in the vendor's own documentation or source, or in the manifest of the package manager that "
    "installs it",
    Mark.UNVERIFIED: "others say so; whoever wrote this has not seen it. Try it before a ban rests on it",
}
_ROWS = "\n".join(f"| `{mark}` | {meaning} |" for mark, meaning in MARKS.items())
HEAD = f"""\
# The catalogue

Written by `scripts/catalogue_page` from the files in `policy_schema/catalogue/tools/`; a test keeps it equal.
A ban names a tool by its id (`tool: "codex"`) or a former one, or all tools of a vendor or a category
([how](writing-a-policy.md#what-a-ban-aims-at)).

How sure a face is stands behind it:

| mark | meaning |
|---|---|
{_ROWS}

`interdict-policy catalogue check ID` looks again at what the registries offer today.

Names of programs are weak whatever their mark: something with that name is reported, and nothing is done to it.
"""


def catalogue_page(tools: Iterable[Tool]) -> str:
    """The whole page, ending in a line break."""
    all_tools = sorted(tools, key=lambda tool: tool.name.casefold())
    vendors = len({tool.vendor for tool in all_tools})
    lines = [HEAD, f"{len(all_tools)} tools of {vendors} vendors.", "", *_summary(all_tools)]
    for category, meaning in CATEGORIES.items():
        inside = [tool for tool in all_tools if tool.category == category]
        lines += ["", f"## {category}", f"What {meaning}." if inside else "No tool yet."]
        for tool in inside:
            lines += ["", *_tool(tool)]
    return "\n".join(lines) + "\n"


def _summary(tools: Sequence[Tool]) -> Iterator[str]:
    yield "| category | tools | meaning |"
    yield "|---|---|---|"
    for category, meaning in CATEGORIES.items():
        count = sum(tool.category == category for tool in tools)
        yield f"| [`{category}`](#{category}) | {count} | {meaning} |"


def _tool(tool: Tool) -> Iterator[str]:
    yield f"### {tool.name}"
    formerly = f"; also {', '.join(f'`{alias}`' for alias in tool.aliases)}" if tool.aliases else ""
    carries = f". Carries {', '.join(f'`{name}`' for name in tool.embeds)}" if tool.embeds else ""
    yield f"`{tool.id}`{formerly}, by {tool.vendor}{carries}."
    yield ""
    for name in FaceName:
        values = list(_values(tool, name))
        if values:
            links = _links(tool.sources.get(name, ()))
            yield f"- {name} ({tool.marks.get(name, Mark.UNVERIFIED)}): {', '.join(values)}{links}"
    for kind, place in tool.portable.items():
        yield f"- portable {kind} ({place.mark}): `{place.file}`{_links(place.sources)}"


def _values(tool: Tool, name: FaceName) -> Iterator[str]:
    faces = tool.faces
    if name is FaceName.PACKAGES:
        for package in map(PackageURL.from_string, faces.packages):
            yield f"`{package.type} {'/'.join(filter(None, (package.namespace, package.name)))}`"
    elif name is FaceName.SIGNERS:
        yield from (f"`{signer.team}/{signer.identifier}`" for signer in faces.signers.apple)
        yield from (f"`{signer.subject}/{signer.product}`" for signer in faces.signers.authenticode)
    elif name is FaceName.CONTENT:
        yield from (
            f"{', '.join(signature.magic)} of at least {_size(signature.min_size)}" for signature in faces.content
        )
    elif name is FaceName.HASHES:
        yield from (f"`{file.sha256[:12]}…`" for file in faces.hashes)
    elif name is FaceName.EXECUTABLES:
        yield from (f"`{program}`" for program in faces.executables.names)
        yield from (f"in `{folder}`" for folder in faces.executables.folders)
    elif name is FaceName.RESIDUE:
        yield from (f"`{path}`" for path in faces.residue)
    else:
        kinds = faces.extensions if name is FaceName.EXTENSIONS else faces.apps
        yield from (f"`{kind} {value}`" for kind, values in kinds for value in values)


def _links(pages: Sequence[str]) -> str:
    links = ", ".join(f"[{number}]({page})" for number, page in enumerate(pages, 1))
    return f" ({links})" if links else ""


def _size(size: int | None) -> str:
    return "any size" if size is None else f"{size >> 20} MB"
