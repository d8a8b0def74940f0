r"""Distributions of WSL: Linux machines in Windows, and the other way round the Windows around a Linux that is one.

Where to look: `Software\Microsoft\Windows\CurrentVersion\Lxss` of each person (by the system for those who are logged
in, else from the hive as a file), and disk images at their usual places; from inside, the marks that WSL leaves.
"""

from __future__ import annotations

import posixpath
import sys
from collections.abc import Iterator, Mapping

from agent.errors import Gone, InterdictError, TooBig
from agent.host import registry
from agent.host.files import printable
from agent.host.oserrors import translated
from agent.host.registry import RegistryKey
from agent.host.users import User
from agent.inventory.interface import Machine, Root, unknown
from agent.inventory.places import Folder, expand, join
from agent.inventory.registry_hive import Hive
from agent.inventory.remote_formats import distribution_name
from agent.inventory.systems import concerns, is_running
from agent.inventory.windows_programs import MAX_HIVE, USER_HIVE, Registry
from policy_schema.rules.descriptor import DescriptorReader
from policy_schema.rules.observation import Unknown

LXSS = r"Software\Microsoft\Windows\CurrentVersion\Lxss"
IMAGES = (
    "~/AppData/Local/Packages/*/LocalState",
    "~/AppData/Local/wsl/*",
    "~/AppData/Local/lxss",
)
INSIDE = ("/run/WSL", "/mnt/wsl")
"""What every Linux of WSL 2 has, and of WSL 1 with the newer one beside it."""
_DOOR = Registry(registry.machine_keys, registry.user_keys, registry.loaded_homes)


def distributions(machine: Machine, door: Registry | None = None) -> Iterator[Unknown | Root]:
    """Every distribution, as a machine that is not looked into. `door`: the running Windows' registry."""
    yield from _around(machine)
    if not concerns(machine, "win32"):
        return
    door = door or (_DOOR if sys.platform == "win32" and is_running(machine) else None)
    try:
        loaded = _loaded(door) if door else {}
    except InterdictError as error:
        yield unknown("HKEY_USERS", error)
        loaded = {}
    for user in machine.users:
        named = list(_of_user(machine, door, loaded.get(user.home.casefold(), ""), user))
        yield from named
        if not any(isinstance(one, Unknown) for one in named):
            yield from _images(machine, user)


def _around(machine: Machine) -> Iterator[Unknown]:
    if machine.system and any(machine.tree.exists(mark) for mark in INSIDE):
        yield Unknown("/mnt/c", "this is a Linux of WSL: the Windows around it needs an agent of its own")


def _loaded(door: Registry) -> Mapping[str, str]:
    """From homes as the tree writes them to the ids of those who are logged in."""
    homes = door.loaded_homes()
    return {"/" + path.replace("\\", "/").partition(":/")[2].casefold(): sid for path, sid in homes.items()}


def _of_user(machine: Machine, door: Registry | None, sid: str, user: User) -> Iterator[Unknown | Root]:
    place = join(user.home, USER_HIVE)
    try:
        if door and sid:
            for key in door.user_keys(sid, LXSS):
                yield from _distribution(place, key)
            return
        with machine.tree.open(place) as (fd, facts), translated(place):
            if facts.size > MAX_HIVE:
                raise TooBig(f"{printable(place)}: larger than {MAX_HIVE} bytes")
            yield Root(place, watch=False)
            yield from _in_hive(place, DescriptorReader(fd, facts.size))
    except Gone:
        return  # nobody of Windows', or without WSL
    except InterdictError as error:
        yield unknown(place, error)


def _in_hive(place: str, reader: DescriptorReader) -> Iterator[Unknown]:
    try:
        hive = Hive(reader.read_at, reader.size)
        above = hive.key(LXSS)
        for inner in hive.subkeys(above) if above else ():
            yield from _distribution(place, RegistryKey(inner.name, hive.values(inner)))
    except ValueError as error:
        yield Unknown(place, str(error))


def _distribution(place: str, key: RegistryKey) -> Iterator[Unknown]:
    name = distribution_name(key.values)
    if name:
        where = posixpath.dirname(place)
        yield Unknown(f"{where}: WSL {name}", "a Linux of WSL: what is installed in it is not seen from Windows")


def _images(machine: Machine, user: User) -> Iterator[Unknown | Root]:
    """Disk images that no registry told of, where it could not be read or lies in another tree."""
    for found in expand(machine._replace(users=(user,)), (), IMAGES):
        if not isinstance(found, Folder):
            yield found
            continue
        for name in ("ext4.vhdx", "rootfs"):
            path = join(found.path, name)
            if machine.tree.exists(path):
                yield Unknown(path, "a Linux of WSL: what is installed in it is not seen from Windows")
