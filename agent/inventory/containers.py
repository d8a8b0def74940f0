"""Which package a file belongs to: the nearest `package.json` below a `node_modules`, the distribution whose RECORD
names it, the editor's extension in whose folder it lies, or the application of macOS that it is part of. Scripts that
only start something (of pnpm, or written by an installer) belong to what they start.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Tree
from agent.inventory.language_containers import package_around
from agent.inventory.macos_formats import MAX_PLIST, parse_bundle
from agent.inventory.npm_formats import package_purl as npm_purl
from agent.inventory.npm_formats import parse_manifest
from agent.inventory.places import glob, join, listed
from agent.inventory.pypi_formats import package_purl as pypi_purl
from agent.inventory.pypi_formats import parse_folder, parse_record
from agent.inventory.vscode_formats import parse_folder as parse_extension_folder
from agent.inventory.vscode_formats import parse_manifest as parse_extension
from agent.inventory.windows_containers import package_around as package_of_windows
from policy_schema.rules.identity import normal_name
from policy_schema.rules.observation import Unknown

MAX_SHIM = 8 * 1024
_MAX_MANIFEST = 1 << 20
_MAX_EXTENSION = 4 << 20
_MAX_RECORD = 8 << 20
_MAX_DISTRIBUTIONS = 2_000
_SITES = ("site-packages", "dist-packages")
_SITE_PATTERNS = ("lib/python*/site-packages", "lib/python*/dist-packages", "Lib/site-packages")
_INTO_MODULES = re.compile(rb"[^\s\"'`;|&<>=()]*node_modules/[^\s\"'`;|&<>()]+")


class Container(NamedTuple):
    """A package, extension or application and where it is: its folder, or a `.dist-info`."""

    purl: str
    """Without version. Of an extension or application its key, such as `vscode:anthropic.claude-code`."""
    path: str


def container_of(tree: Tree, path: str) -> Container | None:
    """The nearest package around a file, by its canonical path; None if it belongs to none."""
    folder = posixpath.dirname(path)
    while folder != "/":
        found = _npm_package(tree, folder) if is_package_folder(folder) else None
        if found is None and posixpath.basename(folder) in _SITES:
            found = _distribution(tree, folder, path)
        if found is None and posixpath.basename(posixpath.dirname(folder)) == "extensions":
            found = _editor_extension(tree, folder)
        if found is None and folder.casefold().endswith(".app"):
            found = _application(tree, folder)
        if found is not None:
            return found
        folder = posixpath.dirname(folder)
    found = _of_script(tree, path) if posixpath.basename(posixpath.dirname(path)) in ("bin", "Scripts") else None
    around = (package_around(tree, path) or package_of_windows(tree, path)) if found is None else None
    return Container(*around) if around else found


def started_by(tree: Tree, path: str, script: bytes) -> Container | None:
    """The package that a short start script leads into, by the first path through `node_modules` that is there."""
    for match in _INTO_MODULES.findall(script)[:20]:
        text = match.decode("utf-8", "surrogateescape").replace("$basedir", posixpath.dirname(path))
        try:
            target = tree.resolve(text if text.startswith("/") else join(posixpath.dirname(path), text))
        except InterdictError:
            continue  # another place that the script would try
        found = container_of(tree, target)
        if found is not None:
            return found
    return None


def is_package_folder(path: str) -> bool:
    """True for `…/node_modules/NAME` and `…/node_modules/@SCOPE/NAME`."""
    above, _, name = path.rpartition("/")
    if posixpath.basename(above).startswith("@"):
        above = posixpath.dirname(above)
    return posixpath.basename(above) == "node_modules" and not name.startswith((".", "@"))


def folder_name(package: str) -> str:
    """`@scope/name` or `name`, as the folder below `node_modules` is called."""
    above, _, name = package.rpartition("/")
    scope = posixpath.basename(above)
    return f"{scope}/{name}" if scope.startswith("@") else name


def _npm_package(tree: Tree, folder: str) -> Container | None:
    try:
        name = parse_manifest(tree.read(join(folder, "package.json"), _MAX_MANIFEST)).name
    except Gone:
        return None
    except (InterdictError, ValueError):
        name = folder_name(folder)  # as the source `npm` calls it
    purl = npm_purl(name)
    return Container(purl, folder) if purl else None


def _editor_extension(tree: Tree, folder: str) -> Container | None:
    try:
        extension = parse_extension(tree.read(join(folder, "package.json"), _MAX_EXTENSION))
    except Gone:
        return None
    except (InterdictError, ValueError):
        extension = parse_extension_folder(posixpath.basename(folder))  # as the source `vscode` calls it
    return Container(extension.key, folder) if extension else None


def _application(tree: Tree, folder: str) -> Container | None:
    try:
        return Container(parse_bundle(tree.read(join(folder, "Contents/Info.plist"), MAX_PLIST)).key, folder)
    except (InterdictError, ValueError):
        return None  # not told: what lies in it stands for itself


def _distribution(tree: Tree, site: str, path: str) -> Container | None:
    below = path[len(site) + 1 :]
    top = normal_name("pypi", below.partition("/")[0].partition(".")[0])
    rows = sorted(_distributions(tree, site), key=lambda row: normal_name("pypi", row[1]) != top)
    for info, name in rows[:_MAX_DISTRIBUTIONS]:
        if _records(tree, info, below):
            return Container(pypi_purl(name), info)
    return None


def _of_script(tree: Tree, path: str) -> Container | None:
    prefix = posixpath.dirname(posixpath.dirname(path))
    for pattern in _SITE_PATTERNS:
        for site in glob(tree, prefix, pattern):
            if isinstance(site, Unknown):
                continue  # the source `pypi` reports it
            below = posixpath.relpath(path, site)
            for info, name in list(_distributions(tree, site))[:_MAX_DISTRIBUTIONS]:
                if _records(tree, info, below):
                    return Container(pypi_purl(name), info)
    return None


def _distributions(tree: Tree, site: str) -> Iterator[tuple[str, str]]:
    entries = listed(tree, site)
    for entry in [] if isinstance(entries, Unknown) else entries:
        named = parse_folder(entry.name) if entry.name.endswith(".dist-info") else None
        if named:
            yield join(site, entry.name), named.name


def _records(tree: Tree, info: str, below: str) -> bool:
    try:
        data = tree.read(join(info, "RECORD"), _MAX_RECORD)
    except InterdictError:
        return False  # a distribution without a readable RECORD owns nothing that can be told
    return below.encode("utf-8", "surrogateescape") in data and below in parse_record(data)
