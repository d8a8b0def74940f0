"""Python distributions: what pip, pipx, uv, conda and the system have put into folders of packages.

Where to look: the system's and each user's own folders, version managers, environments of pipx, uv and conda, the
usual places of virtual environments, one level below homes, and those of projects in the configured roots; prefixes
that folders of programs and running processes reveal. No Python is run and no module read: of each `.dist-info` name
and version, RECORD for the programs it brings, INSTALLER for who can uninstall it.
"""

from __future__ import annotations

import contextlib
import functools
import posixpath
from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Entry, HeldFolder, Kind, Tree
from agent.host.oserrors import reason_of
from agent.inventory.interface import Found, Machine, Part, Root, unknown
from agent.inventory.places import Folder, blocked, expand, folder, glob, join, listed, projects, recalled, said
from agent.inventory.pypi_formats import (
    Distribution,
    package_purl,
    parse_folder,
    parse_metadata,
    parse_record,
    scripts_of,
    starts_of,
)
from policy_schema.rules.observation import Face, Observation, Unknown

HEAD_OF_METADATA = 64 * 1024
MAX_RECORD = 8 << 20
MAX_DISTRIBUTIONS = 50_000
PROJECT_DEPTH = 3
LEVELS_OF_MODULE = 4
_MAX_PROGRAMS = 200
_ABOUT, _RECORD, _INSTALLER = b"m", b"r", b"i"
_Seen = Observation | Unknown | Root
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
    "home/linuxbrew/.linuxbrew/lib/python*/site-packages",
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
        "~/.rye/py/*/install",
        "~/.rye/tools/*",
        "~/.local/share/rtx/installs/python/*",
        "~/.local/share/mise/installs/pipx-*/*/*",
        "~/.local/share/pdm/venvs/*",
        "~/.local/share/pypoetry/venv",
        "~/.pixi/envs/*",
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
    "conda": (
        *(f"~/{name}/{below}" for name in _CONDAS for below in ("", "envs/*")),
        "~/.local/share/mamba/envs/*",
    ),
    "pipx": (
        "~/.local/share/pipx/venvs/*",
        "~/.local/pipx/venvs/*",
        "~/pipx/venvs/*",
        "~/.local/pipx/.cache/*",
        "~/Library/Application Support/pipx/venvs/*",
        "~/.local/share/mise/installs/pipx-*/*/venvs/*",
    ),
    "uv": ("~/.local/share/uv/tools/*", "~/AppData/Roaming/uv/tools/*"),
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
                again = functools.partial(_look_through, found)
                yield Part(found.path, again(machine), again)


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
        else:
            yield from _around_module(machine, hint)


def _around_module(machine: Machine, module: str) -> Iterator[_Site]:
    """The folder above a running module that holds distributions, whatever it is called (`pip install --target`)."""
    above = posixpath.dirname(module)
    for _ in range(LEVELS_OF_MODULE):
        above = posixpath.dirname(above)
        entries = listed(machine.tree, above) if above != "/" else []
        if not isinstance(entries, Unknown) and any(entry.name.endswith(".dist-info") for entry in entries):
            yield from (
                _Site(found, found, "", False) for found in folder(machine.tree, above) if isinstance(found, str)
            )
            return


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
def _look_through(site: _Site, machine: Machine) -> Iterator[_Seen]:
    yield Root(site.path)
    try:
        with machine.tree.hold(site.path) as held:
            entries = recalled(machine, held)
            named = [entry for entry in entries if entry.name.endswith((".dist-info", ".egg-info"))]
            if len(named) > MAX_DISTRIBUTIONS:
                yield Unknown(site.path, f"more than {MAX_DISTRIBUTIONS} distributions")
            starts = _Starts(machine, site.path)
            for entry in named[:MAX_DISTRIBUTIONS]:
                if machine.stopped():
                    return
                try:
                    yield from _distribution(machine, site, held, entry, starts)
                except Gone:
                    continue  # uninstalled while we looked, or an empty folder left over
                except InterdictError as error:
                    yield unknown(join(site.path, entry.name), error)
    except Gone:
        return
    except InterdictError as error:
        yield blocked(machine.tree, site.path, error)


def _distribution(
    machine: Machine, site: _Site, above: HeldFolder, entry: Entry, starts: _Starts
) -> Iterator[Observation | Unknown]:
    """One `.dist-info` or `.egg-info`: a folder, a link to one, or (old ones) a single file."""
    path, is_file = join(above.path, entry.name), entry.kind is Kind.FILE
    if entry.kind is Kind.LINK:
        facts = machine.tree.facts(path)
        path, is_file = facts.path, facts.kind is Kind.FILE
    about = "METADATA" if entry.name.endswith(".dist-info") else "PKG-INFO"
    with contextlib.ExitStack() as closing:
        info = above
        if is_file:
            about = posixpath.basename(path)
            facts = machine.tree.facts(path)
            info = closing.enter_context(machine.tree.hold(posixpath.dirname(path)))
        else:
            info = closing.enter_context(machine.tree.hold(path) if entry.kind is Kind.LINK else above.step(entry.name))
            facts = info.facts()
        guess = parse_folder(entry.name)
        try:
            found = Distribution(*said(machine, info, about, _ABOUT, _about, HEAD_OF_METADATA).decode().split("\0"))
        except (ValueError, InterdictError) as error:
            if isinstance(error, Gone) and (is_file or not _has(info, "RECORD")):
                raise
            place = join(info.path, about)
            yield Unknown(place, reason_of(error, place) if isinstance(error, InterdictError) else str(error))
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
            links=() if is_file else starts.of(info),
            project=site.project,
            manager=_manager(machine, site, None if is_file else info),
            home=machine.home_of(facts.path),
            inode=(facts.device, facts.inode),
            prefix=site.prefix,
        )


def _about(data: bytes) -> bytes:
    return "\0".join(parse_metadata(data)).encode()


def _installer(data: bytes) -> bytes:
    return data.strip()


def _programs(data: bytes) -> bytes:
    if len(data) > MAX_RECORD:
        return b""
    return "\n".join(starts_of(data)[:_MAX_PROGRAMS]).encode()


def _has(held: HeldFolder, name: str) -> bool:
    try:
        held.look(name)
    except InterdictError:
        return False
    return True


class _Starts:
    """The programs that distributions of one folder have brought, as far as they are there."""

    def __init__(self, machine: Machine, site: str) -> None:
        self._machine = machine
        self._site = site
        self._there: dict[str, dict[str, Kind]] = {}

    def of(self, info: HeldFolder) -> tuple[str, ...]:
        """The paths of a distribution's programs, by its RECORD."""
        try:
            lines = said(self._machine, info, "RECORD", _RECORD, _programs, MAX_RECORD + 1)
        except InterdictError:
            return ()  # the system's own packages have none; the distribution itself was found
        found = scripts_of(parse_record(lines), self._site) if lines else []
        return tuple(path for path in found if self._is_there(path))

    def _is_there(self, path: str) -> bool:
        folder, _, name = path.rpartition("/")
        if folder not in self._there:
            self._there[folder] = self._names(folder)
        kind = self._there[folder].get(name)
        return kind is Kind.FILE or (kind is Kind.LINK and self._machine.tree.exists(path))

    def _names(self, folder: str) -> dict[str, Kind]:
        try:
            with self._machine.tree.hold(folder) as held:
                return {entry.name: entry.kind for entry in recalled(self._machine, held)}
        except InterdictError:
            return {}


def _manager(machine: Machine, site: _Site, info: HeldFolder | None) -> str:
    """Who can uninstall it: the maker of the environment, else the one that INSTALLER names (PEP 376)."""
    if site.manager in ("pipx", "uv", "cache"):
        return site.manager.replace("cache", "")
    if info is None:
        return ""
    try:
        name = said(machine, info, "INSTALLER", _INSTALLER, _installer, 64).decode("ascii", "replace")
    except InterdictError:
        return ""
    return {"pip": "pip", "uv": "uv-pip", "conda": "conda"}.get(name, "")
