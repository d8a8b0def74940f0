"""What winget unpacked itself (its portable packages), by the folders in which they lie; winget is not run.

Where to look: `Microsoft/WinGet/Packages` of each person, `WinGet/Packages` for everybody. The folder's name is the
package's id and where it came from. What winget installed by an installer is an uninstall entry (`windows-programs`),
which says so; so is the version of a portable package.
"""

from __future__ import annotations

from collections.abc import Iterator

from agent.inventory.interface import Found, Machine, Root
from agent.inventory.places import Folder, expand, join
from agent.inventory.systems import concerns
from agent.inventory.windows_formats import parse_winget_folder
from agent.inventory.windows_packages import Manager, folders_in, package
from policy_schema.rules.observation import Unknown

SYSTEM = ("Program Files/WinGet/Packages", "Program Files (x86)/WinGet/Packages")
OF_USERS = ("~/AppData/Local/Microsoft/WinGet/Packages",)
MANAGER = Manager("winget", "winget", "winget")


class Winget:
    """The source `winget`."""

    name = "winget"

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        if not concerns(machine, "win32"):
            return
        for found in expand(machine, SYSTEM, OF_USERS):
            if not isinstance(found, Folder):
                yield found
                continue
            yield Root(found.path)
            entries = folders_in(machine, found.path)
            if isinstance(entries, Unknown):
                yield entries
                continue
            for entry in entries:
                if machine.stopped():
                    return
                if name := parse_winget_folder(entry.name):
                    yield from package(machine, MANAGER, join(found.path, entry.name), name, "")
