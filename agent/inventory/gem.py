"""Ruby gems: what `gem` and Bundler have installed, by the specifications beside them; no Ruby is run.

Where to look: gem homes of the system, of distributions and of each user; rbenv, rvm, asdf, mise, chruby; Homebrew;
those that `~/.gemrc`, folders of programs and running processes reveal; `vendor/bundle` in the configured roots.
"""

from __future__ import annotations

import posixpath
import re
from collections.abc import Iterator
from typing import NamedTuple

from agent.errors import Gone, InterdictError
from agent.host.files import Tree, printable
from agent.host.oserrors import reason_of
from agent.inventory.gem_formats import Gem, package_purl, parse_file_name, parse_specification, started_gem
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import Folder, expand, folder, glob, join, listed, projects
from agent.inventory.prefixes import revealed_prefixes
from policy_schema.rules.observation import Face, Observation, Unknown

MAX_SPECIFICATION = 4 << 20
MAX_SETTINGS = 256 * 1024
MAX_GEMS = 20_000
MAX_STUB = 8 * 1024
PROJECT_DEPTH = 3
_BELOW_PREFIX = "lib/ruby/gems/*"
_SYSTEM_PREFIXES = (
    "usr",
    "usr/lib/*-linux-gnu*",
    "usr/local",
    "opt/ruby",
    "opt/rubies/*",
    "opt/homebrew",
    "home/linuxbrew/.linuxbrew",
    "usr/local/rbenv/versions/*",
    "usr/local/rvm/rubies/*",
    "System/Library/Frameworks/Ruby.framework/Versions/*/usr",
    "Ruby*",
)
SYSTEM = (
    *(f"{prefix}/{_BELOW_PREFIX}" for prefix in _SYSTEM_PREFIXES),
    "usr/lib/*-linux-gnu*/ruby/gems/*",
    "usr/lib/*-linux-gnu*/rubygems-integration/*",
    "var/lib/gems/*",
    "usr/share/rubygems-integration/*",
    "usr/share/gems",
    "usr/local/share/gems",
    "usr/local/bundle",
    "usr/local/bundle/ruby/*",
    "usr/local/rvm/gems/*",
    "Library/Ruby/Gems/*",
)
OF_USERS = (
    "~/.gem/*/*",
    "~/.local/share/gem/*/*",
    "~/.rvm/gems/*",
    f"~/.rvm/rubies/*/{_BELOW_PREFIX}",
    f"~/.rbenv/versions/*/{_BELOW_PREFIX}",
    f"~/.asdf/installs/ruby/*/{_BELOW_PREFIX}",
    f"~/.local/share/mise/installs/ruby/*/{_BELOW_PREFIX}",
    "~/.local/share/mise/installs/gem-*/*",
    "~/.local/share/mise/installs/gem-*/*/libexec",
    f"~/.rubies/*/{_BELOW_PREFIX}",
    f"~/.linuxbrew/{_BELOW_PREFIX}",
    "~/.bundle/ruby/*",
)
_SAID = b"g"
_GEMHOME = re.compile(r"^:?gemhome:[ \t]*[\"']?([^\"'#\n]+)", re.MULTILINE)
_STARTERS_OF_DISTRIBUTIONS = {
    "/var/lib/gems": "/usr/local/bin",
    "/usr/lib": "/usr/bin",
    "/usr/share": "/usr/bin",
    "/usr/local/share/gems": "/usr/local/bin",
    "/usr/local/bundle": "/usr/local/bundle/bin",
}


class _Home(NamedTuple):
    """A gem home: `specifications` and `gems` lie in it."""

    path: str
    project: bool


class GemSource:
    """The source `gem`."""

    name = "gem"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        seen: set[str] = set()
        for found in _homes(machine):
            if machine.stopped():
                return
            if not isinstance(found, _Home):
                yield found
            elif found.path not in seen:
                seen.add(found.path)
                yield from _home(machine, found)


# ---------------------------------------------------------------------------- where to look
def _homes(machine: Machine) -> Iterator[_Home | Unknown | Root]:
    for found in expand(machine, SYSTEM, OF_USERS):
        yield _Home(found.path, False) if isinstance(found, Folder) else found
    yield from _from_settings(machine)
    for prefix in revealed_prefixes(machine):
        for place in ("", _BELOW_PREFIX):
            for home in glob(machine.tree, prefix, place):
                yield home if isinstance(home, Unknown) else _Home(home, False)
    for place in (above for hint in machine.hints for above in _above_gems(hint)):
        for home in folder(machine.tree, place):
            yield home if isinstance(home, Unknown) else _Home(home, False)
    yield from _of_projects(machine)


def _above_gems(path: str) -> Iterator[str]:
    """Each folder above a `gems` in a path: `…/lib/ruby` and `…/lib/ruby/gems/3.3.0` of a usual gem home."""
    at = path.find("/gems/")
    while at > 0:
        yield path[:at]
        at = path.find("/gems/", at + 1)


def _of_projects(machine: Machine) -> Iterator[_Home | Unknown]:
    for place in projects(machine, PROJECT_DEPTH):
        if isinstance(place, Unknown):
            yield place
            continue
        for home in glob(machine.tree, place, "vendor/bundle/ruby/*"):
            yield home if isinstance(home, Unknown) else _Home(home, True)


def _from_settings(machine: Machine) -> Iterator[_Home | Unknown]:
    for user in machine.users:
        path = join(user.home, ".gemrc")
        try:
            text = machine.tree.read(path, MAX_SETTINGS).decode("utf-8", "surrogateescape")
        except Gone:
            continue
        except InterdictError as error:
            yield unknown(path, error)
            continue
        match = _GEMHOME.search(text)
        place = match[1].strip() if match else ""
        place = user.home + place[1:] if place == "~" or place.startswith("~/") else place
        if place.startswith("/") and "\0" not in place:
            for home in folder(machine.tree, place):
                yield home if isinstance(home, Unknown) else _Home(home, False)


# ---------------------------------------------------------------------------- looking through
def _home(machine: Machine, home: _Home) -> Iterator[Found]:
    for below in ("specifications", "specifications/default"):
        place = join(home.path, below)
        entries = listed(machine.tree, place)
        if isinstance(entries, Unknown):
            yield entries
            continue
        stems = [entry.name.removesuffix(".gemspec") for entry in entries if entry.name.endswith(".gemspec")]
        if stems:
            yield Root(place)
        if len(stems) > MAX_GEMS:
            yield Unknown(place, f"more than {MAX_GEMS} gems")
        for stem in stems[:MAX_GEMS]:
            if machine.stopped():
                return
            yield from _gem(machine, home, place, stem)


def _gem(machine: Machine, home: _Home, place: str, stem: str) -> Iterator[Found]:
    about = join(place, f"{stem}.gemspec")
    try:
        gem = _specification(machine, about)
    except Gone:
        return  # uninstalled while we looked
    except (ValueError, InterdictError) as error:
        yield Unknown(about, reason_of(error, about) if isinstance(error, InterdictError) else str(error))
        guess = parse_file_name(stem)
        if guess is None:
            return
        gem = guess  # it can still be started: the file's name says what it is
    try:
        facts = machine.tree.facts(_folder_of(machine.tree, home.path, stem) or about)
    except InterdictError as error:
        yield unknown(about, error)
        return
    yield Observation(
        source=GemSource.name,
        face=Face.PACKAGE,
        path=facts.path,
        owner=machine.owner(facts.uid),
        uid=facts.uid,
        name=printable(gem.name, 150),
        version=gem.version,
        purl=package_purl(gem.name, gem.version),
        links=tuple(_starters(machine.tree, home.path, gem)),
        project=home.project,
        manager="" if home.project or _is_distributions(home.path) else "gem",
        home=machine.home_of(facts.path),
        inode=(facts.device, facts.inode),
        prefix=home.path,
    )


def _specification(machine: Machine, about: str) -> Gem:
    """What a specification says, remembered while it does not change."""
    facts = machine.tree.facts(about)
    known = machine.recall.get(_SAID, facts)
    if known is None:
        gem = parse_specification(machine.tree.read(about, MAX_SPECIFICATION))
        machine.recall.put(_SAID, facts, "\0".join((gem.name, gem.version, *gem.programs)).encode())
        return gem
    name, version, *programs = known.decode().split("\0")
    return Gem(name, version, tuple(programs))


def _is_distributions(home: str) -> bool:
    """True where the system's own packages put gems: `gem` takes nothing out there."""
    return home.startswith("/usr/") and not home.startswith("/usr/local/")


def _folder_of(tree: Tree, home: str, stem: str) -> str:
    """The gem's own folder; empty for one that is part of Ruby itself, whose files lie among Ruby's."""
    path = join(home, f"gems/{stem}")
    return path if tree.exists(path) else ""


def _starters(tree: Tree, home: str, gem: Gem) -> Iterator[str]:
    """The scripts by which the gem's programs are started: those that say so themselves."""
    for program in gem.programs:
        for above in starters_of(home):
            path = join(above, program)
            try:
                if started_gem(tree.head(path, MAX_STUB)) == gem.name:
                    yield path
            except InterdictError:
                continue  # none there, or of somebody else


def starters_of(home: str) -> list[str]:
    """The folders in which the start scripts of a gem home lie."""
    found = [join(home, "bin")]
    head, below, _ = home.partition("/lib/ruby/gems/")
    if below:
        found.append(join(head, "bin"))
    found += [bins for place, bins in _STARTERS_OF_DISTRIBUTIONS.items() if home.startswith(f"{place}/")]
    return list(dict.fromkeys(found))


def homes_of(tree: Tree, starters: str) -> Iterator[str]:
    """The other way round: gem homes whose start scripts lie in this folder."""
    prefix = posixpath.dirname(starters)
    patterns = [prefix, join(prefix, _BELOW_PREFIX)]
    patterns += [join(place, "*") for place, bins in _STARTERS_OF_DISTRIBUTIONS.items() if bins == starters]
    if starters == "/usr/bin":
        patterns += ["/usr/share/rubygems-integration/*"]
    for pattern in patterns:
        yield from (home for home in glob(tree, "/", pattern.lstrip("/")) if isinstance(home, str))
