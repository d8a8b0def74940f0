"""MSIX packages of Windows: what the Store and `winget` install as packages, by their folders.

Where to look: `/Program Files/WindowsApps`, one folder for each version that somebody has. The name of the folder is
the package's full name; the manifest in it must say the same. What is left in a home when a package is gone
(`AppData/Local/Packages`) is data and no package.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.inventory.interface import Found, Machine, Root
from agent.inventory.places import Folder, expand, join
from agent.inventory.systems import concerns
from agent.inventory.windows_formats import Msix as Package
from agent.inventory.windows_formats import parse_appx_manifest, parse_msix_folder
from agent.inventory.windows_packages import facts_of, folders_in, why
from policy_schema.rules.observation import Face, Observation, Unknown

FOLDERS = ("Program Files/WindowsApps",)
MANIFEST = "AppxManifest.xml"
MAX_MANIFEST = 4 << 20


class Msix:
    """The source `msix`."""

    name = "msix"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        if not concerns(machine, "win32"):
            return
        for found in expand(machine, FOLDERS, ()):
            if isinstance(found, Folder):
                yield Root(found.path)
                yield from _folder(machine, found.path)
            else:
                yield found


def _folder(machine: Machine, path: str) -> Iterator[Found]:
    entries = folders_in(machine, path)
    if isinstance(entries, Unknown):
        yield entries
        return
    for entry in entries:
        if machine.stopped():
            return
        if package := parse_msix_folder(entry.name):
            yield from _package(machine, join(path, entry.name), package)


def _package(machine: Machine, path: str, package: Package) -> Iterator[Found]:
    manifest = join(path, MANIFEST)
    try:
        says = parse_appx_manifest(machine.tree.read(manifest, MAX_MANIFEST))
        if (says.family, says.version) != (package.family, package.version):
            yield Unknown(manifest, "it is another package's than its folder says")
    except Gone:
        return  # only staged, or a package of languages
    except (InterdictError, ValueError) as error:
        yield why(manifest, error)
    # The folder is Windows' own and nobody else's to write: its name counts, whatever the manifest says.
    facts = facts_of(machine, path)
    if isinstance(facts, Unknown):
        yield facts
    elif facts is not None:
        yield Observation(
            source=Msix.name,
            face=Face.APP,
            path=facts.path,
            owner=machine.owner(facts.uid),
            uid=facts.uid,
            name=package.name,
            version=package.version,
            purl=package.purl,
            app=package.key,
            manager="msix",
            inode=(facts.device, facts.inode),
        )
