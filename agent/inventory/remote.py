"""Other machines that people of this one work on: nothing in them is seen from here, so each is Unknown, never clean.

Where to look: distributions of WSL, virtual machines, and what editors remember of remote hosts, tunnels and dev
containers. Of the latter only that there are such, and in which editor: no host's name, address or folder is kept, and
`~/.ssh` is not looked at.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator

from agent.errors import Gone, InterdictError
from agent.host.files import printable
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.places import Folder, expand, join, listed
from agent.inventory.remote_formats import Place, gateway_has_hosts, places_of_editor, zed_has_hosts
from agent.inventory.virtual_machines import virtual_machines
from agent.inventory.windows_programs import Registry
from agent.inventory.wsl import distributions
from policy_schema.rules.observation import Unknown

MAX_FILE = 4 << 20
MAX_WORKSPACES = 5_000
SETTINGS_OF_EDITORS = ("~/.config/*/User", "~/Library/Application Support/*/User", "~/AppData/Roaming/*/User")
SETTINGS_OF_ZED = ("~/.config/zed", "~/AppData/Roaming/Zed")
SETTINGS_OF_JETBRAINS = (
    "~/.config/JetBrains/*/options",
    "~/Library/Application Support/JetBrains/*/options",
    "~/AppData/Roaming/JetBrains/*/options",
)
_OF_JETBRAINS = ("sshRecentConnections.v2.xml", "sshRecentConnections.xml", "sshConfigs.xml")


class Remote:
    """The source `remote`."""

    name = "remote"

    def __init__(self, door: Registry | None = None) -> None:
        """`door`: the running Windows' registry, where it is not our own."""
        self._door = door

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        yield from distributions(machine, self._door)
        yield from virtual_machines(machine)
        yield from _folders(machine, SETTINGS_OF_EDITORS, _editor)
        yield from _folders(machine, SETTINGS_OF_ZED, _zed)
        yield from _folders(machine, SETTINGS_OF_JETBRAINS, _jetbrains)


_Look = Callable[[Machine, str], Iterator[Found]]


def _folders(machine: Machine, patterns: tuple[str, ...], look: _Look) -> Iterator[Found]:
    for found in expand(machine, (), patterns):
        if machine.stopped():
            return
        if isinstance(found, Folder):
            yield Root(found.path)
            yield from look(machine, found.path)
        else:
            yield found


def _editor(machine: Machine, settings: str) -> Iterator[Found]:
    """An editor of VS Code's family: each workspace it ever opened, and its last windows."""
    store = join(settings, "workspaceStorage")
    workspaces = listed(machine.tree, store)
    if isinstance(workspaces, Unknown):
        yield workspaces
        workspaces = []
    if len(workspaces) > MAX_WORKSPACES:
        yield Unknown(store, f"more than {MAX_WORKSPACES} workspaces")
    yield Root(store)
    files = [join(store, f"{entry.name}/workspace.json") for entry in workspaces[:MAX_WORKSPACES]]
    places: set[Place] = set()
    for path in (*files, join(settings, "globalStorage/storage.json")):
        data = _read(machine, path)
        if isinstance(data, Unknown):
            yield data
        else:
            places |= places_of_editor(data)
    editor = posixpath.dirname(settings)
    for place in sorted(places):
        yield _used(editor, posixpath.basename(editor), place)


def _zed(machine: Machine, settings: str) -> Iterator[Found]:
    data = _read(machine, join(settings, "settings.json"))
    if isinstance(data, Unknown):
        yield data
    elif zed_has_hosts(data):
        yield _used(settings, "Zed", Place.SSH)


def _jetbrains(machine: Machine, options: str) -> Iterator[Found]:
    for name in _OF_JETBRAINS:
        data = _read(machine, join(options, name))
        if isinstance(data, Unknown):
            yield data
        elif gateway_has_hosts(data):
            product = posixpath.dirname(options)
            yield _used(product, posixpath.basename(product), Place.SSH)
            return


def _read(machine: Machine, path: str) -> bytes | Unknown:
    """What stands in a file; nothing if it is not there."""
    try:
        return machine.tree.read(path, MAX_FILE)
    except Gone:
        return b""
    except InterdictError as error:
        return unknown(path, error)


def _used(where: str, editor: str, place: Place) -> Unknown:
    reason = f"{printable(editor, 60)} works on {place.words}: what is installed there is not seen from here"
    return Unknown(where, reason)
