"""Entry files of installations: what an interpreter, or a loader, is given to open when the program starts.

The gate marks these files, so that `node cli.js` is refused by whatever copy of node, and `ld.so program` too. Read
from the package's own metadata, which whoever owns it can write: bounded, and a name that leads out of the package is
left out.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping
from typing import NamedTuple

from agent.errors import InterdictError
from agent.host.files import Kind, Tree
from agent.inventory.installations import Installation
from agent.inventory.npm_formats import parse_manifest
from policy_schema.rules.observation import Confidence, Face

_MOST_MANIFEST = 1 << 20
_MOST_RECORD = 4 << 20
MOST_ENTRIES = 32
"""Entry files of one installation that are told."""


class Sought(NamedTuple):
    """Where the entry files of an installation are looked for."""

    programs: tuple[str, ...]
    """Programs of it that the inventory has recognised."""
    packages: tuple[tuple[str, str], ...]
    """Folder and purl of each package: itself, and what it brings for this system."""


def sought(installation: Installation) -> Sought:
    """Where entry files of an installation can be. Pure. What only a name speaks for is not acted on, so not marked."""
    seen = installation.observations if installation.confidence is not Confidence.WEAK else ()
    own = [(installation.path, installation.purl)] if installation.purl else []
    packages = [(one.path, one.purl) for one in seen if one.face is Face.PACKAGE and one.purl]
    programs = (one.path for one in seen if one.face is Face.EXECUTABLE)
    return Sought(tuple(dict.fromkeys(programs)), tuple(dict.fromkeys([*own, *packages])))


def read_entries(installed: Mapping[str, Sought]) -> dict[str, tuple[str, ...]]:
    """The entry files of each installation that has any, by its path."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        with Tree("/") as tree:
            for path, where in installed.items():
                files = _files(tree, [*where.programs, *_of_packages(tree, where.packages)])
                if files:
                    found[path] = files
    except InterdictError:
        # The root itself cannot be looked at: then nothing is known, and the gate goes by folders and content alone.
        return found
    return found


def _of_packages(tree: Tree, packages: Iterable[tuple[str, str]]) -> Iterator[str]:
    for folder, purl in packages:
        try:
            if purl.startswith("pkg:npm/"):
                yield from npm_entries(folder, tree.read(posixpath.join(folder, "package.json"), _MOST_MANIFEST))
            elif purl.startswith("pkg:pypi/"):
                yield from pypi_entries(folder, tree.read(posixpath.join(folder, "RECORD"), _MOST_RECORD))
        except (InterdictError, ValueError):
            continue  # gone or broken since it was found: the next look tells


def _files(tree: Tree, paths: Iterable[str]) -> tuple[str, ...]:
    """Those that are regular files themselves."""
    found: list[str] = []
    for path in dict.fromkeys(paths):
        try:
            if tree.facts(path, follow=False).kind is Kind.FILE:
                found.append(path)
        except InterdictError:
            continue
        if len(found) == MOST_ENTRIES:
            break
    return tuple(found)


def npm_entries(folder: str, manifest: bytes) -> list[str]:
    """The programs that a `package.json` names, inside its folder. Pure.

    Raises:
        ValueError: it is none.
    """
    return _inside(folder, parse_manifest(manifest).bins.values())


def pypi_entries(folder: str, record: bytes) -> list[str]:
    """Scripts and `__main__.py` that a `RECORD` names, inside its environment. Pure.

    `folder` is the `.dist-info`; a RECORD's paths begin beside it (the specification of recorded installs).
    """
    site = posixpath.dirname(folder)
    names = (line.split(",", 1)[0].strip('"') for line in record.decode("utf-8", "replace").splitlines())
    wanted = [name for name in names if _is_script(name) or (name.endswith("/__main__.py") and name.count("/") == 1)]
    # ENVIRONMENT/lib/pythonX.Y/site-packages: its programs stand in ENVIRONMENT/bin.
    return _inside(posixpath.normpath(posixpath.join(site, "../../..")), (posixpath.join(site, n) for n in wanted))


def _is_script(name: str) -> bool:
    return name.startswith("../../../bin/") and name.count("/") == 4


def _inside(folder: str, names: Iterable[str]) -> list[str]:
    made = (posixpath.normpath(posixpath.join(folder, name)) for name in names if "\0" not in name)
    return list(dict.fromkeys(path for path in made if path.startswith(folder.rstrip("/") + "/")))
