"""What comes from the kernel and from files: events, processes, mounts, manifests, messages."""

from __future__ import annotations

import json
import os
import struct

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.gate import messages, mountinfo
from agent.gate.fanotify import Event, parse_events
from agent.gate.interpreters import Family, families_in, readers_of
from agent.gate.messages import Command, parse_command
from agent.gate.packages import (
    Package,
    by_folder,
    distributions,
    npm_folders,
    parse_manifest,
    records,
    site_folders,
)
from agent.gate.process import parse_tty, parse_uid
from agent.gate.program import parse_options


def event(mask: int, fd: int, pid: int, length: int = 24, version: int = 3) -> bytes:
    return struct.pack("=IBBHQii", length, version, 0, 24, mask, fd, pid)


def test_events_are_taken_apart_also_with_information_behind_them() -> None:
    data = event(0x40000, 7, 100) + event(0x10000, 8, 101, 32) + bytes(8) + event(0x4000, -1, 0)
    assert list(parse_events(data)) == [Event(0x40000, 7, 100), Event(0x10000, 8, 101), Event(0x4000, -1, 0)]


@pytest.mark.parametrize("data", [event(1, 1, 1, version=4), event(1, 1, 1, length=8), event(1, 1, 1, length=48)])
def test_events_of_another_form_are_an_error(data: bytes) -> None:
    with pytest.raises(ValueError, match=r"version|event of"):
        list(parse_events(data))


@given(st.binary(max_size=200))
def test_any_bytes_are_events_or_an_error(data: bytes) -> None:
    try:
        assert len(list(parse_events(data))) <= len(data) // 24
    except ValueError:
        return


@pytest.mark.parametrize(
    ("status", "uid"),
    [
        (b"Name:\tx\nUid:\t1000\t1001\t1002\t1003\n", 1000),
        (b"Name:\tUid:\t0\nUid:\t5\t5\t5\t5\n", 5),
        (b"Name:\tx\\nUid:\t0\nUid:\t7\t7\t7\t7\n", 7),
        (b"", -1),
        (b"Uid:\n", -1),
        (b"Uid:\t-1\n", -1),
    ],
)
def test_the_real_uid_is_read_whatever_the_process_calls_itself(status: bytes, uid: int) -> None:
    assert parse_uid(status) == uid


@pytest.mark.parametrize(
    ("stat", "tty"),
    [
        (b"12 (sh) S 1 12 12 34816 12 4", 34816),
        (b"12 (a) S 1 2 3 99 (b) S 1 12 12 34817 12 4", 34817),
        (b"12 (sh) S 1 12 12 -1 12 4", 0xFFFFFFFF),
        (b"", 0),
        (b"12 (sh", 0),
    ],
)
def test_the_terminal_is_read_whatever_the_process_calls_itself(stat: bytes, tty: int) -> None:
    assert parse_tty(stat) == tty


@given(st.binary(max_size=300))
def test_any_bytes_of_a_process_are_read(data: bytes) -> None:
    parse_uid(data)
    parse_tty(data)


MOUNTS = b"""\
22 1 254:0 / / rw - ext4 /dev/vda rw
23 22 0:21 / /proc rw - proc proc rw
24 22 0:22 / /dev/shm rw shared:3 master:1 - tmpfs tmpfs rw
25 22 0:30 / /net rw - autofs /etc/auto rw
26 25 0:31 / /net/server rw - ext4 /dev/vdb rw
27 22 0:32 / /mnt/with\\040space rw - xfs /dev/vdc rw
28 22 0:33 / /home rw - nfs4 server:/home rw
29 28 0:34 / /home/li/usb rw - vfat /dev/sda1 rw
30 22 0:35 / /run/user/1000 rw - tmpfs tmpfs rw
31 30 0:36 / /run/user/1000/doc rw - fuse.portal portal rw
32 22 254:0 /var /var rw - ext4 /dev/vda rw
broken line
33 22 0:37 / /mnt rw - tmpfs over rw
"""


def test_local_filesystems_are_marked_and_nothing_behind_a_server() -> None:
    seen = mountinfo.visible(mountinfo.parse_mountinfo(MOUNTS))
    # /mnt/with space is hidden by what was mounted over /mnt; /net and /home lead through somebody who may not answer.
    assert [mount.point for mount in mountinfo.to_mark(seen)] == ["/", "/dev/shm", "/run/user/1000", "/mnt"]
    assert [mount.point for mount in mountinfo.to_mark(seen, ["/dev/shm"])] == ["/dev/shm"]


def test_names_of_mounts_are_unescaped() -> None:
    assert "/mnt/with space" in [mount.point for mount in mountinfo.parse_mountinfo(MOUNTS)]


@given(st.binary(max_size=400))
def test_any_bytes_are_mounts_or_left_out(data: bytes) -> None:
    mountinfo.to_mark(mountinfo.visible(mountinfo.parse_mountinfo(data)))


NPM = "/p/node_modules/@scope/name"


@pytest.mark.parametrize(
    ("path", "folders"),
    [
        (f"{NPM}/bin/deep/x", [f"{NPM}/bin/deep", f"{NPM}/bin", NPM]),
        ("/p/node_modules/name/x", ["/p/node_modules/name"]),
        ("/p/node_modules/a/node_modules/b/x", ["/p/node_modules/a/node_modules/b"]),
        ("/p/node_modules/.bin/x", ["/p/node_modules/.bin"]),
        ("/home/li/a/b/c/d/x", ["/home/li/a/b/c/d", "/home/li/a/b/c", "/home/li/a/b"]),
        ("/usr/bin/x", ["/usr/bin", "/usr"]),
        ("/x", []),
    ],
)
def test_where_the_manifest_of_a_file_can_stand(path: str, folders: list[str]) -> None:
    assert list(npm_folders(path)) == folders


@pytest.mark.parametrize(
    ("data", "package"),
    [
        (b'{"name": "@scope/name", "version": "1.2.3"}', Package("pkg:npm/%40scope/name@1.2.3", NPM)),
        (b'{"name": "other"}', Package("pkg:npm/other", NPM)),
        (b'{"name": "other", "version": 7}', Package("pkg:npm/other", NPM)),
        (b'{"type": "module"}', None),
        (b'{"name": "a b"}', None),
        (b"not json", Package("pkg:npm/%40scope/name", NPM)),
        (b"[]", Package("pkg:npm/%40scope/name", NPM)),
        (b"[" * 100_000, Package("pkg:npm/%40scope/name", NPM)),
    ],
    ids=[
        "name and version",
        "a name alone",
        "a version that is none",
        "none at all: the module type of a folder",
        "a name that npm would not take",
        "no JSON: the folder speaks",
        "no object: the folder speaks",
        "nested too deep: the folder speaks",
    ],
)
def test_what_a_manifest_says(data: bytes, package: Package | None) -> None:
    assert parse_manifest(data, NPM) == package


@given(st.binary(max_size=300), st.sampled_from([NPM, "/x", ""]))
def test_any_manifest_is_a_package_or_none(data: bytes, folder: str) -> None:
    parse_manifest(data, folder)


@pytest.mark.parametrize("folder", ["/p/node_modules/@scope", "/p/node_modules/a/b", "/p/q", "/p/node_modules/a b"])
def test_a_folder_that_is_no_package_s_names_none(folder: str) -> None:
    assert by_folder(folder) is None


def test_the_distribution_of_a_program_is_looked_for_beside_its_bin() -> None:
    assert site_folders("/v/bin/aider") == (
        ("/v/lib/python*/site-packages", "../../../bin/aider"),
        ("/v/lib/python*/dist-packages", "../../../bin/aider"),
    )
    inside = "/v/lib/python3.11/site-packages"
    assert site_folders(f"{inside}/pkg/bin/x") == ((inside, "pkg/bin/x"),)
    assert site_folders("/v/other/x") == ()


def test_only_wanted_distributions_are_opened() -> None:
    names = ["Aider_Chat-0.86.0.dist-info", "numpy-2.0.dist-info", "aider_chat", "x.dist-info", "-1.dist-info"]
    assert list(distributions(names, frozenset({"aider-chat"}))) == [(names[0], "Aider_Chat", "0.86.0")]


@pytest.mark.parametrize(
    ("record", "listed"),
    [
        (b"../../../bin/aider,sha256=x,1\n", True),
        (b'"../../../bin/aider",,\n', True),
        (b"../../../bin/aider2,,\n", False),
        (b"x../../../bin/aider,,\n", False),
        (b"", False),
    ],
)
def test_a_record_lists_a_file(record: bytes, listed: bool) -> None:
    assert records(record, "../../../bin/aider") is listed


@pytest.mark.parametrize(
    ("path", "head", "readers"),
    [
        ("/x/cli.js", b"#!/usr/bin/env node\n", {Family.JAVASCRIPT, Family.SHELL, Family.LOADER}),
        ("/x/tool.py", b"import x", {Family.PYTHON, Family.SHELL, Family.LOADER}),
        ("/x/tool", b"#!/usr/bin/python3\n", {Family.PYTHON, Family.SHELL, Family.LOADER}),
        ("/x/native", b"\x7fELF\x02", {Family.LOADER}),
        ("/x/what", b"hello", set(Family)),
    ],
)
def test_who_must_not_open_an_entry_file(path: str, head: bytes, readers: set[Family]) -> None:
    assert readers_of(path, head) == readers


def test_an_interpreter_is_known_by_what_it_exports() -> None:
    assert families_in(b"\0malloc\0napi_create_function\0") == {Family.JAVASCRIPT}
    assert families_in(b"\0Py_BytesMain\0perl_parse\0") == {Family.PYTHON, Family.PERL}
    assert families_in(b"\0malloc\0free\0") == set()


@pytest.mark.parametrize(
    ("data", "command"),
    [
        (b'{"t":"orders","serial":3}', Command.ORDERS),
        (b'{"t":"stop"}', Command.STOP),
        (b'{"t":"other"}', None),
        (b'{"t":["orders"]}', None),
        (b"[]", None),
        (b"\xff", None),
        (b"[" * 8000, None),
    ],
)
def test_commands_of_the_daemon(data: bytes, command: Command | None) -> None:
    assert parse_command(data) is command


@given(st.text(max_size=5000), st.binary(max_size=5000))
def test_a_message_is_text_and_never_too_long(version: str, path: bytes) -> None:
    made = messages.refused(
        at=1,
        uid=2,
        pid=3,
        tty=4,
        path=os.fsdecode(path),
        tool="claude-code",
        ban="claude-code",
        version=version[:80],
        matches=["content"],
        by="content",
    )
    assert len(made) <= messages.LIMIT
    assert json.loads(made)["path"].encode("utf-8") is not None


def test_options_are_absolute_paths() -> None:
    made = parse_options(["--socket", "/s", "--orders", "/o", "--only", "/a", "/b"])
    assert (made.socket, made.orders, made.only) == ("/s", "/o", ("/a", "/b"))


@pytest.mark.parametrize(
    "words",
    [[], ["--orders"], ["--orders", "o"], ["--orders", "/o", "--what", "/x"], ["--orders", "/a", "/b"], ["/o"]],
)
def test_a_wrong_call_says_what_to_write(words: list[str]) -> None:
    with pytest.raises(ValueError, match="write --socket"):
        parse_options(words)
