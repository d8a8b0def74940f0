"""Python distributions: what pip, pipx, uv, conda and the system have put into folders of packages.

Where to look: the system's and each user's own folders, version managers, environments of pipx, uv and conda, the
usual places of virtual environments, one level below homes, and those of projects in the configured roots; prefixes
that folders of programs and running processes reveal. No Python is run and no module read: of each `.dist-info` name
and version, RECORD for the programs it brings, INSTALLER for who can uninstall it.
"""

from __future__ import annotations

import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Entry, Kind, Tree
from agent.host.oserrors import reason_of
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import Folder, expand, folder, glob, join, listed, projects
from agent.inventory.pypi_formats import (
    Distribution,
    package_purl,
    parse_folder,
    parse_metadata,
    parse_record,
    scripts_of,
)
from policy_schema.rules.observation import Face, Observation, Unknown

HEAD_OF_METADATA = 64 * 1024
MAX_RECORD = 8 << 20
MAX_DISTRIBUTIONS = 50_000
PROJECT_DEPTH = 3
_SITES = ("lib/python*/site-packages", "lib64/python*/site-packages", "Lib/site-packages")
"""Below the prefix of an environment, an interpreter or `~/.local`."""
_ENVIRONMENTS = (".venv", "venv", ".env", "env", ".virtualenv")
_MANIFESTS = ("pyproject.toml", "requirements.txt", "setup.py", "setup.cfg", "Pipfile", "uv.lock", "environment.yml")
_CONDAS = ("miniconda3", "anaconda3", "miniforge3", "mambaforge", "micromamba", ".conda", "miniconda", "anaconda")

SYSTEM_SITES = (
    "usr/lib/python*/dist-packages",
    "usr/lib/python*/site-packages",
    "usr/lib64/python*/site-packages",
    "usr/local/lib/python*/dist-packages",
    "usr/local/lib/python*/site-packages",
    "usr/local/lib64/python*/site-packages",
    "opt/homebrew/lib/python*/site-packages",
    "Library/Python/*/site-packages",
    "Library/Frameworks/Python.framework/Versions/*/lib/python*/site-packages",
)
SYSTEM_PREFIXES = {
    "": ("opt/*", "opt/*/*", "usr/local/python/*", "opt/hostedtoolcache/Python/*/*", "Program Files/Python*"),
    "conda": tuple(f"opt/{name}/{below}" for name in ("conda", *_CONDAS) for below in ("", "envs/*")),
    "pipx": ("opt/pipx/venvs/*", "usr/local/pipx/venvs/*", "usr/local/py-utils/venvs/*"),
    "uv": ("opt/uv/tools/*",),
}
USER_PREFIXES = {
    "": (
        "~/.local",
        "~/.pyenv/versions/*",
        "~/.pyenv/versions/*/envs/*",
        "~/.asdf/installs/python/*",
        "~/.local/share/mise/installs/python/*",
        "~/.local/share/uv/python/*",
        "~/.local/share/rye/py/*",
        "~/.rye/py/*",
        "~/.virtualenvs/*",
        "~/.local/share/virtualenvs/*",
        "~/.cache/pypoetry/virtualenvs/*",
        "~/Library/Caches/pypoetry/virtualenvs/*",
        "~/.local/share/hatch/env/virtual/*/*/*",
        "~/.local/share/hatch/env/virtual/*",
        "~/Library/Python/*",
        "~/AppData/Roaming/Python/Python*",
        "~/AppData/Local/Programs/Python/Python*",
        *(f"~/{name}" for name in _ENVIRONMENTS),
    ),
    "conda": tuple(f"~/{name}/{below}" for name in _CONDAS for below in ("", "envs/*")),
    "pipx": ("~/.local/share/pipx/venvs/*", "~/.local/pipx/venvs/*", "~/pipx/venvs/*", "~/.local/pipx/.cache/*"),
    "uv": ("~/.local/share/uv/tools/*",),
    "cache": ("~/.cache/uv/archive-v0/*", "~/.cache/uv/environments-v2/*", "~/.cache/pipx/*"),
}
"""Prefixes by the manager that made them. `cache`: of `uvx` and `pipx run`, which nobody uninstalls from."""


class _Site(NamedTuple):
    """A folder of packages to look through."""

    path: str
    prefix: str
    manager: str
    project: bool


class Pypi:
    """The source `pypi`."""

    name = "pypi"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        seen: set[str] = set()
        for found in _all_sites(machine):
            if machine.stopped():
                return
            if not isinstance(found, _Site):
                yield found
            elif found.path not in seen:
                seen.add(found.path)
                yield Root(found.path)
                yield from _look_through(machine, found)


# ---------------------------------------------------------------------------- where to look
def _all_sites(machine: Machine) -> Iterator[_Site | Unknown | Root]:
    for manager in ("pipx", "uv", "conda", "cache", ""):
        for found in expand(machine, SYSTEM_PREFIXES.get(manager, ()), USER_PREFIXES.get(manager, ())):
            if isinstance(found, Folder):
                yield from _sites_of(machine.tree, found.path, manager, project=_is_project_env(machine, found.path))
            else:
                yield found
    for found in expand(machine, SYSTEM_SITES, ()):
        if isinstance(found, Folder):
            yield _Site(found.path, posixpath.dirname(posixpath.dirname(posixpath.dirname(found.path))), "", False)
        else:
            yield found
    yield from _from_programs(machine)
    yield from _environments_below_homes(machine)
    for place in projects(machine, PROJECT_DEPTH):
        if isinstance(place, Unknown):
            yield place
        else:
            yield from _environments_in(machine, place, project=True)


def _environments_below_homes(machine: Machine) -> Iterator[_Site | Unknown | Root]:
    """`~/PROJECT/.venv`: one level below each home; deeper ones are looked for in the configured roots only."""
    for user in machine.users:
        entries = listed(machine.tree, user.home)
        if isinstance(entries, Unknown):
            yield entries
            continue
        for entry in entries:
            if entry.kind is Kind.FOLDER and not entry.name.startswith("."):
                yield from _environments_in(machine, join(user.home, entry.name), project=False)


def _environments_in(machine: Machine, place: str, project: bool) -> Iterator[_Site | Unknown | Root]:
    for name in _ENVIRONMENTS:
        for found in folder(machine.tree, join(place, name)):
            if isinstance(found, Unknown):
                yield found
            else:
                yield from _sites_of(machine.tree, found, "", project or _is_project_env(machine, found))


def _from_programs(machine: Machine) -> Iterator[_Site | Unknown | Root]:
    """`PREFIX/bin` in a PATH or of a running process reveals `PREFIX`."""
    files = [hint for hint in machine.hints if posixpath.basename(posixpath.dirname(hint)) == "bin"]
    bins = {*machine.path_folders, *(posixpath.dirname(hint) for hint in files)}
    for path in sorted(path for path in bins if posixpath.basename(path) == "bin"):
        prefix = posixpath.dirname(path)
        if prefix not in ("", "/", "/usr"):
            yield from _sites_of(machine.tree, prefix, "", _is_project_env(machine, prefix))
    for hint in machine.hints:
        head, inside, _ = hint.partition("/site-packages/")
        if inside:
            above = posixpath.dirname(posixpath.dirname(head))
            yield from _sites_of(machine.tree, above, "", _is_project_env(machine, above))


def _sites_of(tree: Tree, prefix: str, manager: str, project: bool) -> Iterator[_Site | Unknown | Root]:
    yield Root(join(prefix, "lib"), looked=False)
    for pattern in _SITES:
        for found in glob(tree, prefix, pattern):
            yield found if isinstance(found, Unknown) else _Site(found, prefix, manager, project)


def _is_project_env(machine: Machine, prefix: str) -> bool:
    """True if a project's manifest lies beside the environment; a home is nobody's project."""
    above = posixpath.dirname(prefix)
    if any(user.home == above for user in machine.users) or posixpath.basename(prefix) not in _ENVIRONMENTS:
        return False
    return any(machine.tree.exists(join(above, name)) for name in _MANIFESTS)


# ---------------------------------------------------------------------------- looking through
def _look_through(machine: Machine, site: _Site) -> Iterator[Observation | Unknown]:
    entries = listed(machine.tree, site.path)
    if isinstance(entries, Unknown):
        yield entries
        return
    named = [(entry, parse_folder(entry.name)) for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
    if len(named) > MAX_DISTRIBUTIONS:
        yield Unknown(site.path, f"more than {MAX_DISTRIBUTIONS} distributions")
    for entry, guess in named[:MAX_DISTRIBUTIONS]:
        if machine.stopped():
            return
        try:
            yield from _distribution(machine, site, entry, guess)
        except Gone:
            continue  # uninstalled while we looked, or an empty folder left over
        except InterdictError as error:
            yield unknown(join(site.path, entry.name), error)


def _distribution(
    machine: Machine, site: _Site, entry: Entry, guess: Distribution | None
) -> Iterator[Observation | Unknown]:
    tree, path = machine.tree, join(site.path, entry.name)
    facts = tree.facts(path)
    about = _about_file(facts.path, facts.kind, entry.name)
    try:
        found = parse_metadata(tree.head(about, HEAD_OF_METADATA))
    except (ValueError, InterdictError) as error:
        if isinstance(error, Gone) and not _has_record(tree, facts.path):
            raise
        yield Unknown(about, reason_of(error, about) if isinstance(error, InterdictError) else str(error))
        if guess is None:
            return
        found = guess  # it can still be imported and started: the folder's name says what it is
    yield Observation(
        source=Pypi.name,
        face=Face.PACKAGE,
        path=facts.path,
        owner=machine.owner(facts.uid),
        uid=facts.uid,
        name=found.name,
        version=found.version,
        purl=package_purl(found.name, found.version),
        links=tuple(_scripts(tree, facts.path, site.path)),
        project=site.project,
        manager=_manager(tree, site, facts.path),
        home=machine.home_of(facts.path),
        inode=(facts.device, facts.inode),
        prefix=site.prefix,
    )


def _about_file(path: str, kind: Kind, name: str) -> str:
    if name.endswith(".dist-info"):
        return join(path, "METADATA")
    return join(path, "PKG-INFO") if kind is Kind.FOLDER else path


def _has_record(tree: Tree, path: str) -> bool:
    return tree.exists(join(path, "RECORD"))


def _scripts(tree: Tree, info: str, site: str) -> list[str]:
    try:
        found = scripts_of(parse_record(tree.read(join(info, "RECORD"), MAX_RECORD)), site)
    except InterdictError:
        return []  # the system's own packages have none; the distribution itself was found
    return [path for path in found[:200] if tree.exists(path)]


def _manager(tree: Tree, site: _Site, info: str) -> str:
    """Who can uninstall it: the maker of the environment, else the one that INSTALLER names (PEP 376)."""
    if site.manager in ("pipx", "uv", "cache"):
        return site.manager.replace("cache", "")
    try:
        name = tree.read(join(info, "INSTALLER"), 64).decode("ascii", "replace").strip()
    except InterdictError:
        return ""
    return {"pip": "pip", "uv": "uv-pip", "conda": "conda"}.get(name, "")
