"""Containers: where engines keep their files, and what is seen in them from outside."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.host.other_roots import parse_root_mount
from agent.inventory import container_formats as formats
from agent.inventory.interface import Wanted
from policy_schema.rules.observation import Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and modes are those of POSIX")

ID = "3f2a9c1de0b74f5a8c6d7e8f90123456789abcdef0123456789abcdef0123456"
TOP, MIDDLE, BASE = ("a" * 64, "b" * 64, "c" * 64)
LINKS = {MIDDLE: "M" * 26, BASE: "B" * 26}
PODMAN = "/var/lib/containers/storage"
ROOTLESS = "/home/li/.local/share/containers/storage"


def sample(name: str) -> bytes:
    return (SAMPLES / "containers" / name).read_bytes()


# ---------------------------------------------------------------------------- formats
def test_the_list_of_podman_and_buildah_says() -> None:
    assert [(one.name, one.layer[:8]) for one in formats.parse_containers(sample("containers.json"))] == [
        ("working-container", "83056747"),
        ("tinyimg-working-container", "12cea248"),
        ("mybox", "f497690c"),
    ]


def test_docker_s_settings_of_a_container_say_and_its_environment_is_not_kept() -> None:
    made = formats.parse_docker_container(sample("config.v2.json"))
    assert made == formats.Made(ID, "dev-box", "", "overlay2")
    assert "do-not-keep-this" not in repr(made)


def test_the_layers_below_say() -> None:
    assert formats.parse_lower(sample("lower")) == ["PKKLIBNAUU3GTFA6TWKD5PUVAF"]


@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(sample("storage.conf"), ["/data/containers", "$HOME/.containers"], id="two places"),
        pytest.param(b"[storage]\ngraphroot = 7\n", [], id="a number"),
        pytest.param(b"", [], id="nothing"),
    ],
)
def test_settings_of_the_storage_name(data: bytes, expected: list[str]) -> None:
    assert formats.parse_storage_settings(data) == expected


@pytest.mark.parametrize(
    ("parse", "data", "message"),
    [
        pytest.param(formats.parse_containers, b"{}", "not a list of containers", id="an object"),
        pytest.param(formats.parse_docker_container, b"{}", "no usable id", id="no id"),
        pytest.param(formats.parse_docker_container, b'{"ID": "../../etc"}', "no usable id", id="an id that climbs"),
        pytest.param(formats.parse_layer_id, b"../../etc", "no usable id", id="a layer that climbs"),
        pytest.param(formats.parse_lower, b"l/../../../etc", "not a list of layers", id="a lower that climbs"),
        pytest.param(formats.parse_lower, b":".join([b"l/" + b"A" * 26] * 501), "more than 500", id="501 layers"),
        pytest.param(formats.parse_docker_settings, b"[]", "not a JSON object", id="a list of settings"),
        pytest.param(formats.parse_storage_settings, b"[", "line 1 is not written", id="half a table"),
    ],
)
def test_a_file_is_refused_for(parse: object, data: bytes, message: str) -> None:
    assert callable(parse)
    with pytest.raises(ValueError, match=message):
        parse(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_a_value_error(data: bytes) -> None:
    parsers: list[object] = [
        formats.parse_containers,
        formats.parse_docker_container,
        formats.parse_docker_settings,
        formats.parse_layer_id,
        formats.parse_lower,
        formats.parse_storage_settings,
    ]
    for parse in parsers:
        assert callable(parse)
        try:
            parse(data)
        except ValueError:
            continue
    parse_root_mount(data.decode("utf-8", "surrogateescape"))


@pytest.mark.parametrize(
    ("line", "expected"),
    [
        pytest.param(
            "1 2 0:5 / / rw - overlay overlay rw,lowerdir=/l/A:/l/B,upperdir=/var/lib/docker/overlay2/x/diff",
            "/var/lib/docker/overlay2/x/diff",
            id="an overlay",
        ),
        pytest.param(
            "1 2 8:1 /var/lib/machines/a\\040b / rw - ext4 /dev/sda1 rw", "/var/lib/machines/a b", id="a folder"
        ),
        pytest.param("1 2 8:1 / / rw - ext4 /dev/sda1 rw", "", id="a whole filesystem"),
        pytest.param("1 2 8:1 /x /proc rw - proc proc rw", "", id="another mount"),
        pytest.param("nonsense", "", id="no line of mounts"),
    ],
)
def test_a_root_comes_from(line: str, expected: str) -> None:
    assert parse_root_mount(line) == expected


# ---------------------------------------------------------------------------- stores
def overlay(machine: MachineFolder, store: str, *layers: str) -> None:
    """Layers as the drivers of Docker and of containers/storage lay them down, the upper first."""
    for layer in layers:
        machine.at(f"{store}/{layer}/diff").mkdir(parents=True)
        if layer in LINKS:
            machine.link(f"{store}/l/{LINKS[layer]}", f"../{layer}/diff")
    machine.file(f"{store}/{layers[0]}/lower", ":".join(f"l/{LINKS[layer]}" for layer in layers[1:]))


def docker(machine: MachineFolder, store: str = "/var/lib/docker", driver: str = "overlay2") -> str:
    config = sample("config.v2.json").replace(b'"Driver":"overlay2"', f'"Driver":"{driver}"'.encode())
    machine.file(f"{store}/containers/{ID}/config.v2.json", config)
    machine.file(f"{store}/image/{driver}/layerdb/mounts/{ID}/mount-id", TOP)
    if driver == "overlay2":
        overlay(machine, f"{store}/overlay2", TOP, MIDDLE, BASE)
    return f"{store}/overlay2"


def podman(machine: MachineFolder, store: str = PODMAN) -> str:
    machine.file(f"{store}/overlay-containers/containers.json", f'[{{"id":"{ID}","names":["box"],"layer":"{TOP}"}}]')
    overlay(machine, f"{store}/overlay", TOP, MIDDLE, BASE)
    return f"{store}/overlay"


def names(machine: MachineFolder) -> set[tuple[str, str]]:
    return {(one.name, one.prefix) for one in seen(machine.look("containers"))}


@pytest.mark.parametrize(
    ("engine", "store"),
    [
        ("docker", "/var/lib/docker"),
        ("docker", "/home/li/.local/share/docker"),
        ("docker", "/data/docker"),
        ("podman", PODMAN),
        ("podman", ROOTLESS),
        ("podman", "/data/containers"),
        ("podman", "/home/li/.containers"),
    ],
)
def test_what_a_container_holds_is_found_in_any_of_its_layers(engine: str, store: str, machine: MachineFolder) -> None:
    machine.file("/etc/docker/daemon.json", '{"data-root": "/data/docker"}')
    machine.file("/etc/containers/storage.conf", sample("storage.conf"))
    machine.file("/home/li/.config/containers/storage.conf", sample("storage.conf"))
    layers = docker(machine, store) if engine == "docker" else podman(machine, store)
    machine.npm(f"{layers}/{BASE}/diff/usr/local/lib/node_modules/npm", "npm", "10.0.0")
    machine.npm(f"{layers}/{MIDDLE}/diff/root/.npm-global/lib/node_modules/x", "x", "1.0.0")
    site = f"{layers}/{TOP}/diff/home/dev/.local/lib/python3.11/site-packages"
    machine.dist(site, "aider-chat", "0.86.2")
    found = machine.look("containers")
    box = "dev-box" if engine == "docker" else "box"
    assert {(one.name, one.manager, one.prefix, one.project) for one in seen(found)} == {
        ("npm", engine, box, True),
        ("x", engine, box, True),
        ("aider-chat", engine, box, True),
    }
    paths = {one.name: one.path for one in seen(found)}
    assert paths["npm"] == f"{layers}/{BASE}/diff/usr/local/lib/node_modules/npm"
    assert paths["aider-chat"] == f"{site}/aider_chat-0.86.2.dist-info"
    assert found.complete


def test_a_program_in_a_container_is_found_by_its_folder_and_a_link_stays_inside(machine: MachineFolder) -> None:
    layers = podman(machine)
    root = f"{layers}/{BASE}/diff"
    machine.file(f"{root}/root/.local/share/claude/versions/2.1.197", b"\x7fELF", 0o755)
    machine.link(f"{root}/usr/local/bin/claude", "/root/.local/share/claude/versions/2.1.197")
    machine.link(f"{root}/usr/local/bin/aider", "/etc/passwd")
    machine.file(f"{root}/etc/passwd", "root:x:0:0:root:/root:/bin/sh\n")
    wanted = Wanted(frozenset({"claude", "aider"}), ("~/.local/share/claude/versions",))
    (one,) = seen(machine.look("containers", wanted=wanted))
    assert (one.path, one.version) == (f"{root}/root/.local/share/claude/versions/2.1.197", "2.1.197")
    assert one.links == (f"{root}/usr/local/bin/claude",)
    assert one.home == f"{root}/root"


@pytest.mark.parametrize(
    "mark",
    [
        pytest.param("usr/lib/node_modules/.wh.gone", id="a mark for the package"),
        pytest.param("usr/.wh.lib", id="a mark for a folder above it"),
        pytest.param("usr/lib/node_modules/.wh..wh..opq", id="a folder that hides what is below"),
        pytest.param("usr/lib", id="a file in place of a folder"),
        pytest.param("usr/lib/node_modules/gone/package.json", id="another version of it"),
    ],
)
def test_what_an_upper_layer_hides_is_not_there(mark: str, machine: MachineFolder) -> None:
    layers = podman(machine)
    machine.npm(f"{layers}/{BASE}/diff/usr/lib/node_modules/gone", "gone", "1.0.0")
    assert names(machine) == {("gone", "box")}
    machine.file(f"{layers}/{MIDDLE}/diff/{mark}", '{"name": "gone", "version": "2.0.0"}')
    found = [one.version for one in seen(machine.look("containers"))]
    assert found == (["2.0.0"] if mark.endswith("package.json") else [])


def test_a_layer_that_two_containers_share_is_hidden_only_in_one(machine: MachineFolder) -> None:
    layers = podman(machine)
    other = "d" * 64
    rows = [
        f'{{"id":"{layer}","names":["{name}"],"layer":"{layer}"}}' for layer, name in ((TOP, "one"), (other, "two"))
    ]
    machine.file(f"{PODMAN}/overlay-containers/containers.json", f"[{','.join(rows)}]")
    machine.file(f"{layers}/{other}/diff/etc/x")
    machine.file(f"{layers}/{other}/lower", f"l/{LINKS[BASE]}")
    machine.npm(f"{layers}/{BASE}/diff/usr/lib/node_modules/tool", "tool", "1.0.0")
    machine.file(f"{layers}/{TOP}/diff/usr/lib/node_modules/.wh.tool")
    assert names(machine) == {("tool", "two")}


@pytest.mark.parametrize(
    ("root", "engine", "name"),
    [
        ("/var/lib/machines/debian", "systemd-nspawn", "debian"),
        ("/var/lib/lxc/web/rootfs", "lxc", "web"),
        ("/home/li/.local/share/lxc/web/rootfs", "lxc", "web"),
        ("/var/lib/incus/storage-pools/default/containers/web/rootfs", "lxc", "web"),
        ("/home/li/.local/share/enroot/cuda", "enroot", "cuda"),
        ("/srv/chroot/sid", "chroot", "sid"),
        ("/var/lib/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/12/fs", "containerd", "snapshot 12"),
        ("/var/lib/containerd/io.containerd.snapshotter.v1.native/snapshots/12", "containerd", "snapshot 12"),
        (
            "/home/li/.local/share/containerd/io.containerd.snapshotter.v1.overlayfs/snapshots/3/fs",
            "containerd",
            "snapshot 3",
        ),
    ],
)
def test_a_whole_root_is_looked_into(root: str, engine: str, name: str, machine: MachineFolder) -> None:
    machine.npm(f"{root}/usr/lib/node_modules/x", "x", "1.0.0")
    found = machine.look("containers")
    assert [(one.path, one.manager, one.prefix) for one in seen(found)] == [
        (f"{root}/usr/lib/node_modules/x", engine, name)
    ]
    assert found.complete


def test_the_driver_vfs_keeps_whole_roots(machine: MachineFolder) -> None:
    docker(machine, driver="vfs")
    machine.npm(f"/var/lib/docker/vfs/dir/{TOP}/usr/lib/node_modules/x", "x", "1.0.0")
    assert names(machine) == {("x", "dev-box")}


# ---------------------------------------------------------------------------- what cannot be looked at
def test_a_driver_that_is_not_known_is_unknown(machine: MachineFolder) -> None:
    docker(machine, driver="zfs")
    reason = "the files of a container kept by zfs are not looked into"
    assert unknown(machine.look("containers")) == [Unknown(f"/var/lib/docker/containers/{ID}", reason)]


def test_a_missing_layer_is_unknown(machine: MachineFolder) -> None:
    layers = podman(machine)
    machine.at(f"{layers}/l/{LINKS[BASE]}").unlink()
    found = unknown(machine.look("containers"))
    assert found == [Unknown(f"{layers}/l/{LINKS[BASE]}", "a layer of a container is missing")]


def test_a_broken_list_is_unknown(machine: MachineFolder) -> None:
    podman(machine)
    machine.file(f"{PODMAN}/overlay-containers/containers.json", "{}")
    found = unknown(machine.look("containers"))
    assert found == [Unknown(f"{PODMAN}/overlay-containers/containers.json", "not a list of containers")]


def test_a_disk_image_is_unknown(machine: MachineFolder) -> None:
    machine.file("/var/lib/machines/fedora.raw", b"\0")
    found = unknown(machine.look("containers"))
    assert found == [Unknown("/var/lib/machines/fedora.raw", "the disk image of a container is not opened")]


def test_a_root_that_is_not_mounted_is_unknown(machine: MachineFolder) -> None:
    machine.at("/var/lib/lxc/web/rootfs").mkdir(parents=True)
    assert [one.where for one in unknown(machine.look("containers"))] == ["/var/lib/lxc/web/rootfs"]


def test_a_broken_package_in_a_container_is_unknown_at_its_place(machine: MachineFolder) -> None:
    root = "/var/lib/machines/debian"
    machine.file(f"{root}/usr/lib/node_modules/x/package.json", b"\0")
    found = machine.look("containers")
    assert [one.name for one in seen(found)] == ["x"]
    assert unknown(found) == [Unknown(f"{root}/usr/lib/node_modules/x/package.json", "not JSON")]


def test_a_layer_never_leads_to_this_machine_s_files(machine: MachineFolder) -> None:
    layers = podman(machine)
    machine.npm("/usr/lib/node_modules/ours", "ours", "1.0.0")
    machine.link(f"{layers}/{TOP}/diff/usr", "../../../../../../../../../../usr")
    machine.link(f"{layers}/{MIDDLE}/diff/usr/lib", "/../../../../../../../../../usr/lib")
    assert seen(machine.look("containers")) == []


def test_without_containers_there_is_nothing_to_tell(machine: MachineFolder) -> None:
    found = machine.look("containers")
    assert (seen(found), found.complete) == ([], True)
    assert {"/var/lib/docker", PODMAN, ROOTLESS} <= found.watch["containers"]
