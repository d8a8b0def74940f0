"""Does a catalogue entry find what the registries offer? Each value of each face: proved, not proved, or out of reach.

What a package says of itself (name, version, programs, bytes) goes through the same tables and signatures as on a
workstation. Only what npm and PyPI offer can be proved so; what a face marks as `seen` there must be.
"""

from __future__ import annotations

import os
import stat
from collections.abc import Iterable, Iterator, Mapping, Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, NamedTuple

from policy_schema.authoring.offers import CannotFetch, Installed, NoPackage, Registry
from policy_schema.document.tool import FaceName, Mark, Tool
from policy_schema.rules.content import HEAD_SIZE, Signature, compile_signature, look
from policy_schema.rules.identity import executable_name, make_purl, parse_purl
from policy_schema.rules.match import Tables, tool_faces
from policy_schema.rules.observation import Face, Match, Observation

MAX_LOOKED_AT: Final = 20_000
"""Files of one package whose bytes are held against the signatures."""


class Verdict(StrEnum):
    """What came of one value of a face."""

    PROVED = "proved"
    NOT_PROVED = "not-proved"
    NOT_HERE = "cannot-be-checked-here"


class Proof(NamedTuple):
    """One value of one face."""

    tool: str
    face: FaceName
    value: str
    verdict: Verdict
    detail: str

    def as_json(self) -> dict[str, str]:
        """For programs."""
        return {name: str(value) for name, value in self._asdict().items()}

    def line(self) -> str:
        """For people."""
        return f"{self.tool}: {self.face}: {self.value}: {self.verdict.replace('-', ' ')}: {self.detail}"


class Rules(NamedTuple):
    """What recognises: the whole catalogue, so that a second tool claiming the same is noticed."""

    tables: Tables
    signatures: tuple[Signature, ...]


def rules_of(tools: Iterable[Tool]) -> Rules:
    """The tables and content signatures of these tools, as a workstation makes them."""
    faces = [tool_faces(tool.model_dump(mode="json")) for tool in tools]
    made = [compile_signature(f"{f.id}/{n}", fields) for f in faces for n, fields in enumerate(f.content)]
    return Rules(Tables(faces), tuple(made))


def prove(tool: Tool, rules: Rules, registries: Mapping[str, Registry], folder: Path) -> Iterator[Proof]:
    """Fetches what the registries offer of this tool into `folder` and holds it against the entry."""
    installed: list[Installed] = []
    missing: list[tuple[str, str, str]] = []
    for position, text in enumerate(tool.faces.packages):
        kind, _, name = parse_purl(text).key.partition("/")
        if kind not in registries:
            yield _proof(tool, FaceName.PACKAGES, text, Verdict.NOT_HERE, f"no client for {kind} is asked")
            continue
        try:
            found = registries[kind].install(name, folder / f"{position}-{kind}")
        except NoPackage as refused:
            missing.append((text, name, str(refused)))
        except CannotFetch as refused:
            yield _proof(tool, FaceName.PACKAGES, text, Verdict.NOT_HERE, str(refused))
        else:
            installed.append(found)
            yield _identity(tool, rules, text, kind, found)
    for text, name, why in missing:
        whole = next((found.name for found in installed if name in found.parts), "")
        if whole:
            yield _proof(tool, FaceName.PACKAGES, text, Verdict.NOT_HERE, f"{why}; {whole} names it as a part")
        else:
            yield _missing(tool, FaceName.PACKAGES, text, why)
    yield from _programs(tool, installed)
    yield from _content(tool, rules, installed)
    yield from _elsewhere(tool)


def _identity(tool: Tool, rules: Rules, text: str, kind: str, found: Installed) -> Proof:
    purl = make_purl(kind, found.name, found.version)
    seen = Observation(kind, Face.PACKAGE, str(found.folder), name=found.name, version=found.version, purl=purl)
    named = rules.tables.identify(seen)
    owners = [identity.tool for identity in named]
    sure = all(Match.PACKAGE_IDENTITY in identity.matches for identity in named)
    right = owners == [tool.id] and sure and named[0].version == found.version
    if right:
        return _proof(tool, FaceName.PACKAGES, text, Verdict.PROVED, f"{found.version} is found")
    detail = f"{purl} is found as {' and '.join(owners) or 'nothing'}"
    return _proof(tool, FaceName.PACKAGES, text, Verdict.NOT_PROVED, detail)


def _programs(tool: Tool, installed: Sequence[Installed]) -> Iterator[Proof]:
    brought = {executable_name(name): found for found in installed for name in found.programs}
    for name in tool.faces.executables.names:
        found = brought.get(executable_name(name))
        if found is not None:
            yield _proof(tool, FaceName.EXECUTABLES, name, Verdict.PROVED, f"{found.name} brings it")
        elif installed:
            yield _missing(tool, FaceName.EXECUTABLES, name, "no package that was fetched brings it")
        else:
            yield _proof(tool, FaceName.EXECUTABLES, name, Verdict.NOT_HERE, "nothing was fetched")


def _content(tool: Tool, rules: Rules, installed: Sequence[Installed]) -> Iterator[Proof]:
    matches = {id: (found, path) for found in installed for id, path in _matches(found.folder, rules.signatures)}
    own = {f"{tool.id}/{position}" for position in range(len(tool.faces.content))}
    for id in sorted(own & matches.keys()):
        found, path = matches[id]
        detail = f"{path} of {found.name} {found.version} matches"
        yield _proof(tool, FaceName.CONTENT, id, Verdict.PROVED, detail)
    for id in sorted(own - matches.keys()):
        # One signature may be of an older time. If none matches what is offered today, the entry is out of date.
        if installed and not own & matches.keys():
            yield _missing(tool, FaceName.CONTENT, id, "no file that was fetched matches any of them")
        else:
            yield _proof(tool, FaceName.CONTENT, id, Verdict.NOT_HERE, "no file that was fetched matches")
    carried = {f"{name}/" for name in tool.embeds}
    for id, (found, path) in sorted(matches.items()):
        if id not in own and not id.startswith(tuple(carried)):
            detail = f"matches {path} of {found.name} {found.version}, which is {tool.id}"
            yield _proof(tool, FaceName.CONTENT, id, Verdict.NOT_PROVED, detail)


def _matches(folder: Path, signatures: Sequence[Signature]) -> Iterator[tuple[str, str]]:
    paths = (Path(top) / name for top, _, names in os.walk(folder) for name in names)
    for _, path in zip(range(MAX_LOOKED_AT), paths, strict=False):
        fd = os.open(path, os.O_RDONLY | getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_BINARY", 0))
        try:
            facts = os.fstat(fd)
            if not stat.S_ISREG(facts.st_mode):
                continue
            head = os.read(fd, HEAD_SIZE)
            likely = [signature for signature in signatures if signature.may_match(head, facts.st_size)]
            for match in look(fd, facts.st_size, likely) if likely else ():
                yield match.id, path.relative_to(folder).as_posix()
        finally:
            os.close(fd)


def _elsewhere(tool: Tool) -> Iterator[Proof]:
    for face in (FaceName.EXTENSIONS, FaceName.APPS, FaceName.SIGNERS, FaceName.HASHES, FaceName.RESIDUE):
        if face in tool.marks:
            yield _proof(tool, face, "all of it", Verdict.NOT_HERE, "no registry of packages offers it")
    for folder in tool.faces.executables.folders:
        yield _proof(tool, FaceName.EXECUTABLES, folder, Verdict.NOT_HERE, "only an installer makes this folder")


def _missing(tool: Tool, face: FaceName, value: str, detail: str) -> Proof:
    # What was never said to be seen may be missing: it is as sure as its source.
    seen = tool.marks.get(face) is Mark.SEEN
    return _proof(tool, face, value, Verdict.NOT_PROVED if seen else Verdict.NOT_HERE, detail)


def _proof(tool: Tool, face: FaceName, value: str, verdict: Verdict, detail: str) -> Proof:
    return Proof(tool.id, face, value, verdict, detail)
