"""Scoop's applications, by their folders and the manifest in each; Scoop is not run.

Where to look: `apps/NAME/VERSION` below `~/scoop`, `/ProgramData/scoop` and the folder that Scoop's own settings name.
Every version that lies there is found; `current` is a link to the one in use, or the only one where there are no links.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.inventory.interface import Found, Machine, Root
from agent.inventory.json_object import read_object, text_of
from agent.inventory.places import Folder, expand, folder, join
from agent.inventory.systems import concerns
from agent.inventory.windows_formats import is_package_name, parse_scoop_manifest
from agent.inventory.windows_packages import Manager, folders_in, package, why
from policy_schema.rules.observation import Unknown

SYSTEM = ("ProgramData/scoop/apps",)
OF_USERS = ("~/scoop/apps",)
SETTINGS = "~/.config/scoop/config.json"
MAX_SETTINGS = 1 << 20
MAX_MANIFEST = 4 << 20
MAX_VERSIONS = 200
MANAGER = Manager("scoop", "scoop", "scoop")
_CURRENT = "current"


class Scoop:
    """The source `scoop`."""

    name = "scoop"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        if not concerns(machine, "win32"):
            return
        seen: set[str] = set()
        for found in _places(machine):
            if not isinstance(found, str):
                yield found
            elif found not in seen:
                seen.add(found)
                yield Root(found)
                yield from _apps(machine, found)


def _places(machine: Machine) -> Iterator[str | Unknown | Root]:
    for found in expand(machine, SYSTEM, OF_USERS):
        yield found.path if isinstance(found, Folder) else found
    for user in machine.users:
        settings = join(user.home, SETTINGS.removeprefix("~/"))
        try:
            says = read_object(machine.tree.read(settings, MAX_SETTINGS))
        except Gone:
            continue
        except (InterdictError, ValueError) as error:
            yield why(settings, error)
            continue
        for name in ("root_path", "global_path"):
            if place := _in_tree(text_of(says.get(name), 250)):
                yield from folder(machine.tree, join(place, "apps"))


def _in_tree(path: str) -> str:
    plain = path.replace("\\", "/")
    return plain[2:] if plain[:3].casefold() == "c:/" and ".." not in plain.split("/") else ""


def _apps(machine: Machine, path: str) -> Iterator[Found]:
    entries = folders_in(machine, path)
    if isinstance(entries, Unknown):
        yield entries
        return
    for entry in entries:
        if machine.stopped():
            return
        if is_package_name(entry.name):
            yield Root(join(path, entry.name))  # an update is another folder in it
            yield from _versions(machine, join(path, entry.name), entry.name)


def _versions(machine: Machine, path: str, name: str) -> Iterator[Found]:
    entries = folders_in(machine, path)
    if isinstance(entries, Unknown):
        yield entries
        return
    versions = [entry.name for entry in entries if entry.name != _CURRENT] or [entry.name for entry in entries]
    if len(versions) > MAX_VERSIONS:
        yield Unknown(path, f"more than {MAX_VERSIONS} versions")
    for version in versions[:MAX_VERSIONS]:
        manifest = join(path, f"{version}/manifest.json")
        told = version if version != _CURRENT else ""
        try:
            told = parse_scoop_manifest(machine.tree.read(manifest, MAX_MANIFEST)) or told
        except Gone:
            continue  # what is left of an update, or nothing of Scoop's
        except (InterdictError, ValueError) as error:
            yield why(manifest, error)
        yield from package(machine, MANAGER, join(path, version), name, told)
