"""Entry files of installed packages: what an interpreter is given to open when the package's program starts.

The gate marks these files, so that `node cli.js` is refused by whatever copy of node. Read from the package's own
metadata, which whoever owns it can write: bounded, and a name that leads out of the package is left out.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterable, Iterator, Mapping

from agent.errors import InterdictError
from agent.host.files import Kind, Tree
from agent.inventory.npm_formats import parse_manifest

_MOST_MANIFEST = 1 << 20
_MOST_RECORD = 4 << 20
MOST_ENTRIES = 32
"""Entry files of one package that are told."""


def read_entries(packages: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """The entry files of each package that has any; from the package's folder to its purl."""
    found: dict[str, tuple[str, ...]] = {}
    try:
        with Tree("/") as tree:
            for folder, purl in packages.items():
                files = tuple(_entries(tree, folder, purl))[:MOST_ENTRIES]
                if files:
                    found[folder] = files
    except InterdictError:
        # The root itself cannot be looked at: then nothing is known, and the gate goes by folders and content alone.
        return found
    return found


def _entries(tree: Tree, folder: str, purl: str) -> Iterator[str]:
    try:
        if purl.startswith("pkg:npm/"):
            wanted = npm_entries(folder, tree.read(posixpath.join(folder, "package.json"), _MOST_MANIFEST))
        elif purl.startswith("pkg:pypi/"):
            wanted = pypi_entries(folder, tree.read(posixpath.join(folder, "RECORD"), _MOST_RECORD))
        else:
            return
    except (InterdictError, ValueError):
        return  # gone or broken since it was found: the next look tells
    for path in wanted:
        try:
            if tree.facts(path, follow=False).kind is Kind.FILE:
                yield path
        except InterdictError:
            continue


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
