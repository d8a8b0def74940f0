"""Other machines: each is Unknown with a reason that a person understands, and no host is named."""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.errors import Denied
from agent.host.registry import RegistryKey
from agent.inventory.interface import Found, Root
from agent.inventory.machine import open_machine
from agent.inventory.remote import Remote
from agent.inventory.remote_formats import Place, gateway_has_hosts, places_of_editor, zed_has_hosts
from agent.inventory.windows_programs import Registry
from agent.inventory.wsl import LXSS
from policy_schema.rules.observation import Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown
from tests.fakes.registry_hive import hive_of, read_export

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and modes are those of POSIX")

SECRETS = ("build-host-17", "example.com", "secret-project", "some-machine")
PERSON = read_export((SAMPLES / "remote/lxss.reg").read_text())["HKEY_CURRENT_USER"]
FROM_WINDOWS = "a Linux of WSL: what is installed in it is not seen from Windows"


def sample(name: str) -> bytes:
    return (SAMPLES / "remote" / name).read_bytes()


# ---------------------------------------------------------------------------- formats
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(sample("ssh.workspace.json"), {Place.SSH}, id="a folder on a host"),
        pytest.param(
            sample("dev-container.workspace.json"), {Place.DEV_CONTAINER}, id="a workspace in a dev container"
        ),
        pytest.param(sample("local.workspace.json"), set(), id="a folder of this machine"),
        pytest.param(sample("storage.json"), {Place.WSL, Place.TUNNEL}, id="the last windows"),
        pytest.param(b'{"folder":"vscode-remote://newthing+x/y"}', {Place.OTHER}, id="a kind that is not known yet"),
    ],
)
def test_an_editor_remembers(data: bytes, expected: set[Place]) -> None:
    assert places_of_editor(data) == expected


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(sample("zed.settings.json"), True, id="a connection"),
        pytest.param(b'{ "ssh_connections": [] }', False, id="an empty list"),
        pytest.param(b'{\n // "ssh_connections": [ {} ]\n}', False, id="a commented line"),
    ],
)
def test_zed_s_settings_name(data: bytes, expected: bool) -> None:
    assert zed_has_hosts(data) is expected


@given(st.binary(max_size=400))
def test_any_bytes_are_read(data: bytes) -> None:
    assert all(place.words for place in places_of_editor(data))
    zed_has_hosts(data)
    gateway_has_hosts(data)


def test_every_kind_has_words_of_its_own() -> None:
    assert len({place.words for place in Place}) == len(Place)


# ---------------------------------------------------------------------------- editors
@pytest.mark.parametrize(
    ("files", "expected"),
    [
        pytest.param(
            {
                "/home/li/.config/Code/User/workspaceStorage/0a1b/workspace.json": "ssh.workspace.json",
                "/home/li/.config/Code/User/workspaceStorage/2c3d/workspace.json": "ssh.workspace.json",
                "/home/li/.config/Code/User/workspaceStorage/4e5f/workspace.json": "dev-container.workspace.json",
            },
            ["Code works on dev containers", "Code works on remote hosts (SSH)"],
            id="VS Code, each kind once",
        ),
        pytest.param(
            {"/home/li/Library/Application Support/Cursor/User/globalStorage/storage.json": "storage.json"},
            ["Cursor works on WSL", "Cursor works on remote hosts (tunnel)"],
            id="a fork on macOS",
        ),
        pytest.param(
            {"/home/li/AppData/Roaming/Trae/User/workspaceStorage/1/workspace.json": "ssh.workspace.json"},
            ["Trae works on remote hosts (SSH)"],
            id="a fork on Windows",
        ),
        pytest.param(
            {"/home/li/.config/zed/settings.json": "zed.settings.json"}, ["Zed works on remote hosts (SSH)"], id="Zed"
        ),
        pytest.param(
            {"/home/li/.config/JetBrains/JetBrainsGateway2025.1/options/sshConfigs.xml": "sshConfigs.xml"},
            ["JetBrainsGateway2025.1 works on remote hosts (SSH)"],
            id="Gateway",
        ),
        pytest.param(
            {"/home/li/.config/Code/User/workspaceStorage/1/workspace.json": "local.workspace.json"}, [], id="no other"
        ),
    ],
)
def test_an_editor_that_works_elsewhere_is_named_and_no_host(
    files: Mapping[str, str], expected: list[str], machine: MachineFolder
) -> None:
    for path, name in files.items():
        machine.file(path, sample(name))
    machine.file("/home/li/.ssh/config", "Host build-host-17.example.com\n")
    found = machine.look("remote")
    assert seen(found) == []
    said = sorted(one.reason.partition(":")[0] for one in unknown(found))
    assert said == expected
    assert not any(secret in repr(found) for secret in SECRETS)


def test_a_settings_file_that_cannot_be_read_is_unknown(machine: MachineFolder) -> None:
    machine.at("/home/li/.config/zed/settings.json").mkdir(parents=True)
    assert [one.where for one in unknown(machine.look("remote"))] == ["/home/li/.config/zed/settings.json"]


# ---------------------------------------------------------------------------- virtual machines
@pytest.mark.parametrize(
    ("path", "maker"),
    [
        ("/home/li/Library/Containers/com.docker.docker/Data/vms/0", "Docker Desktop"),
        ("/home/li/.docker/desktop/vms/0", "Docker Desktop"),
        ("/home/li/.local/share/rancher-desktop/lima/0", "Rancher Desktop"),
        ("/home/li/.colima/_lima/colima", "Colima"),
        ("/home/li/.lima/default", "Lima"),
        ("/home/li/.config/containers/podman/machine/qemu/podman-machine-default.json", "podman machine"),
        ("/var/snap/multipass/common/data/multipassd/vault/instances/primary", "Multipass"),
        ("/home/li/.minikube/machines/minikube", "minikube"),
        ("/home/li/VirtualBox VMs/dev/dev.vbox", "VirtualBox"),
        ("/home/li/vmware/dev/dev.vmx", "VMware"),
        ("/Users/Shared/Parallels/Windows 11.pvm", "Parallels"),
        ("/home/li/Library/Containers/com.utmapp.UTM/Data/Documents/Linux.utm", "UTM"),
        ("/home/li/.tart/vms/dev", "Tart"),
        ("/var/lib/libvirt/images/dev.qcow2", "libvirt"),
        ("/ProgramData/Microsoft/Windows/Virtual Hard Disks/dev.vhdx", "Hyper-V"),
    ],
)
def test_a_virtual_machine_is_unknown(path: str, maker: str, machine: MachineFolder) -> None:
    machine.file(f"{path}/disk" if "." not in path.rpartition("/")[2] else path, b"\0")
    found = unknown(machine.look("remote"))
    reason = f"a virtual machine of {maker}: what is installed in it is not seen from here"
    assert found == [Unknown(path, reason)]


@pytest.mark.parametrize(
    "path", ["/home/li/.lima/_config/user", "/home/li/.colima/_lima/_networks/x", "/home/li/Documents/notes.txt"]
)
def test_what_lies_beside_virtual_machines_is_none(path: str, machine: MachineFolder) -> None:
    machine.file(path)
    assert machine.look("remote").complete


# ---------------------------------------------------------------------------- WSL
@pytest.fixture
def windows(machine: MachineFolder) -> MachineFolder:
    """The fake machine becomes one of Windows, with one person's hive."""
    machine.file("/Users/li/NTUSER.DAT", hive_of(PERSON))
    return machine


def test_distributions_are_named_from_the_registry_as_a_file(windows: MachineFolder) -> None:
    windows.file("/Users/li/AppData/Local/wsl/x/ext4.vhdx", b"\0")
    found = {one.where: one.reason for one in unknown(windows.look("remote"))}
    assert found == {"/Users/li: WSL Ubuntu-24.04": FROM_WINDOWS, "/Users/li: WSL docker-desktop": FROM_WINDOWS}


def rows(sid: str, path: str) -> Iterator[RegistryKey]:
    assert (sid, path) == ("S-1-5-21-1", LXSS)
    below = {key: row for key, row in PERSON.items() if key.startswith(f"{path}\\")}
    yield from (RegistryKey(key.rpartition("\\")[2], {k: str(v) for k, v in row.items()}) for key, row in below.items())


def collect(machine: MachineFolder, door: Registry) -> list[Found]:
    with open_machine(root=str(machine.root)) as opened:
        return [found for found in Remote(door).collect(opened) if not isinstance(found, Root)]


def test_distributions_are_named_through_the_door(windows: MachineFolder) -> None:
    windows.at("/Users/li/NTUSER.DAT").write_bytes(b"in use")
    door = Registry(lambda _path, _wide: iter(()), rows, lambda: {r"C:\Users\li": "S-1-5-21-1"})
    assert collect(windows, door) == [
        Unknown("/Users/li: WSL Ubuntu-24.04", FROM_WINDOWS),
        Unknown("/Users/li: WSL docker-desktop", FROM_WINDOWS),
    ]


def test_a_registry_that_may_not_be_read_is_unknown_and_the_files_are_asked(windows: MachineFolder) -> None:
    def refuse() -> Mapping[str, str]:
        raise Denied("HKEY_USERS: permission denied")

    found = collect(windows, Registry(lambda _path, _wide: iter(()), rows, refuse))
    assert {one.where for one in found if isinstance(one, Unknown)} == {
        "HKEY_USERS",
        "/Users/li: WSL Ubuntu-24.04",
        "/Users/li: WSL docker-desktop",
    }


@pytest.mark.parametrize(
    "image",
    [
        "/Users/li/AppData/Local/Packages/CanonicalGroupLimited.Ubuntu_79rhkp1fndgsc/LocalState/ext4.vhdx",
        "/Users/li/AppData/Local/wsl/{9e1d2c3b}/ext4.vhdx",
    ],
)
def test_a_disk_image_that_no_registry_told_of_is_unknown(image: str, machine: MachineFolder) -> None:
    machine.file(image, b"\0")
    assert unknown(machine.look("remote")) == [Unknown(image, FROM_WINDOWS)]


def test_a_broken_hive_is_unknown(machine: MachineFolder) -> None:
    machine.file("/Users/li/NTUSER.DAT", b"nothing")
    assert [one.where for one in unknown(machine.look("remote"))] == ["/Users/li/NTUSER.DAT"]


def test_from_inside_wsl_the_windows_around_it_is_unknown(machine: MachineFolder) -> None:
    machine.at("/run/WSL").mkdir(parents=True)
    reason = "this is a Linux of WSL: the Windows around it needs an agent of its own"
    assert unknown(machine.look("remote")) == [Unknown("/mnt/c", reason)]


def test_a_machine_alone_is_complete(machine: MachineFolder) -> None:
    found = machine.look("remote")
    assert (seen(found), found.complete) == ([], True)
