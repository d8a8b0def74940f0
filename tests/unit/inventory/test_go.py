"""Go: build information of real programs in each format, and where programs of Go's are found."""

from __future__ import annotations

import gzip
import struct
import sys
import time
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.go import Go, folders_in_settings
from agent.inventory.go_formats import MAGIC, Build, package_purl, read_build
from agent.inventory.machine import open_machine
from agent.inventory.recall import Recall
from policy_schema.rules.observation import Observation
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and modes are those of POSIX")

ESBUILD = Build("github.com/evanw/esbuild/cmd/esbuild", "github.com/evanw/esbuild", "", "go1.17.1")
CRUSH = Build("example.com/tools/crush/v2", "example.com/tools/crush/v2", "", "go1.19.8")
PROGRAMS = {
    "go1.17-linux-amd64": ESBUILD,
    "go1.17-linux-386": ESBUILD,
    "go1.17-linux-ppc64le": ESBUILD,
    "go1.17-darwin-amd64": ESBUILD,
    "go1.17-windows-amd64": ESBUILD,
    "go1.23-darwin-arm64": ESBUILD._replace(go="go1.23.1"),
    "go1.19-linux-amd64": CRUSH,
    "go1.19-windows-amd64": CRUSH,
}


def sample(name: str) -> bytes:
    return gzip.decompress((SAMPLES / "go" / f"{name}.gz").read_bytes())


def reader(data: bytes) -> Callable[[int, int], bytes]:
    return lambda offset, length: data[offset : offset + length] if offset >= 0 else b""


def read(data: bytes) -> Build | None:
    return read_build(reader(data), len(data))


def program(modules: str, go: str = "go1.22.1") -> bytes:
    """A sample whose texts were replaced: of the form that has them behind the blob."""
    data = bytearray(sample("go1.19-linux-amd64"))
    at = data.index(MAGIC)
    text = b"\x30" * 16 + modules.encode() + b"\n" + b"\xf9" * 16
    body = b"".join(_counted(part) for part in (go.encode(), text))
    data[at + 32 : at + 32 + len(body)] = body
    return bytes(data)


def _counted(text: bytes) -> bytes:
    length, out = len(text), b""
    while length > 0x7F:
        out, length = out + bytes([length & 0x7F | 0x80]), length >> 7
    return out + bytes([length]) + text


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_real_program_says(name: str) -> None:
    assert read(sample(name)) == PROGRAMS[name]


@pytest.mark.parametrize(
    ("modules", "purl"),
    [
        pytest.param(
            "path\tgithub.com/x/Tool/cmd/t\nmod\tgithub.com/x/Tool\tv1.2.3\th1:abc=\ndep\ta.b/c\tv9.9.9\t",
            "pkg:golang/github.com/x/tool@v1.2.3",
            id="a module with a version",
        ),
        pytest.param("path\ta.b/c\nmod\ta.b/c\t(devel)\t", "pkg:golang/a.b/c", id="one built from a folder"),
        pytest.param(
            "path\ta.b/c\nmod\ta.b/c\tv1.2.4-0.20260101000000-abcdef123456+dirty\t",
            "pkg:golang/a.b/c@v1.2.4-0.20260101000000-abcdef123456%2Bdirty",
            id="one built from a changed checkout",
        ),
        pytest.param("path\tgithub.com/x/tool", "pkg:golang/github.com/x/tool", id="one built without modules"),
        pytest.param("path\tcommand-line-arguments", "", id="a single file"),
        pytest.param("path\t\x1b[31m\nmod\t\x1b[31m\tv1.0.0\t", "", id="escapes in the names"),
        pytest.param("path\ta.b/c\nmod\ta.b/c\tv1.0.0\x07\t", "pkg:golang/a.b/c", id="a version that is none"),
    ],
)
def test_a_list_of_modules_says(modules: str, purl: str) -> None:
    build = read(program(modules))
    assert build is not None
    assert package_purl(build) == purl


HOSTILE = {
    "nothing": b"",
    "text": b"#!/bin/sh\n" * 100,
    "an ELF header alone": b"\x7fELF\x02\x01\x01" + b"\0" * 57,
    "an ELF that is all ones": b"\x7fELF\x02\x01" + b"\xff" * 5000,
    "a PE that points nowhere": b"MZ" + b"\0" * 58 + b"\xff\xff\xff\x7f" + b"\0" * 4096,
    "a universal file of itself": struct.pack(">II5I", 0xCAFEBABE, 1, 7, 3, 0, 4096, 12) + b"\0" * 4096,
}


@pytest.mark.parametrize("what", HOSTILE)
def test_no_program_of_go_s(what: str) -> None:
    assert read(HOSTILE[what]) is None


@pytest.mark.parametrize(
    "blob",
    [
        pytest.param(MAGIC + b"\x08\x02" + b"\0" * 16 + b"\xff" * 10, id="a length without an end"),
        pytest.param(MAGIC + b"\x08\x02" + b"\0" * 16 + b"\xff\xff\xff\xff\x0f", id="a length of 4 GB"),
        pytest.param(MAGIC + b"\x08\x00" + b"\xff" * 16, id="addresses beyond everything"),
        pytest.param(MAGIC + b"\x07\x00" + b"\x01" * 16, id="pointers of seven bytes"),
    ],
)
def test_a_spoilt_blob_says_nothing(blob: bytes) -> None:
    data = bytearray(sample("go1.19-linux-amd64"))
    at = data.index(MAGIC)
    data[at : at + len(blob)] = blob
    assert read(bytes(data)) is None


@given(st.sampled_from(sorted(PROGRAMS)), st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), max_size=20))
def test_a_damaged_header_never_fails(name: str, changes: list[tuple[int, int]]) -> None:
    data = bytearray(SMALL[name])
    for at, value in changes:
        data[at % len(data)] = value
    found = read(bytes(data))
    assert found is None or found.go


SMALL = {name: sample(name)[: 1 << 16] for name in PROGRAMS}


@given(
    st.binary(max_size=2000), st.sampled_from([b"\x7fELF\x02\x01", b"\x7fELF\x01\x02", b"MZ", b"\xcf\xfa\xed\xfe", b""])
)
def test_any_bytes_are_read(data: bytes, kind: bytes) -> None:
    read(kind + data)


@given(st.text(max_size=300))
def test_any_list_of_modules_is_read(text: str) -> None:
    build = read(program(text))
    assert build is not None
    assert package_purl(build).isprintable()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param("GOBIN=/opt/mine\n", ["/opt/mine"], id="GOBIN"),
        pytest.param("GOPATH=/a:/b\nGOPROXY=off\n", ["/a/bin", "/b/bin"], id="two GOPATHs"),
        pytest.param("GOBIN=~/bin\n", ["/home/li/bin"], id="the home's sign"),
        pytest.param("GOBIN=relative\nGOPATH=\n", [], id="nothing usable"),
    ],
)
def test_go_s_settings_name(text: str, expected: list[str]) -> None:
    assert folders_in_settings(text, "/home/li") == expected


@pytest.mark.parametrize(
    "folder",
    [
        "/home/li/go/bin",
        "/usr/local/go/bin",
        "/usr/local/bin",
        "/home/li/.local/bin",
        "/home/li/.asdf/installs/golang/1.22/packages/bin",
    ],
)
def test_a_program_is_found_in(folder: str, machine: MachineFolder) -> None:
    machine.file(f"{folder}/renamed", program("path\ta.b/tool\nmod\ta.b/tool\tv2.0.1\th1:x="), 0o755)
    machine.file(f"{folder}/small", b"\x7fELF", 0o755)
    found = machine.look("go")
    (one,) = seen(found)
    assert (one.name, one.version, one.purl) == ("a.b/tool", "2.0.1", "pkg:golang/a.b/tool@v2.0.1")
    assert (one.path, one.manager) == (f"{folder}/renamed", "")
    assert found.complete


def test_folders_that_settings_a_path_and_a_process_reveal_are_looked_at(machine: MachineFolder) -> None:
    data = program("path\ta.b/tool\nmod\ta.b/tool\tv2.0.1\th1:x=")
    for folder in ("/srv/gobin", "/data/tools", "/data/run"):
        machine.file(f"{folder}/tool", data, 0o755)
    assert seen(machine.look("go")) == []
    machine.file("/home/li/.config/go/env", "GOBIN=/srv/gobin\n")
    found = machine.look("go", path_folders=["/data/tools"], hints=["/data/run/tool"])
    assert {one.path for one in seen(found)} == {"/srv/gobin/tool", "/data/tools/tool", "/data/run/tool"}


def test_what_the_system_s_manager_brought_is_left_to_it(machine: MachineFolder) -> None:
    machine.file("/usr/bin/tool", program("path\ta.b/tool\nmod\ta.b/tool\tv2.0.1\th1:x="), 0o755)
    assert seen(machine.look("go")) == []


def test_a_program_that_did_not_change_is_not_read_again(machine: MachineFolder) -> None:
    path = "/home/li/go/bin/tool"
    at = machine.file(path, program("path\ta.b/tool\nmod\ta.b/tool\tv2.0.1\th1:x="), 0o755)
    machine.file("/home/li/go/bin/other", b"\x7fELF" + b"\0" * (1 << 20), 0o755)
    later = time.time_ns() + 10**12
    recall = Recall(now=lambda: later)
    first, second = (look_with(machine, recall), look_with(machine, recall))
    assert [one.version for one in first] == [one.version for one in second] == ["2.0.1"]
    read = recall.read
    at.write_bytes(program("path\ta.b/tool\nmod\ta.b/tool\tv2.0.2\th1:x="))
    assert [one.version for one in look_with(machine, recall)] == ["2.0.2"]
    assert recall.read == read + 1


def look_with(machine: MachineFolder, recall: Recall) -> list[Observation]:
    with open_machine(root=str(machine.root), recall=recall) as opened:
        return [found for found in Go().collect(opened) if isinstance(found, Observation)]
