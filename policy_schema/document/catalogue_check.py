"""What is wrong with the catalogue: the form of each entry, cross references, and faces that two tools share."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Final, NamedTuple

from policy_schema.document.base import Part
from policy_schema.document.catalogue import parse_tool, tool_places
from policy_schema.document.categories import CATEGORIES
from policy_schema.document.checks.tools import folder_wrong
from policy_schema.document.problems import Path, Places, Problem
from policy_schema.document.tool import Content, FaceName, Magic, Mark, Tool
from policy_schema.errors import BadDocument
from policy_schema.rules.guard import protected_name, protected_package
from policy_schema.rules.identity import executable_name, parse_purl
from policy_schema.rules.portable import FORMS
from policy_schema.rules.signature import compile_signature

SHORTEST_NAME: Final = 3
"""Letters. A program called `q` or `cn` is anybody's: as a face it would only cry wolf."""
WITHOUT_NAMESPACE: Final = frozenset({"brew", "choco", "pypi", "scoop", "snap", "winget"})
"""purl types under which sources report a bare name: a tap or a bucket is not known from what lies on the disk."""


class Entry(NamedTuple):
    """One file of the catalogue."""

    file: str
    tool: Tool
    places: Places

    def problem(self, path: Path, message: str, mend: str) -> Problem:
        """A problem in this file."""
        return self.places.problem(path, message, mend)


def check_entries(texts: Iterable[tuple[str, str]]) -> list[Problem]:
    """Everything wrong with a set of entries, given as (file name, text)."""
    problems: list[Problem] = []
    entries: list[Entry] = []
    for file, text in texts:
        try:
            entries.append(Entry(file, parse_tool(text, file), tool_places(text, file)))
        except BadDocument as error:
            problems += error.problems
    by_id = {entry.tool.id: entry for entry in entries}
    for entry in entries:
        problems += _names(entry, by_id)
        problems += _marks(entry)
        problems += _faces(entry)
        problems += _portable(entry)
    problems += _shared(entries)
    return problems


def _names(entry: Entry, by_id: Mapping[str, Entry]) -> Iterator[Problem]:
    if entry.file != f"{entry.tool.id}.yaml" or by_id[entry.tool.id] is not entry:
        yield entry.problem(("id",), f"{entry.tool.id} does not fit the file {entry.file}", "one file a tool, ID.yaml")
    for position, name in enumerate(entry.tool.embeds):
        if name not in by_id or name == entry.tool.id:
            yield entry.problem(("embeds", position), f"{name!r} is not another tool of the catalogue", "name its id")
    for position, name in enumerate(entry.tool.aliases):
        if name in by_id:
            yield entry.problem(("aliases", position), f"{name!r} is a tool of its own", "leave it out")
    if entry.tool.category not in CATEGORIES:
        mend = f"write one of {', '.join(CATEGORIES)}"
        yield entry.problem(("category",), f"{entry.tool.category!r} is no category", mend)


def _marks(entry: Entry) -> Iterator[Problem]:
    filled = {name for name in FaceName if _filled(entry.tool, name)}
    for name in sorted(filled - set(entry.tool.marks)):
        yield entry.problem(("faces", name.value), "does not say how it is known", f"add `marks: {{{name}: ...}}`")
    for name in sorted(set(entry.tool.marks) - filled):
        yield entry.problem(("marks", name.value), "marks a face that is empty", "remove the mark")
    for name, mark in entry.tool.marks.items():
        if mark is not Mark.SEEN and not entry.tool.sources.get(name):
            message = f"is {mark.value}, and no page is named"
            yield entry.problem(("marks", name.value), message, "add it under `sources:`")
    for name in sorted(set(entry.tool.sources) - filled):
        yield entry.problem(("sources", name.value), "is about a face that is empty", "remove it")


def _portable(entry: Entry) -> Iterator[Problem]:
    """A form that does not fit its kind is passed over by agents; what was not seen needs a page."""
    for kind, place in entry.tool.portable.items():
        form, ending = FORMS[kind]
        if place.form is not form or not place.file.endswith(ending):
            mend = f"write form {form}, and a file that ends in {ending}"
            yield entry.problem(("portable", kind.value), f"{place.form} in {place.file} is no {kind}", mend)
        if place.mark is not Mark.SEEN and not place.sources:
            message = f"is {place.mark.value}, and no page is named"
            yield entry.problem(("portable", kind.value), message, "add it under `sources:`")


def _filled(tool: Tool, name: FaceName) -> bool:
    face: object = getattr(tool.faces, name.value)
    return any(value for _, value in face) if isinstance(face, Part) else bool(face)


def _faces(entry: Entry) -> Iterator[Problem]:
    faces = entry.tool.faces
    for position, folder in enumerate(faces.executables.folders):
        wrong = folder_wrong(folder)
        if wrong is not None:
            yield entry.problem(("faces", "executables", "folders", position), *wrong)
    for position, name in enumerate(faces.executables.names):
        if protected_name(name):
            yield entry.problem(("faces", "executables", "names", position), f"{name!r} is protected", "remove it")
        if len(executable_name(name)) < SHORTEST_NAME:
            message = f"{name!r} is too short to say anything"
            yield entry.problem(("faces", "executables", "names", position), message, "leave it out")
    for position, purl in enumerate(faces.packages):
        if protected_package(parse_purl(purl).key):
            yield entry.problem(("faces", "packages", position), f"{purl} is protected", "remove it")
        kind, _, name = parse_purl(purl).key.partition("/")
        if kind in WITHOUT_NAMESPACE and "/" in name:
            mend = f"write pkg:{kind}/{name.rpartition('/')[2]}"
            yield entry.problem(("faces", "packages", position), f"{purl} names more than the package", mend)
    for position, signature in enumerate(faces.content):
        yield from _content(entry, position, signature)


def _content(entry: Entry, position: int, signature: Content) -> Iterator[Problem]:
    path: Path = ("faces", "content", position)
    if not (signature.min_size or signature.section or signature.trailer):
        yield entry.problem(path, "has no cheap test", "add min_size, section or trailer")
    if Magic.TEXT in signature.magic and signature.max_size is None:
        yield entry.problem(path, "has no max_size, and text is read whole", "add max_size")
    try:
        compile_signature(entry.tool.id, signature.model_dump(mode="json"))
    except ValueError as error:
        yield entry.problem(path, str(error), "see docs/writing-a-policy.md")


def _shared(entries: Iterable[Entry]) -> Iterator[Problem]:
    """Whatever identifies a tool belongs to one tool. Names of programs may be shared: they are weak."""
    owners: dict[str, str] = {}
    for entry in entries:
        for path, key in _identities(entry.tool):
            if key in owners:
                message = f"{key} stands under {owners[key]} already"
                yield entry.problem(path, message, "a face belongs to one tool, once")
            owners.setdefault(key, entry.tool.id)


def _identities(tool: Tool) -> Iterator[tuple[Path, str]]:
    faces = tool.faces
    for position, alias in enumerate(tool.aliases):
        yield ("aliases", position), f"the alias {alias}"
    for position, purl in enumerate(faces.packages):
        yield ("faces", "packages", position), parse_purl(purl).key
    for position, folder in enumerate(faces.executables.folders):
        yield ("faces", "executables", "folders", position), folder.casefold()
    for kind, ids in (*faces.extensions, *faces.apps):
        face = "extensions" if kind in type(faces.extensions).model_fields else "apps"
        for position, name in enumerate(ids):
            yield ("faces", face, kind, position), f"{face} {kind} {name.casefold()}"
    for position, apple in enumerate(faces.signers.apple):
        yield ("faces", "signers", "apple", position), f"{apple.team} {apple.identifier}"
    for position, signer in enumerate(faces.signers.authenticode):
        yield ("faces", "signers", "authenticode", position), f"{signer.subject} {signer.product}"
    for position, signature in enumerate(faces.content):
        yield ("faces", "content", position), f"the texts {' and '.join(sorted(signature.all))[:80]!r}"
    for position, file in enumerate(faces.hashes):
        yield ("faces", "hashes", position), f"sha256 {file.sha256}"
    for position, left in enumerate(faces.residue):
        yield ("faces", "residue", position), f"residue {left}"
