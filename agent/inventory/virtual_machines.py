"""Virtual machines by the folders in which their makers keep them. None is opened: each is a machine of its own."""

from __future__ import annotations

import fnmatch
from collections.abc import Iterator
from typing import NamedTuple

from agent.host.files import Kind
from agent.inventory.interface import Machine, Root
from agent.inventory.places import Folder, expand, join, listed
from policy_schema.rules.observation import Unknown

MAX_MACHINES = 200
_APP = "~/Library/Application Support"
_HOME_DATA = "~/AppData/Local"


class Maker(NamedTuple):
    """A program that runs virtual machines: folders, and what in them is one (`*`: everything)."""

    name: str
    system: tuple[str, ...]
    of_users: tuple[str, ...]
    names: tuple[str, ...] = ("*",)


MAKERS = (
    Maker(
        "Docker Desktop",
        (),
        (
            "~/Library/Containers/com.docker.docker/Data/vms",
            "~/.docker/desktop/vms",
            f"{_HOME_DATA}/Docker/wsl",
        ),
    ),
    Maker(
        "Rancher Desktop",
        (),
        (f"{_APP}/rancher-desktop/lima", "~/.local/share/rancher-desktop/lima", f"{_HOME_DATA}/rancher-desktop/distro"),
        ("[!_]*",),
    ),
    Maker("Colima", (), ("~/.colima/_lima", "~/.local/share/colima/_lima", "~/.config/colima/_lima"), ("[!_]*",)),
    Maker("Lima", (), ("~/.lima",), ("[!_.]*",)),
    Maker("OrbStack", (), ("~/.orbstack/vmconfig", "~/Library/Group Containers/*.dev.orbstack/data")),
    Maker("podman machine", (), ("~/.config/containers/podman/machine/*",), ("*.json",)),
    Maker(
        "Multipass",
        (
            "var/snap/multipass/common/data/multipassd/vault/instances",
            "var/root/Library/Application Support/multipassd/qemu/vault/instances",
            "ProgramData/Multipass/data/vault/instances",
        ),
        (),
    ),
    Maker("minikube", (), ("~/.minikube/machines",), ("[!.]*",)),
    Maker("VirtualBox", (), ("~/VirtualBox VMs", "~/VirtualBox VMs/*"), ("*.vbox",)),
    Maker(
        "VMware",
        (),
        (
            "~/vmware/*",
            "~/Virtual Machines.localized",
            "~/Virtual Machines.localized/*",
            "~/Documents/Virtual Machines/*",
        ),
        ("*.vmx", "*.vmwarevm"),
    ),
    Maker("Parallels", ("Users/Shared/Parallels",), ("~/Parallels",), ("*.pvm",)),
    Maker("UTM", (), ("~/Library/Containers/com.utmapp.UTM/Data/Documents", "~/Documents"), ("*.utm",)),
    Maker("Tart", (), ("~/.tart/vms",), ("[!.]*",)),
    Maker(
        "libvirt",
        ("var/lib/libvirt/images",),
        ("~/.local/share/libvirt/images", "~/.local/share/gnome-boxes/images"),
        ("*.qcow2", "*.img", "*.raw", "*.vmdk", "boxes-*", "ubuntu*", "fedora*", "debian*", "win*"),
    ),
    Maker(
        "Hyper-V",
        (
            "ProgramData/Microsoft/Windows/Virtual Hard Disks",
            "Users/Public/Documents/Hyper-V/Virtual hard disks",
        ),
        (),
        ("*.vhdx", "*.vhd"),
    ),
)


def virtual_machines(machine: Machine) -> Iterator[Unknown | Root]:
    """Each virtual machine, as a place that is not looked into."""
    for maker in MAKERS:
        for found in expand(machine, maker.system, maker.of_users):
            if isinstance(found, Folder):
                yield Root(found.path)
                yield from _in_folder(machine, maker, found.path)
            else:
                yield found


def _in_folder(machine: Machine, maker: Maker, place: str) -> Iterator[Unknown]:
    entries = listed(machine.tree, place)
    if isinstance(entries, Unknown):
        yield entries
        return
    wanted = [
        entry.name
        for entry in entries
        if entry.kind in (Kind.FILE, Kind.FOLDER) and any(fnmatch.fnmatchcase(entry.name, one) for one in maker.names)
    ]
    if len(wanted) > MAX_MACHINES:
        yield Unknown(place, f"more than {MAX_MACHINES} virtual machines of {maker.name}")
    for name in wanted[:MAX_MACHINES]:
        yield Unknown(
            join(place, name), f"a virtual machine of {maker.name}: what is installed in it is not seen from here"
        )
    if len(wanted) > MAX_MACHINES:
        yield Unknown(place, f"more than {MAX_MACHINES} virtual machines of {maker.name}")
