"""The hostile home: whatever its owner puts there, a look ends, in bounded memory, and misses nothing beside it.

Two people's homes are alike (`tests/fakes/full_machine.py`); li's is made hostile at once at every file that any source
opens or tries to, and in every folder that any source lists. What is in wang's must be found as before. Each look is a
process of its own with a bound on its memory and a watchdog. What changes while it is read: `test_hostile_moments.py`.
"""

from __future__ import annotations

import io
import os
import shutil
import stat
import sys
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import suppress
from pathlib import Path

import pytest

from tests.fakes.caged_look import caged
from tests.fakes.full_machine import full_machine, look_at
from tests.fakes.hostile_home import Before, assert_well, hostile_machine, quick_folder
from tests.fakes.machine_folder import MachineFolder

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="pipes, devices and bounds of memory as Linux has them")


@pytest.fixture(scope="module")
def before() -> Iterator[Before]:
    with quick_folder() as root:
        yield Before(full_machine(root))


@pytest.fixture
def machine() -> Iterator[MachineFolder]:
    with hostile_machine() as made:
        yield made


# ---------------------------------------------------------------------------- in place of each file that is read
def _zip_bomb() -> bytes:
    """A jar of some 10 MB whose `plugin.xml` says to be 10 GB: one compressed megabyte, ten thousand times."""
    pack = zlib.compressobj(9, zlib.DEFLATED, -15)
    block = pack.compress(b" " * (1 << 20)) + pack.flush(zlib.Z_FULL_FLUSH)
    data = block * 10_000 + pack.flush(zlib.Z_FINISH)
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_STORED) as made:
        made.writestr("META-INF/plugin.xml", data)
    whole = bytearray(jar.getvalue())
    for at in (whole.index(b"PK\3\4") + 8, whole.rindex(b"PK\1\2") + 10):
        whole[at : at + 2] = zipfile.ZIP_DEFLATED.to_bytes(2, "little")
    size = (10_000 << 20) & 0xFFFFFFFF
    for at in (whole.index(b"PK\3\4") + 22, whole.rindex(b"PK\1\2") + 24):
        whole[at : at + 4] = size.to_bytes(4, "little")
    return bytes(whole)


def _entity_bomb() -> bytes:
    levels = "".join(f'<!ENTITY e{n} "{f"&e{n - 1};" * 10}">' for n in range(1, 12))
    return f'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e0 "x">{levels}]><a id="&e11;"><id>&e11;</id></a>'.encode()


def _jar(document: bytes) -> bytes:
    jar = io.BytesIO()
    with zipfile.ZipFile(jar, "w", zipfile.ZIP_DEFLATED) as made:
        made.writestr("META-INF/plugin.xml", document)
    return jar.getvalue()


def _outside_entity() -> bytes:
    return b'<?xml version="1.0"?><!DOCTYPE a [<!ENTITY e SYSTEM "file:///etc/shadow">]><plugin><id>&e;</id></plugin>'


DIGITS = b"7" * 1_000_000
CONTENTS: dict[str, Callable[[], bytes]] = {
    "nothing": lambda: b"",
    "JSON of objects nested 100,000 deep": lambda: b'{"name":' * 100_000,
    "JSON of lists nested 100,000 deep": lambda: b"[" * 100_000 + b"]" * 100_000,
    "YAML of lists nested 100,000 deep": lambda: b"name: x\nversion: " + b"- " * 100_000,
    "YAML of flows nested 100,000 deep": lambda: b"model: " + b"{a: " * 100_000,
    "TOML of lists nested 100,000 deep": lambda: b"[v1]\na = " + b"[" * 100_000,
    "TOML of keys nested 100,000 deep": lambda: b"[" + b"a." * 100_000 + b"a]\n" + b"b." * 100_000 + b"b = 1\n",
    "XML nested 100,000 deep": lambda: b"<plist>" + b"<dict>" * 100_000,
    "a number of a million digits": lambda: DIGITS,
    "JSON with numbers of a million digits": lambda: (
        b'{"name": "x", "version": ' + DIGITS + b', "n": -1e' + DIGITS + b"}"
    ),
    "TOML with numbers of a million digits": lambda: b"a = " + DIGITS + b"\nversion = 1." + DIGITS + b"\n",
    "fields with numbers of a million digits": lambda: (
        b"Name: x\nPackage: x\nP:x\nVersion: " + DIGITS + b"\nV:" + DIGITS
    ),
    "a zip bomb": _zip_bomb,
    "an XML entity bomb": _entity_bomb,
    "an XML entity that is a file": _outside_entity,
    "a jar with an XML entity bomb": lambda: _jar(_entity_bomb()),
    "a jar with an XML entity that is a file": lambda: _jar(_outside_entity()),
    "a jar with XML nested 100,000 deep": lambda: _jar(b"<idea-plugin>" + b"<id>" * 100_000),
    "NUL bytes": lambda: b"\0" * 300_000,
    "bytes that are no UTF-8": lambda: bytes(range(128, 256)) * 2_000,
    "a million blanks": lambda: b" " * 1_000_000,
    "a million of one letter": lambda: b"a" * 1_000_000,
    "a million quotes": lambda: b'"' * 1_000_000,
    "a million open brackets of XML": lambda: b"<" * 1_000_000,
    "a million lines": lambda: b"\n" * 1_000_000,
    "half a million settings": lambda: b"a=b\n" * 500_000,
    "a search path of 100,000 folders": lambda: b"export PATH=" + b"/usr/bin:/x:" * 50_000,
    "terminal escapes": lambda: b'{"name": "\x1b]0;x\x07\x1b[2J", "version": "\x1b[31m1.0"}\nname: \x1b[2J\n\x9b31m',
}


STORMS = {
    "TOML of keys nested 100,000 deep",
    "TOML with numbers of a million digits",
    "a million blanks",
    "a million of one letter",
    "a million quotes",
    "a million open brackets of XML",
    "a million lines",
    "half a million settings",
}
"""More of the same kind, and seconds each."""
EMPTY = {"nothing", "a million blanks", "a million lines"}
"""A list in which nothing stands says that nothing is installed."""


@pytest.mark.parametrize(
    "content", [pytest.param(one, marks=[pytest.mark.slow] if one in STORMS else []) for one in CONTENTS]
)
def test_in_every_file_stands(content: str, machine: MachineFolder, before: Before) -> None:
    source = machine.file("/content", CONTENTS[content](), 0o755)
    for path in before.hostile_files():
        at = clear(machine, path)
        os.link(source, at)
    assert_well(caged(lambda: look_at(machine)), before, mute=content in EMPTY)


def clear(machine: MachineFolder, path: str) -> Path:
    """Where a path stands, with nothing there and a folder around it."""
    at = machine.at(path)
    at.parent.mkdir(parents=True, exist_ok=True)
    if at.is_dir() and not at.is_symlink():
        shutil.rmtree(at)
    else:
        at.unlink(missing_ok=True)
    return at


def _sparse(at: Path) -> None:
    with at.open("wb") as file:
        file.truncate(5 << 30)
    at.chmod(0o755)


def _loop(at: Path) -> None:
    at.symlink_to(f"{at.name}.other")
    at.with_name(f"{at.name}.other").symlink_to(at.name)


def _device(major: int, minor: int) -> Callable[[Path], None]:
    return lambda at: os.mknod(at, stat.S_IFCHR | 0o666, os.makedev(major, minor))


INSTEAD: dict[str, Callable[[Path], None]] = {
    "a pipe": os.mkfifo,
    "a socket": lambda at: os.mknod(at, stat.S_IFSOCK | 0o666),
    "a folder": lambda at: at.mkdir(),
    "a sparse file of 5 GB": _sparse,
    "a link to itself": lambda at: at.symlink_to(at.name),
    "a loop of two links": _loop,
    "a link to /etc/shadow": lambda at: at.symlink_to("/etc/shadow"),
    "a link that climbs to /etc/shadow": lambda at: at.symlink_to("../" * 60 + "etc/shadow"),
    "a link that leads nowhere": lambda at: at.symlink_to("nowhere"),
    "a link to the folder it lies in": lambda at: at.symlink_to("."),
}
DEVICES = {"a device that never ends": _device(1, 5), "a terminal": _device(5, 0), "no such device": _device(240, 77)}


@pytest.mark.parametrize("what", [*INSTEAD, *(pytest.param(name, marks=pytest.mark.root) for name in DEVICES)])
def test_in_place_of_every_file_is(what: str, machine: MachineFolder, before: Before) -> None:
    put = {**INSTEAD, **DEVICES}[what]
    for path in before.hostile_files():
        put(clear(machine, path))
    assert_well(caged(lambda: look_at(machine)), before, mute=what == "a link that leads nowhere")


# ---------------------------------------------------------------------------- in each folder that is listed
ODD = [b"\xff\xfe", b"\x1b[2J\x1b]0;x\x07", b"a\nb", "\u202egnp.\u2066".encode(), b"x" * 200, b"%s%n", b" ", b"-rf"]


def _odd_names(folder: bytes) -> None:
    """What lies in it a second time, under names that are no names."""
    for name in os.listdir(folder):
        at = os.path.join(folder, name)
        for odd in ODD:
            if len(odd + name) < 255:
                twin = os.path.join(folder, odd + name)
                os.symlink(name, twin) if os.path.isdir(at) or os.path.islink(at) else os.link(at, twin)


def _loops(folder: bytes) -> None:
    for name, target in ((b"here", b"."), (b"up", b".."), (b"itself", b"itself"), (b"top", b"/"), (b"li", b"/home/li")):
        os.symlink(target, os.path.join(folder, name))


def _nest(folder: bytes) -> None:
    """A chain of 300 folders, deeper than anything is looked into, with names that sources go into."""
    at = os.open(folder, os.O_RDONLY)
    for level in range(300):
        name = (b"node_modules", b"versions", b"1.0.0", b"a")[level % 4]
        with suppress(FileExistsError):
            os.mkdir(name, dir_fd=at)
        below = os.open(name, os.O_RDONLY, dir_fd=at)
        os.close(at)
        at = below
    os.close(at)


def _crowd(folder: bytes) -> None:
    for number in range(100):
        os.mkdir(os.path.join(folder, b"%d.0.0" % number))
        os.symlink(b"../" * 9 + b"etc/shadow", os.path.join(folder, b"%d.json" % number))
        os.mkfifo(os.path.join(folder, b"%d.list" % number))


SHAPES: dict[str, Callable[[bytes], None]] = {
    "names that are no text": _odd_names,
    "loops of links": _loops,
    "a chain of 300 folders": _nest,
    "a crowd of folders, links and pipes": _crowd,
}


@pytest.mark.parametrize("shape", SHAPES)
def test_in_every_folder_there_are(shape: str, machine: MachineFolder, before: Before) -> None:
    for path in before.hostile_folders():
        if machine.at(path).is_dir() and not machine.at(path).is_symlink():
            SHAPES[shape](os.fsencode(machine.at(path)))
    assert_well(caged(lambda: look_at(machine)), before)
