"""Nix: what the profiles of the system and of each user hold, by their manifests and links; Nix is not run.

Where to look: `~/.nix-profile` and the profiles beside it, `/nix/var/nix/profiles`, those of NixOS. A package is
reported at its path in the store. What is in the store and in no profile is a left-over or a part of something else.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import Facts, Kind
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.nix_formats import STORE, parse_manifest_json, parse_manifest_nix, parse_store_name, store_path
from agent.inventory.places import Folder, expand, join, listed
from policy_schema.rules.identity import make_purl
from policy_schema.rules.observation import Face, Observation, Unknown

MAX_MANIFEST = 16 << 20
MAX_PROGRAMS = 20_000
MAX_LINKS = 200
SYSTEM = (
    "nix/var/nix/profiles/default",
    "nix/var/nix/profiles/system/sw",
    "nix/var/nix/profiles/per-user/*/profile",
    "nix/var/nix/profiles/per-user/*/home-manager/home-path",
    "nix/var/nix/profiles/per-user/*/*",
    "etc/profiles/per-user/*",
    "run/current-system/sw",
)
OF_USERS = (
    "~/.nix-profile",
    "~/.local/state/nix/profile",
    "~/.local/state/nix/profiles/profile",
    "~/.local/state/nix/profiles/home-manager/home-path",
    "~/.local/state/nix/profiles/*",
)
_MANIFESTS: tuple[tuple[str, Callable[[bytes], list[str]]], ...] = (
    ("manifest.json", parse_manifest_json),
    ("manifest.nix", parse_manifest_nix),
)


class Nix:
    """The source `nix`."""

    name = "nix"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        seen: set[str] = set()
        for found in expand(machine, SYSTEM, OF_USERS):
            if machine.stopped():
                return
            if not isinstance(found, Folder):
                yield found
            elif found.path not in seen and store_path(found.path):
                seen.add(found.path)
                yield Root(found.path, watch=False)  # it never changes: a change is another path
                yield from _profile(machine, found)


def _profile(machine: Machine, profile: Folder) -> Iterator[Found]:
    packages: dict[str, list[str]] = {}
    for name, parse in _MANIFESTS:
        path = join(profile.path, name)
        try:
            packages |= {package: [] for package in parse(machine.tree.read(path, MAX_MANIFEST))}
        except Gone:
            continue
        except ValueError as error:
            yield Unknown(path, str(error))
        except InterdictError as error:
            yield unknown(path, error)
    entries = listed(machine.tree, join(profile.path, "bin"))
    if isinstance(entries, Unknown):
        yield entries
        entries = []
    if len(entries) > MAX_PROGRAMS:
        yield Unknown(join(profile.path, "bin"), f"more than {MAX_PROGRAMS} programs")
    for entry in entries[:MAX_PROGRAMS]:
        package, link = _started(machine, join(profile.path, f"bin/{entry.name}"), entry.kind)
        if package:
            packages.setdefault(package, []).append(link)
    for package, links in packages.items():
        yield from _package(machine, profile, package, links)


def _started(machine: Machine, link: str, kind: Kind) -> tuple[str, str]:
    """The package in the store that a program in a profile's `bin` lies in: it, or all of `bin`, is a link."""
    try:
        target = machine.tree.resolve(link) if kind in (Kind.LINK, Kind.FILE) else ""
    except InterdictError:
        return "", ""  # a link into the void: collected as garbage
    return store_path(target), link


def _package(machine: Machine, profile: Folder, path: str, links: list[str]) -> Iterator[Found]:
    package = parse_store_name(path.removeprefix(f"{STORE}/"))
    try:
        facts = machine.tree.facts(path)
    except Gone:
        return
    except InterdictError as error:
        yield unknown(path, error)
        return
    if package is None or not (package.version or links):
        return  # a file of settings or a patch: nothing that has a version or is started
    whose = _owner(machine, profile, facts)
    yield Observation(
        source=Nix.name,
        face=Face.PACKAGE,
        path=facts.path,
        owner=machine.owner(whose),
        uid=whose,
        name=package.name,
        version=package.version,
        purl=make_purl("nix", package.name, package.version),
        links=tuple(links[:MAX_LINKS]),
        manager="nix",
        inode=(facts.device, facts.inode),
        prefix=profile.path,
    )


def _owner(machine: Machine, profile: Folder, facts: Facts) -> int:
    """Everything in the store is root's; a package is the person's in whose home the profile's link stands."""
    return next((user.uid for user in machine.users if user.home == profile.home), facts.uid)


def package_around(path: str) -> tuple[str, str] | None:
    """(purl without version, path in the store) of the package that a file in the store belongs to. Pure."""
    place = store_path(path)
    package = parse_store_name(posixpath.basename(place)) if place else None
    return (make_purl("nix", package.name), place) if package else None
