"""Which tool is it: the tables from faces to tools.

One dictionary a face, so that the cost of a look-up does not grow with the number of tools. Weak names and strong
folders are told apart here once; everything later works with `Identity`.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import NamedTuple

from policy_schema.rules.decision import Identity
from policy_schema.rules.identity import executable_name, parse_purl
from policy_schema.rules.observation import MATCH_CONFIDENCE, Face, Match, Observation
from policy_schema.rules.sieve import Sieve

MCP = "mcp:"
MCP_PACKAGE = f"{MCP}pkg:"
MCP_PROGRAM = f"{MCP}exe:"
"""How an observation's `setting` begins that names an MCP server."""
_FOLDED = frozenset({"vim", "vscode"})
"""Kinds of extensions whose ids are compared in small letters."""


class ToolFaces(NamedTuple):
    """The faces of one tool as the tables need them, from the closed policy's `tools`."""

    id: str
    name: str
    version_scheme: str
    packages: tuple[str, ...]
    extensions: tuple[str, ...]
    apps: tuple[str, ...]
    names: tuple[str, ...]
    folders: tuple[str, ...]
    signers: tuple[str, ...]
    hashes: tuple[str, ...]
    residue: tuple[str, ...]
    content: tuple[Mapping[str, object], ...]
    embeds: frozenset[str]


def tool_faces(entry: Mapping[str, object]) -> ToolFaces:
    """Reads one tool of a closed policy. The entry was validated when it was closed; unknown fields are ignored."""
    faces = _map(entry.get("faces"))
    executables = _map(faces.get("executables"))
    return ToolFaces(
        id=str(entry["id"]),
        name=str(entry.get("name") or entry["id"]),
        version_scheme=str(entry.get("version_scheme") or "semver"),
        packages=tuple(parse_purl(str(p)).key for p in _list(faces.get("packages"))),
        extensions=tuple(_keyed(faces.get("extensions"))),
        apps=tuple(_keyed(faces.get("apps"))),
        names=tuple(executable_name(str(n)) for n in _list(executables.get("names"))),
        folders=tuple(str(f).rstrip("/") for f in _list(executables.get("folders"))),
        signers=tuple(_signers(_map(faces.get("signers")))),
        hashes=tuple(str(_map(h).get("sha256", "")).lower() for h in _list(faces.get("hashes"))),
        residue=tuple(str(r) for r in _list(faces.get("residue"))),
        content=tuple(_map(c) for c in _list(faces.get("content"))),
        embeds=frozenset(str(e) for e in _list(entry.get("embeds"))),
    )


class Tables:
    """From what an observation shows to the tools it may be."""

    def __init__(self, tools: Iterable[ToolFaces]) -> None:
        self.tools: dict[str, ToolFaces] = {}
        self._by: dict[Match, dict[str, tuple[str, ...]]] = {match: {} for match in Match}
        self._folders: dict[tuple[str, ...], tuple[str, ...]] = {}
        self._sieve = Sieve()
        for tool in tools:
            self._add(tool)
        self.may_know = self._sieve.lets_through
        """False for an observation that is certainly none of the tools: at little cost, and so for most."""

    def identify(self, seen: Observation) -> tuple[Identity, ...]:
        """Every tool this can be at the strongest confidence that anything gives; usually one, or none."""
        if not self.may_know(seen):
            return ()
        found: dict[str, list[Match]] = {}
        for match, key in self._keys(seen):
            for tool in self._by[match].get(key, ()):
                found.setdefault(tool, []).append(match)
        for match, tool in self._tools_of_setting(seen.setting):
            found.setdefault(tool, []).append(match)
        for tool in self._tools_of_folder(seen):
            found.setdefault(tool, []).append(Match.FOLDER)
        identities = [_identity(tool, matches, seen) for tool, matches in sorted(found.items())]
        best = max((i.confidence.rank for i in identities), default=-1)
        return tuple(i for i in identities if i.confidence.rank == best)

    def tool_of_container(self, container: str) -> str | None:
        """The tool that a package, extension or app belongs to (a purl or an extension/app key), if any."""
        if container.startswith("pkg:"):
            tools = self._by[Match.PACKAGE_IDENTITY].get(parse_purl(container).key, ())
        else:
            tools = self._by[Match.EXTENSION_ID].get(container, ()) or self._by[Match.APP_ID].get(container, ())
        return tools[0] if tools else None

    def _keys(self, seen: Observation) -> Iterable[tuple[Match, str]]:
        if seen.purl:
            yield Match.PACKAGE_IDENTITY, parse_purl(seen.purl).key
        if seen.content:
            yield Match.CONTENT, seen.content
        if seen.sha256:
            yield Match.HASH, seen.sha256
        if seen.signer:
            yield Match.SIGNER, seen.signer
        if seen.extension:
            yield Match.EXTENSION_ID, seen.extension
        if seen.app:
            yield Match.APP_ID, seen.app
        if seen.face in (Face.EXECUTABLE, Face.PROCESS):
            for name in {executable_name(p) for p in (seen.path, seen.name, *seen.links) if p}:
                yield Match.NAME, name
        if seen.face is Face.RESIDUE:
            yield Match.RESIDUE, seen.name

    def _tools_of_setting(self, setting: str) -> Iterable[tuple[Match, str]]:
        """An MCP server is known by the package that its command runs; by the program's name alone only weakly."""
        if setting.startswith(MCP_PROGRAM):
            for tool in self._by[Match.NAME].get(executable_name(setting[len(MCP_PROGRAM) :]), ()):
                yield Match.NAME, tool
        elif setting.startswith(MCP_PACKAGE):
            for tool in self._by[Match.PACKAGE_IDENTITY].get(parse_purl(setting[len(MCP) :]).key, ()):
                yield Match.SETTING, tool

    def _tools_of_folder(self, seen: Observation) -> Iterable[str]:
        if not self._folders or seen.face not in (Face.EXECUTABLE, Face.PROCESS):
            return
        for parts in folder_keys(seen.path, seen.home):
            yield from self._folders.get(parts, ())

    def _add(self, tool: ToolFaces) -> None:
        self.tools[tool.id] = tool
        content = tuple(f"{tool.id}/{i}" for i in range(len(tool.content)))
        self._sieve.add(
            packages=tool.packages,
            names=tool.names,
            folders=tool.folders,
            residue=tool.residue,
            exact=(*tool.extensions, *tool.apps, *tool.signers, *tool.hashes, *content),
        )
        rows: tuple[tuple[Match, tuple[str, ...]], ...] = (
            (Match.PACKAGE_IDENTITY, tool.packages),
            (Match.EXTENSION_ID, tool.extensions),
            (Match.APP_ID, tool.apps),
            (Match.NAME, tool.names),
            (Match.SIGNER, tool.signers),
            (Match.HASH, tool.hashes),
            (Match.RESIDUE, tool.residue),
            (Match.CONTENT, content),
        )
        for match, keys in rows:
            table = self._by[match]
            for key in keys:
                table[key] = (*table.get(key, ()), tool.id)
        for folder in tool.folders:
            parts = tuple(folder.split("/"))
            self._folders[parts] = (*self._folders.get(parts, ()), tool.id)


def folder_keys(path: str, home: str) -> Iterable[tuple[str, ...]]:
    """The ancestors of a path, as components, absolute and (below a home) with `~` in front."""
    parts = path.split("/")
    for end in range(len(parts) - 1, 1, -1):
        yield tuple(parts[:end])
    if home and path.startswith(home.rstrip("/") + "/"):
        below = ["~", *path[len(home.rstrip("/")) + 1 :].split("/")]
        for end in range(len(below) - 1, 1, -1):
            yield tuple(below[:end])


def _identity(tool: str, matches: list[Match], seen: Observation) -> Identity:
    unique = tuple(sorted(set(matches)))
    confidence = max((MATCH_CONFIDENCE[m] for m in unique), key=lambda c: c.rank)
    version = seen.version or (parse_purl(seen.purl).version if seen.purl else "")
    return Identity(tool, version, unique, confidence)


def _map(value: object) -> Mapping[str, object]:
    return value if isinstance(value, Mapping) else {}


def _list(value: object) -> list[object]:
    return list(value) if isinstance(value, (list, tuple)) else []


def _keyed(value: object) -> Iterable[str]:
    for kind, names in _map(value).items():
        for name in _list(names):
            text = str(name)
            yield f"{kind}:{text.lower() if kind in _FOLDED else text}"


def _signers(signers: Mapping[str, object]) -> Iterable[str]:
    for one in _list(signers.get("apple")):
        yield f"apple:{_map(one).get('team')}/{_map(one).get('identifier')}"
    for one in _list(signers.get("authenticode")):
        yield f"authenticode:{_map(one).get('subject')}/{_map(one).get('product')}"
