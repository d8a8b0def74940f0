"""Chocolatey's packages, by the `.nuspec` in each one's folder; Chocolatey is not run.

Where to look: `lib/NAME/NAME.nuspec` below `/ProgramData/chocolatey`. Many packages start an installer, which leaves an
uninstall entry besides (`windows-programs`).
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.errors import Gone, InterdictError
from agent.inventory.interface import Found, Machine, Root
from agent.inventory.places import Folder, expand, join
from agent.inventory.systems import concerns
from agent.inventory.windows_formats import Named, is_package_name, parse_nuspec
from agent.inventory.windows_packages import Manager, folders_in, package, why
from policy_schema.rules.observation import Unknown

SYSTEM = ("ProgramData/chocolatey/lib",)
MAX_NUSPEC = 4 << 20
MANAGER = Manager("chocolatey", "choco", "choco")


class Chocolatey:
    """The source `chocolatey`."""

    name = "chocolatey"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        if not concerns(machine, "win32"):
            return
        for found in expand(machine, SYSTEM, ()):
            if isinstance(found, Folder):
                yield Root(found.path)
                yield from _lib(machine, found.path)
            else:
                yield found


def _lib(machine: Machine, path: str) -> Iterator[Found]:
    entries = folders_in(machine, path)
    if isinstance(entries, Unknown):
        yield entries
        return
    for entry in entries:
        if machine.stopped():
            return
        if not is_package_name(entry.name):
            continue
        nuspec = join(path, f"{entry.name}/{entry.name}.nuspec")
        try:
            found = parse_nuspec(machine.tree.read(nuspec, MAX_NUSPEC))
        except Gone:
            continue  # what an uninstallation left
        except (InterdictError, ValueError) as error:
            yield why(nuspec, error)
            found = Named(entry.name, "")  # only an administrator can put a folder there: its name counts
        yield from package(machine, MANAGER, join(path, entry.name), found.name, found.version)
