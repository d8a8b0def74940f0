"""From single observations to installations: one copy of one tool on this machine. Pure.

1. What was recognised as no tool is left out; it still counts as a container that others lie in.
2. A program inside a package (extension, app) whose tool `embeds` the recognised one is that package's tool.
3. Things of one tool inside each other are one installation; the outermost package gives it its path and version.
4. Platform packages that the package manager put beside the package (`NAME-linux-x64`, same version) belong to it,
   and so does a launcher in the folder that holds the package's `node_modules`.
5. Everything else is an installation of its own: two versions of a native installer are two.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from typing import NamedTuple

from policy_schema.rules.decision import Identity
from policy_schema.rules.identity import installation_id
from policy_schema.rules.observation import Confidence, Face, Match, Observation

Identify = Callable[[Observation], Identity | None]

_CONTAINERS = (Face.PACKAGE, Face.EXTENSION, Face.APP)
_INSTALLED = (*_CONTAINERS, Face.EXECUTABLE)
_MAX_NESTING = 64


class Installation(NamedTuple):
    """One copy of one tool. `id` stays the same over rescans as long as tool and path do."""

    id: str
    tool: str
    version: str
    """Empty when nothing tells it."""
    path: str
    """The outermost package of the tool, or the program itself."""
    owner: str
    uid: int
    purl: str
    """With version; empty when no package is known."""
    observations: tuple[Observation, ...]
    matches: tuple[Match, ...]
    confidence: Confidence
    project: bool

    @property
    def parts(self) -> tuple[str, ...]:
        """Every path to move so that nothing of it is left: its own first, then platform packages beside it."""
        own = self.path
        others = sorted({seen.path for seen in self.observations if not _inside(seen.path, own)})
        return (own, *(path for path in others if not any(_inside(path, other) for other in others if other != path)))


class _Part(NamedTuple):
    """An observation with the tool it counts for, and the path of the installation it would be part of."""

    seen: Observation
    identity: Identity
    tool: str
    anchor: str


def group(
    observations: Iterable[Observation], identify: Identify, embeds: Mapping[str, frozenset[str]]
) -> list[Installation]:
    """Every installation among the observations, by tool and path. Processes, settings and residue are none."""
    everything = [seen for seen in observations if seen.face in _INSTALLED]
    around = _Surroundings(everything, identify)
    parts = [part for seen in everything if (part := _part(seen, around, embeds))]
    merged = _beside(parts)
    bundles: dict[tuple[str, str], list[_Part]] = {}
    for part in parts:
        anchor = merged.get((part.tool, part.anchor), part.anchor)
        bundles.setdefault((part.tool, anchor), []).append(part)
    return [_installation(tool, path, bundle) for (tool, path), bundle in sorted(bundles.items())]


class _Surroundings:
    """Which packages lie around an observation, and which tools those are."""

    def __init__(self, everything: Sequence[Observation], identify: Identify) -> None:
        self.identify = identify
        self._by_path = {seen.path: seen for seen in everything if seen.face in _CONTAINERS}
        self._tools: dict[tuple[str, str], str] = {}

    def of(self, seen: Observation) -> Iterator[tuple[str, str]]:
        """(path, tool) of every package around it, the nearest first; tool is empty for one that is not known."""
        for _ in range(_MAX_NESTING):
            if not seen.container_path or seen.container_path == seen.path:
                return
            path, container = seen.container_path, seen.container
            above = self._by_path.get(path)
            yield path, self._tool(above or _stand_in(path, container))
            if above is None:
                return
            seen = above

    def _tool(self, container: Observation) -> str:
        key = (container.path, container.purl)
        if key not in self._tools:
            identity = self.identify(container)
            self._tools[key] = identity.tool if identity else ""
        return self._tools[key]


def _part(seen: Observation, around: _Surroundings, embeds: Mapping[str, frozenset[str]]) -> _Part | None:
    identity = around.identify(seen)
    if identity is None:
        return None
    surroundings = list(around.of(seen))
    tool = identity.tool
    if seen.face is Face.EXECUTABLE:
        carriers = (outer for _, outer in surroundings if tool in embeds.get(outer, frozenset()))
        tool = next(carriers, tool)
    own = [path for path, outer in surroundings if outer == tool]
    return _Part(seen, identity, tool, own[-1] if own else seen.path)


def _beside(parts: Sequence[_Part]) -> dict[tuple[str, str], str]:
    """From the (tool, anchor) of a platform package or launcher to the anchor of the package that it belongs to."""
    heads = [part for part in parts if part.seen.face is Face.PACKAGE and part.anchor == part.seen.path]
    places: dict[tuple[str, str], list[_Part]] = {}
    for head in heads:
        if modules := modules_folder(head.seen.path):
            places.setdefault((head.tool, modules), []).append(head)
    found: dict[tuple[str, str], str] = {}
    for row in places.values():
        for part in row:
            mains = [main for main in row if _platform_of(part.seen, main.seen)]
            if mains:
                found[part.tool, part.anchor] = min(mains, key=lambda main: len(main.seen.name)).anchor
    for part in parts:
        beside = places.get((part.tool, posixpath.join(posixpath.dirname(part.seen.path), "node_modules")), [])
        if part.anchor == part.seen.path and part.seen.face is Face.EXECUTABLE and beside:
            anchors = sorted(found.get((b.tool, b.anchor), b.anchor) for b in beside)
            found[part.tool, part.anchor] = anchors[0]
    return found


def modules_folder(path: str) -> str:
    """The `node_modules` that a package lies in (for pnpm's stores the store itself); empty if there is none."""
    head, separator, name = path.rpartition("/node_modules/")
    if not separator or name.count("/") > (1 if name.startswith("@") else 0):
        return ""
    store = posixpath.dirname(head)
    shared, links, _ = head.rpartition("/links/")
    if links and "/store/" in shared:
        return f"{shared}/links"
    return store if posixpath.basename(store) in (".pnpm", ".deno") else f"{head}/node_modules"


def _platform_of(part: Observation, main: Observation) -> bool:
    """True if `part` is what `main` brings for one operating system: `NAME-linux-x64` of the same version."""
    _, _, folder = part.path.rpartition("/node_modules/")
    named = any(name.startswith(f"{main.name}-") for name in (part.name, folder))
    return main is not part and named and (part.version == main.version or part.version.startswith(f"{main.version}-"))


def _installation(tool: str, path: str, bundle: Sequence[_Part]) -> Installation:
    head = next((part for part in bundle if part.seen.path == path), bundle[0])
    same = [part for part in bundle if part.identity.tool == tool]
    # What the bytes say comes first: anybody can write another version into a package.json of theirs.
    told = sorted((head, *same), key=lambda part: not part.seen.content)
    versions = [part.identity.version for part in told if part.identity.tool == tool and part.identity.version]
    is_package = head.seen.path == path or not head.seen.container_path
    return Installation(
        id=installation_id(tool, path),
        tool=tool,
        version=versions[0] if versions else "",
        path=path,
        owner=head.seen.owner,
        uid=head.seen.uid,
        # What a manager of the system brought stays its: the package counts even where no tool is known by it.
        purl=head.seen.purl if is_package and not head.seen.manager else head.seen.purl or head.seen.container,
        observations=tuple(sorted((part.seen for part in bundle), key=lambda seen: (seen.path, seen.source))),
        matches=tuple(sorted({match for part in bundle for match in part.identity.matches})),
        confidence=max((part.identity.confidence for part in bundle), key=lambda confidence: confidence.rank),
        project=head.seen.project,
    )


def _stand_in(path: str, container: str) -> Observation:
    """A package that no source has seen itself, by what is known from inside it."""
    if container.startswith("pkg:"):
        return Observation("", Face.PACKAGE, path, purl=container)
    kind = container.partition(":")[0]
    if kind in ("macos", "windows", "linux"):
        return Observation("", Face.APP, path, app=container)
    return Observation("", Face.EXTENSION, path, extension=container)


def _inside(path: str, folder: str) -> bool:
    return path == folder or path.startswith(folder.rstrip("/") + "/")
