"""Where container engines keep the files of their containers, running or not: found by their layout on disk.

No engine is asked: that needs its socket, may start it, and says nothing when it is down. Known are Docker (overlay2,
vfs, btrfs, rootless, and the image store of containerd), containers/storage (podman, buildah, rootful and rootless),
containerd (nerdctl, k3s), systemd-nspawn, LXC, LXD and Incus, enroot, and usual places of chroots.
"""

from __future__ import annotations

import posixpath
from collections.abc import Callable, Iterator
from typing import NamedTuple, TypeVar

from agent.errors import Gone, InterdictError
from agent.host.files import Kind
from agent.inventory import container_formats as formats
from agent.inventory.interface import Machine, Root, unknown
from agent.inventory.places import Folder, expand, folder, join, listed
from policy_schema.rules.observation import Unknown

MAX_FILE = 8 << 20
MAX_ENTRIES = 2_000
DOCKER = ("var/lib/docker", "var/snap/docker/common/var-lib-docker")
DOCKER_OF_USERS = ("~/.local/share/docker",)
STORAGE = ("var/lib/containers/storage",)
STORAGE_OF_USERS = ("~/.local/share/containers/storage",)
_SNAPSHOTS = "io.containerd.snapshotter.v1.*/snapshots"
CONTAINERD = tuple(
    f"{place}/{_SNAPSHOTS}"
    for place in (
        "var/lib/containerd",
        "var/lib/rancher/k3s/agent/containerd",
        "var/snap/microk8s/common/var/lib/containerd",
        "var/lib/docker/containerd/daemon",
    )
)
CONTAINERD_OF_USERS = (
    f"~/.local/share/containerd/{_SNAPSHOTS}",
    f"~/.local/share/docker/containerd/daemon/{_SNAPSHOTS}",
)
PLAIN = {
    "systemd-nspawn": ("var/lib/machines/*",),
    "lxc": (
        "var/lib/lxc/*/rootfs",
        "var/lib/lxd/storage-pools/*/containers/*/rootfs",
        "var/snap/lxd/common/lxd/storage-pools/*/containers/*/rootfs",
        "var/lib/incus/storage-pools/*/containers/*/rootfs",
    ),
    "chroot": ("srv/chroot/*", "var/chroot/*"),
}
PLAIN_OF_USERS = {
    "lxc": ("~/.local/share/lxc/*/rootfs",),
    "enroot": ("~/.local/share/enroot/*",),
}
SETTINGS_OF_DOCKER = ("etc/docker/daemon.json", ".config/docker/daemon.json")
SETTINGS_OF_STORAGE = ("etc/containers/storage.conf", ".config/containers/storage.conf")
_IMAGES = (".raw", ".img", ".qcow2")
_T = TypeVar("_T")


class Rootfs(NamedTuple):
    """The files of one container."""

    engine: str
    name: str
    layers: tuple[str, ...]
    """Folders that together are its root, the uppermost first; a single one is the whole root."""


Stored = Rootfs | Unknown | Root


def all_containers(machine: Machine) -> Iterator[Stored]:
    """Every container whose files are found, and what could not be looked at."""
    yield from _roots(machine, _docker, DOCKER, DOCKER_OF_USERS, SETTINGS_OF_DOCKER, _docker_folders)
    yield from _roots(machine, _storage, STORAGE, STORAGE_OF_USERS, SETTINGS_OF_STORAGE, formats.parse_storage_settings)
    for found in expand(machine, CONTAINERD, CONTAINERD_OF_USERS):
        if isinstance(found, Folder):
            yield Root(found.path)
            yield from _snapshots(machine, found.path)
        else:
            yield found
    for engine in (*PLAIN, *sorted(PLAIN_OF_USERS.keys() - PLAIN.keys())):
        for found in expand(machine, PLAIN.get(engine, ()), PLAIN_OF_USERS.get(engine, ())):
            if isinstance(found, Folder):
                yield from _plain(machine, engine, found.path)
            else:
                yield found
    yield from _disk_images(machine)


def _roots(
    machine: Machine,
    look: Callable[[Machine, str], Iterator[Stored]],
    system: tuple[str, ...],
    of_users: tuple[str, ...],
    settings: tuple[str, str],
    parse: Callable[[bytes], list[str]],
) -> Iterator[Stored]:
    """The stores of one engine: the usual ones, then those that its settings name."""
    seen: set[str] = set()
    for found in _places(machine, system, of_users, settings, parse):
        if not isinstance(found, str):
            yield found
        elif found not in seen:
            seen.add(found)
            yield Root(found)
            yield from look(machine, found)


def _places(
    machine: Machine,
    system: tuple[str, ...],
    of_users: tuple[str, ...],
    settings: tuple[str, str],
    parse: Callable[[bytes], list[str]],
) -> Iterator[str | Unknown | Root]:
    for found in expand(machine, system, of_users):
        yield found.path if isinstance(found, Folder) else found
    files = [("/" + settings[0], "")] if machine.system else []
    for path, home in [*files, *((join(user.home, settings[1]), user.home) for user in machine.users)]:
        named = _read(machine, path, parse)
        if isinstance(named, Unknown):
            yield named
            continue
        for place in named or ():
            for sign in ("$HOME", "~"):
                place = home + place[len(sign) :] if home and place.startswith(f"{sign}/") else place
            if place.startswith("/"):
                yield from folder(machine.tree, place)


def _docker_folders(data: bytes) -> list[str]:
    place = formats.parse_docker_settings(data)
    return [place] if place else []


def _read(machine: Machine, path: str, parse: Callable[[bytes], _T]) -> _T | Unknown | None:
    """What a file says; None if it is not there."""
    try:
        return parse(machine.tree.read(path, MAX_FILE))
    except Gone:
        return None
    except ValueError as error:
        return Unknown(path, str(error))
    except InterdictError as error:
        return unknown(path, error)


# ---------------------------------------------------------------------------- Docker
def _docker(machine: Machine, store: str) -> Iterator[Stored]:
    place = join(store, "containers")
    entries = listed(machine.tree, place)
    if isinstance(entries, Unknown):
        yield entries
        return
    yield Root(place)
    if len(entries) > MAX_ENTRIES:
        yield Unknown(place, f"more than {MAX_ENTRIES} containers")
    for entry in entries[:MAX_ENTRIES]:
        if entry.kind is not Kind.FOLDER or not formats.is_id(entry.name):
            continue
        made = _read(machine, join(place, f"{entry.name}/config.v2.json"), formats.parse_docker_container)
        if isinstance(made, Unknown):
            yield made
        elif made is not None:
            yield from _docker_container(machine, store, made)
    if len(entries) > MAX_ENTRIES:
        yield Unknown(place, f"more than {MAX_ENTRIES} containers")


def _docker_container(machine: Machine, store: str, made: formats.Made) -> Iterator[Stored]:
    where = join(store, f"containers/{made.id}")
    if made.driver == "overlayfs":
        return  # kept by containerd: its snapshots are looked into by themselves
    if made.driver not in ("overlay2", "fuse-overlayfs", "vfs", "btrfs"):
        yield Unknown(
            where, f"the files of a container kept by {made.driver or 'an unknown driver'} are not looked into"
        )
        return
    layer = _read(
        machine, join(store, f"image/{made.driver}/layerdb/mounts/{made.id}/mount-id"), formats.parse_layer_id
    )
    if layer is None or isinstance(layer, Unknown):
        yield layer or Unknown(where, "where its files are is not told")
        return
    if made.driver in ("vfs", "btrfs"):
        inner = "vfs/dir" if made.driver == "vfs" else "btrfs/subvolumes"
        yield from _whole(machine, "docker", made.name, join(store, f"{inner}/{layer}"))
    else:
        yield from _overlay(machine, "docker", made.name, join(store, made.driver), layer)


# ---------------------------------------------------------------------------- containers/storage
def _storage(machine: Machine, store: str) -> Iterator[Stored]:
    entries = listed(machine.tree, store)
    if isinstance(entries, Unknown):
        yield entries
        return
    for entry in entries:
        driver, mark, _ = entry.name.rpartition("-containers")
        if not mark or entry.kind is not Kind.FOLDER:
            continue
        yield Root(join(store, entry.name))
        for name in ("containers.json", "volatile-containers.json"):
            path = join(store, f"{entry.name}/{name}")
            containers = _read(machine, path, formats.parse_containers)
            if isinstance(containers, Unknown):
                yield containers
                continue
            for made in containers or ():
                yield from _stored(machine, store, driver, made, path)


def _stored(machine: Machine, store: str, driver: str, made: formats.Made, path: str) -> Iterator[Stored]:
    if driver in ("vfs", "btrfs"):
        inner = "vfs/dir" if driver == "vfs" else "btrfs/subvolumes"
        yield from _whole(machine, "podman", made.name, join(store, f"{inner}/{made.layer}"))
    elif driver == "overlay":
        yield from _overlay(machine, "podman", made.name, join(store, "overlay"), made.layer)
    else:
        yield Unknown(path, f"the files of a container kept by {driver} are not looked into")


def _overlay(machine: Machine, engine: str, name: str, store: str, layer: str) -> Iterator[Stored]:
    """A container's own layer, and those below it that its file `lower` names."""
    own = join(store, layer)
    lower = _read(machine, join(own, "lower"), formats.parse_lower)
    if isinstance(lower, Unknown):
        yield lower
        return
    layers: list[str] = []
    for place in (join(own, "diff"), *(join(store, f"l/{link}") for link in lower or ())):
        found = list(folder(machine.tree, place))
        layers += [path for path in found if isinstance(path, str)]
        yield from (one for one in found if isinstance(one, Unknown))
        yield from (Unknown(place, "a layer of a container is missing") for _ in [0] if not found)
    yield Rootfs(engine, name, tuple(layers))


def _whole(machine: Machine, engine: str, name: str, path: str) -> Iterator[Stored]:
    found = list(folder(machine.tree, path))
    yield from (one if isinstance(one, Unknown) else Rootfs(engine, name, (one,)) for one in found)
    yield from (Unknown(path, "the files of a container are missing") for _ in [0] if not found)


# ---------------------------------------------------------------------------- others
def _snapshots(machine: Machine, store: str) -> Iterator[Stored]:
    """containerd says in a database of its own which snapshots are whose; so each stands for itself."""
    entries = listed(machine.tree, store)
    if isinstance(entries, Unknown):
        yield entries
        return
    if len(entries) > MAX_ENTRIES:
        yield Unknown(store, f"more than {MAX_ENTRIES} snapshots")
    for entry in entries[:MAX_ENTRIES]:
        if entry.kind is Kind.FOLDER and entry.name.isdecimal():
            whole = "native" in store or "btrfs" in store
            place = join(store, entry.name if whole else f"{entry.name}/fs")
            for path in folder(machine.tree, place):
                yield path if isinstance(path, Unknown) else Rootfs("containerd", f"snapshot {entry.name}", (path,))


def _plain(machine: Machine, engine: str, path: str) -> Iterator[Stored]:
    """A folder that is the root itself. One without anything in it is mounted when its container starts."""
    entries = listed(machine.tree, path)
    if isinstance(entries, Unknown):
        yield entries
    elif not entries and engine == "lxc":
        yield Unknown(path, "the root of a container that is not mounted now")
    else:
        parent = posixpath.dirname(path)
        name = posixpath.basename(parent if posixpath.basename(path) == "rootfs" else path)
        yield Rootfs(engine, name, (path,))


def _disk_images(machine: Machine) -> Iterator[Stored]:
    if not machine.system:
        return
    entries = listed(machine.tree, "/var/lib/machines")
    for entry in [] if isinstance(entries, Unknown) else entries:
        if entry.kind is Kind.FILE and entry.name.endswith(_IMAGES):
            yield Unknown(f"/var/lib/machines/{entry.name}", "the disk image of a container is not opened")
