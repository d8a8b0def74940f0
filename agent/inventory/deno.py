"""Deno: programs that `deno install --global` made of npm and JSR packages, and the npm packages in its cache.

Where to look: `~/.deno/bin` and every folder of programs for the scripts that deno writes; the `node_modules` beside a
script is looked through by the source `npm`; deno's cache holds each npm package that was ever run, ready to be run.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Entry, Facts, Kind, Tree
from agent.inventory.deno_formats import Started, package_purl, parse_script
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.npm_formats import package_purl as npm_purl
from agent.inventory.npm_formats import parse_manifest
from agent.inventory.places import Folder, expand, glob, join, listed
from agent.inventory.prefixes import revealed_folders
from policy_schema.rules.observation import Face, Observation, Unknown

MAX_SCRIPT = 8 * 1024
MAX_MANIFEST = 1 << 20
MAX_PACKAGES = 20_000
SYSTEM = ("usr/local/deno/bin", "opt/deno/bin")
FOLDERS_OF_USERS = ("~/.deno/bin", "~/.local/share/deno/bin")
CACHES = ("deno-dir/npm/*",)
CACHES_OF_USERS = (
    "~/.cache/deno/npm/*",
    "~/.deno/npm/*",
    "~/Library/Caches/deno/npm/*",
    "~/AppData/Local/deno/npm/*",
)
"""One folder a registry."""


class Deno:
    """The source `deno`."""

    name = "deno"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        seen: set[str] = set()
        for found in _folders(machine):
            if machine.stopped():
                return
            if not isinstance(found, str):
                yield found
            elif found not in seen:
                seen.add(found)
                yield from _scripts(machine, found)
        for cache in expand(machine, CACHES, CACHES_OF_USERS):
            if isinstance(cache, Folder):
                yield Root(cache.path)
                yield from _cache(machine, cache.path)
            else:
                yield cache


def _folders(machine: Machine) -> Iterator[str | Unknown | Root]:
    for found in expand(machine, SYSTEM, FOLDERS_OF_USERS):
        if isinstance(found, Folder):
            yield Root(found.path)
        yield found.path if isinstance(found, Folder) else found
    yield from revealed_folders(machine)


# ---------------------------------------------------------------------------- scripts
def _scripts(machine: Machine, place: str) -> Iterator[Found]:
    entries = listed(machine.tree, place)
    if isinstance(entries, Unknown):
        yield entries
        return
    for entry in entries:
        if machine.stopped():
            return
        if entry.kind is Kind.FILE and not entry.name.startswith("."):
            yield from _script(machine, join(place, entry.name))


def _script(machine: Machine, path: str) -> Iterator[Found]:
    try:
        facts = machine.tree.facts(path)
        if facts.size > MAX_SCRIPT or facts.kind is not Kind.FILE:
            return
        started = parse_script(machine.tree.read(path, MAX_SCRIPT))
    except Gone:
        return
    except InterdictError as error:
        yield unknown(path, error)
        return
    if started is None:
        return
    package = _installed(machine, facts.path, started)
    yield Observation(
        source=Deno.name,
        face=Face.PACKAGE,
        path=facts.path,
        owner=machine.owner(facts.uid),
        uid=facts.uid,
        name=started.name,
        version=started.version,
        purl=package_purl(started),
        container=npm_purl(started.name) if package else "",
        container_path=package,
        manager="deno",
        home=machine.home_of(facts.path),
        inode=(facts.device, facts.inode),
        prefix=posixpath.dirname(posixpath.dirname(facts.path)),
    )


def _installed(machine: Machine, script: str, started: Started) -> str:
    """The package's own folder: in the `node_modules` that newer versions put beside the script, or in the cache."""
    folder, name = posixpath.split(script)
    try:
        return machine.tree.resolve(join(folder, f".{name.removesuffix('.cmd')}/node_modules/{started.name}"))
    except InterdictError:
        home = machine.home_of(script)
    if started.kind != "npm" or not started.version or not home:
        return ""
    patterns = (f"{cache.removeprefix('~/')}/{started.name}/{started.version}" for cache in CACHES_OF_USERS)
    cached = (found for pattern in patterns for found in glob(machine.tree, home, pattern))
    return next((found for found in cached if isinstance(found, str)), "")


# ---------------------------------------------------------------------------- the cache
def _cache(machine: Machine, registry: str) -> Iterator[Found]:
    count = 0
    for package in _names(machine.tree, registry):
        if isinstance(package, Unknown):
            yield package
            continue
        versions = listed(machine.tree, package)
        for entry in [] if isinstance(versions, Unknown) else versions:
            if machine.stopped():
                return
            if entry.kind is Kind.FOLDER:
                count += 1
                yield from _cached(machine, join(package, entry.name))
        if count > MAX_PACKAGES:
            yield Unknown(registry, f"more than {MAX_PACKAGES} packages")
            return


def _names(tree: Tree, registry: str) -> Iterator[str | Unknown]:
    """The folders of packages: `NAME` and `@SCOPE/NAME`."""
    entries = listed(tree, registry)
    if isinstance(entries, Unknown):
        yield entries
        return
    for entry in entries:
        if entry.kind is not Kind.FOLDER:
            continue
        if not entry.name.startswith("@"):
            yield join(registry, entry.name)
            continue
        below = listed(tree, join(registry, entry.name))
        if isinstance(below, Unknown):
            yield below
            continue
        yield from (join(registry, f"{entry.name}/{one.name}") for one in below if _is_folder(one))


def _is_folder(entry: Entry) -> bool:
    return entry.kind is Kind.FOLDER


def _cached(machine: Machine, path: str) -> Iterator[Observation | Unknown]:
    about = join(path, "package.json")
    try:
        facts: Facts = machine.tree.facts(path)
        manifest = parse_manifest(machine.tree.read(about, MAX_MANIFEST))
    except Gone:
        return
    except ValueError as error:
        yield Unknown(about, str(error))
        return
    except InterdictError as error:
        yield unknown(about, error)
        return
    yield Observation(
        source=Deno.name,
        face=Face.PACKAGE,
        path=facts.path,
        owner=machine.owner(facts.uid),
        uid=facts.uid,
        name=manifest.name,
        version=manifest.version,
        purl=npm_purl(manifest.name, manifest.version),
        home=machine.home_of(facts.path),
        inode=(facts.device, facts.inode),
        prefix=posixpath.dirname(posixpath.dirname(facts.path)),
    )
