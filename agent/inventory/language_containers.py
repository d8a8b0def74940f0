"""Which crate, gem, keg of Homebrew or package of Nix a file belongs to; asked by `containers` after packages of npm,
PyPI and editors, which may lie inside of these.
"""

from __future__ import annotations

import posixpath

from agent.errors import InterdictError
from agent.host.files import Tree
from agent.inventory import brew, cargo, gem, nix
from agent.inventory.gem_formats import package_purl as gem_purl
from agent.inventory.gem_formats import parse_file_name, parse_specification, started_gem
from agent.inventory.places import join, listed
from policy_schema.rules.identity import make_purl
from policy_schema.rules.observation import Unknown

Around = tuple[str, str]
"""The purl without version, and where it is: as its source reports it."""


def package_around(tree: Tree, path: str) -> Around | None:
    """The package around a file, by its canonical path; None if it belongs to none of these."""
    return nix.package_around(path) or _keg(path) or _gem(tree, path) or _started(tree, path)


def _keg(path: str) -> Around | None:
    for store in brew.STORES:
        above, inside, below = path.partition(f"/{store}/")
        name, _, rest = below.partition("/")
        folder = rest.partition("/")[0]
        if inside and rest and brew.parse_keg(name, folder):
            return make_purl("brew", name), f"{above}/{store}/{name}/{folder}"
    return None


def _gem(tree: Tree, path: str) -> Around | None:
    """A file in the gem's own folder: `HOME/gems/NAME-VERSION`, with the specification beside `gems`."""
    home, inside, below = path.rpartition("/gems/")
    stem = below.partition("/")[0]
    if not inside or stem == below:
        return None
    name = _name(tree, home, stem)
    return (gem_purl(name), f"{home}/gems/{stem}") if name else None


def _name(tree: Tree, home: str, stem: str) -> str:
    about = join(home, f"specifications/{stem}.gemspec")
    if not tree.exists(about):
        return ""
    try:
        return parse_specification(tree.read(about, gem.MAX_SPECIFICATION)).name
    except (InterdictError, ValueError):
        found = parse_file_name(stem)  # as the source `gem` calls it
        return found.name if found else ""


def _started(tree: Tree, path: str) -> Around | None:
    """A program of a crate, or a script that starts a gem's program: in a folder of programs."""
    folder, program = posixpath.split(path)
    prefix, name = posixpath.split(folder)
    if name != "bin":
        return None
    for crate in cargo.installed(tree, prefix)[0]:
        if program in crate.programs:
            there = cargo.programs_of(tree, prefix, crate).there
            return (make_purl("cargo", crate.name), there[0].path) if there else None
    return _started_gem(tree, path, folder)


def _started_gem(tree: Tree, path: str, folder: str) -> Around | None:
    try:
        name = started_gem(tree.head(path, gem.MAX_STUB))
    except InterdictError:
        return None  # unreadable: it stands for itself
    if not name:
        return None
    for home in gem.homes_of(tree, folder):
        entries = listed(tree, join(home, "gems"))
        stems = [] if isinstance(entries, Unknown) else [e.name for e in entries if e.name.startswith(f"{name}-")]
        own = [stem for stem in stems if _name(tree, home, stem) == name]
        if own:
            return gem_purl(name), f"{home}/gems/{max(own, key=_order)}"
    return None


def _order(stem: str) -> tuple[int, ...]:
    """RubyGems starts the newest version; near enough to find its folder."""
    found = parse_file_name(stem)
    return tuple(int(part) for part in found.version.split(".") if part.isdecimal()) if found else ()
