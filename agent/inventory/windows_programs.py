r"""Programs of Windows by their uninstall entries: for everybody, and for each person.

Where to look: `Microsoft\Windows\CurrentVersion\Uninstall` of the machine, in the 64-bit and the 32-bit view, and of
each person. On the running machine by the system; the registry of people who are not logged in, and that of another
tree, from their hives as files. No uninstaller is run.
"""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Callable, Iterator, Mapping
from typing import NamedTuple

from agent.errors import Gone, InterdictError, TooBig
from agent.host import registry
from agent.host.files import printable
from agent.host.oserrors import reason_of, translated
from agent.host.registry import RegistryKey
from agent.host.users import User
from agent.inventory.interface import Found, Machine, Root, unknown
from agent.inventory.registry_hive import Hive
from agent.inventory.system_packages import entry_of
from agent.inventory.systems import concerns, is_running
from agent.inventory.windows_formats import Program, parse_uninstall
from policy_schema.rules.descriptor import DescriptorReader
from policy_schema.rules.observation import Face, Observation, Unknown

MACHINE_HIVE = "/Windows/System32/config/SOFTWARE"
USER_HIVE = "NTUSER.DAT"
MAX_HIVE = 1 << 30
_UNINSTALL = r"Microsoft\Windows\CurrentVersion\Uninstall"
_OF_MACHINE = (_UNINSTALL, rf"WOW6432Node\{_UNINSTALL}")
_OF_USERS = (rf"Software\{_UNINSTALL}", rf"Software\WOW6432Node\{_UNINSTALL}")
_PORTABLE = ("/appdata/local/microsoft/winget/packages/", "/program files/winget/packages/")


class Registry(NamedTuple):
    """The door to the running Windows; `agent.host.registry` is what stands behind it."""

    machine_keys: Callable[[str, bool], Iterator[RegistryKey]]
    user_keys: Callable[[str, str], Iterator[RegistryKey]]
    loaded_homes: Callable[[], Mapping[str, str]]


_DOOR = Registry(registry.machine_keys, registry.user_keys, registry.loaded_homes)


class WindowsPrograms:
    """The source `windows-programs`."""

    name = "windows-programs"

    def __init__(self, door: Registry | None = None) -> None:
        # None: the running machine's own, where we run on Windows and look at it.
        self._door = door

    def collect(self, machine: Machine) -> Iterator[Found]:
        """See `Source.collect`."""
        if not concerns(machine, "win32"):
            return
        door = self._door or (_DOOR if sys.platform == "win32" and is_running(machine) else None)
        loaded = _loaded(door) if door else {}
        if isinstance(loaded, Unknown):
            yield loaded
            loaded = {}
        if machine.system:
            yield from _live_machine(machine, door) if door else _hive(machine, MACHINE_HIVE, _OF_MACHINE, None)
        for user in machine.users:
            if machine.stopped():
                return
            sid = loaded.get(user.home.casefold())
            place = f"{user.home.rstrip('/')}/{USER_HIVE}"
            if door and sid:
                yield from _live_user(machine, door, sid, user, place)
            else:
                yield from _hive(machine, place, _OF_USERS, user)


def _loaded(door: Registry) -> dict[str, str] | Unknown:
    """From homes as the tree writes them to the ids of those who are logged in."""
    try:
        return {_in_tree(path).casefold(): sid for path, sid in door.loaded_homes().items()}
    except InterdictError as error:
        return unknown("HKEY_USERS", error)


def _live_machine(machine: Machine, door: Registry) -> Iterator[Found]:
    for wide in (True, False):
        keys = door.machine_keys(rf"SOFTWARE\{_UNINSTALL}", wide)
        yield from _programs(machine, keys, MACHINE_HIVE, None, "" if wide else "WOW6432Node\\")


def _live_user(machine: Machine, door: Registry, sid: str, user: User, place: str) -> Iterator[Found]:
    for path in _OF_USERS:
        wide = "" if path == _OF_USERS[0] else "WOW6432Node\\"
        yield from _programs(machine, door.user_keys(sid, path), place, user, wide)


def _hive(machine: Machine, place: str, paths: tuple[str, ...], user: User | None) -> Iterator[Found]:
    """The entries in a hive that is a file."""
    try:
        with machine.tree.open(place) as (fd, facts), translated(place):
            if facts.size > MAX_HIVE:
                raise TooBig(f"{printable(place)}: larger than {MAX_HIVE} bytes")
            yield Root(place, watch=False)
            yield from _in_hive(machine, DescriptorReader(fd, facts.size), place, paths, user)
    except Gone:
        return  # no Windows there, or nobody of Windows'
    except InterdictError as error:
        yield unknown(place, error)


def _in_hive(
    machine: Machine, reader: DescriptorReader, place: str, paths: tuple[str, ...], user: User | None
) -> Iterator[Found]:
    try:
        hive = Hive(reader.read_at, reader.size)
        if not hive.complete:
            yield Unknown(place, "what was written last stands in its log only")
        for path in paths:
            wide = "" if path == paths[0] else "WOW6432Node\\"
            yield from _programs(machine, _keys(hive, path), place, user, wide)
    except ValueError as error:  # what was read until then counts
        yield Unknown(place, str(error))


def _keys(hive: Hive, path: str) -> Iterator[RegistryKey]:
    above = hive.key(path)
    for key in hive.subkeys(above) if above else ():
        yield RegistryKey(key.name, hive.values(key))


def _programs(
    machine: Machine, keys: Iterator[RegistryKey], place: str, user: User | None, view: str
) -> Iterator[Found]:
    try:
        for key in keys:
            if machine.stopped():
                return
            program = parse_uninstall(key.name, key.values)
            if program is not None:
                yield _observation(machine, program, entry_of(place, printable(view + key.name, 300)), user)
    except Gone:
        return  # nothing was ever installed there
    except InterdictError as error:
        yield Unknown(place, reason_of(error, place))


def _observation(machine: Machine, program: Program, entry: str, user: User | None) -> Observation:
    location = _in_tree(program.location)
    return Observation(
        source=WindowsPrograms.name,
        face=Face.APP,
        # Where it says to lie is what it says: an entry could name a whole home. Only winget's own folders are one's.
        path=location if _is_portable(location, user) else entry,
        owner=user.name if user else "SYSTEM",
        uid=user.uid if user else 0,
        name=program.name,
        version=program.version,
        purl=program.purl,
        app=program.key,
        manager=program.manager,
        home=user.home if user else "",
        prefix=location if machine.tree.exists(location) else "",
    )


def _is_portable(location: str, user: User | None) -> bool:
    """True for one folder of winget's packages; a person's entry can speak of that person's own home only."""
    if posixpath.normpath(location) != location or (user and not location.startswith(f"{user.home.rstrip('/')}/")):
        return False
    _, separator, name = next(
        (parts for place in _PORTABLE if (parts := location.casefold().partition(place))[1]), ("", "", "")
    )
    return bool(separator and name and "/" not in name)


def _in_tree(path: str) -> str:
    r"""`C:\Program Files\Tool\` as the tree writes it: `/Program Files/Tool`. Other drives and shares are not in it."""
    plain = path.replace("\\", "/").rstrip("/")
    return plain[2:] if plain[1:3] == ":/" and plain[0] in "Cc" else ""
