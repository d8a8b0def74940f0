"""JetBrains: plugins by the plugin.xml in their jars; bombs of zip and XML are refused without being set off."""

from __future__ import annotations

import io
import os
import struct
import sys
import tracemalloc
import zipfile
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.jar import read_member
from agent.inventory.jetbrains_formats import Plugin, parse_plugin
from policy_schema.rules.observation import Face, Observation, Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and modes are those of POSIX")

XML = "META-INF/plugin.xml"
PLUGINS = "/home/li/.local/share/JetBrains/IntelliJIdea2026.1"
LIMIT = 1 << 20


class Bytes:
    """An archive in memory."""

    def __init__(self, data: bytes) -> None:
        self.data = data

    @property
    def size(self) -> int:
        return len(self.data)

    def read_at(self, offset: int, length: int) -> bytes:
        return self.data[offset : offset + length] if offset >= 0 else b""


def sample(name: str) -> bytes:
    return (SAMPLES / "jetbrains" / f"{name}.plugin.xml").read_bytes()


def jar(*members: tuple[str, bytes], method: int = zipfile.ZIP_DEFLATED) -> bytes:
    """An archive as a build writes it."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", method) as archive:
        for name, data in members:
            archive.writestr(name, data)
    return buffer.getvalue()


# ---------------------------------------------------------------------------- plugin.xml
@pytest.mark.parametrize(
    ("data", "expected"),
    [
        pytest.param(
            sample("claude-code"), ("com.anthropic.code.plugin", "Claude Code [Beta]", "0.1.14-beta"), id="Claude Code"
        ),
        pytest.param(sample("name-only"), ("Old Helper", "Old Helper", "1.0"), id="an old one, the name is the id"),
        pytest.param(b"<idea-plugin><id> a.b\n</id></idea-plugin>", ("a.b", "a.b", ""), id="blanks, no version"),
        pytest.param(
            b"<idea-plugin><id>a</id><id>b</id></idea-plugin>", ("a", "a", ""), id="two ids: the first counts"
        ),
        pytest.param(
            "<idea-plugin><id>通义</id></idea-plugin>".encode("utf-16"), ("通义", "通义", ""), id="another encoding"
        ),
        pytest.param(
            b"<idea-plugin><id>a</id><version>1.0; x</version></idea-plugin>", ("a", "a", ""), id="no usable version"
        ),
    ],
)
def test_a_plugin_says(data: bytes, expected: tuple[str, str, str]) -> None:
    assert parse_plugin(data) == Plugin(*expected)


BAD_XML = {
    "half a file": (sample("broken"), "not XML: unclosed token"),
    "entities that grow, and one that reads a file": (sample("hostile"), "it declares entities"),
    "an empty file": (b"", "not XML: no element found"),
    "another document": (b"<project><id>a</id></project>", "the document is not about a plugin"),
    "no id": (b"<idea-plugin><version>1</version></idea-plugin>", "no usable id in it"),
    "an id with an escape sequence": ("<idea-plugin><id>a\x85b</id></idea-plugin>".encode(), "no usable id in it"),
    "an id of 5,000 letters": (b"<idea-plugin><id>" + b"a" * 5000 + b"</id></idea-plugin>", "no usable id in it"),
    "elements nested 100,000 deep": (b"<idea-plugin>" + b"<a>" * 100_000, "nested too deeply"),
    "an unknown encoding": (b'<?xml version="1.0" encoding="klingon"?><idea-plugin/>', "not XML: "),
}


@pytest.mark.parametrize("what", BAD_XML)
def test_a_plugin_is_refused_for(what: str) -> None:
    data, message = BAD_XML[what]
    with pytest.raises(ValueError, match=message):
        parse_plugin(data)


TAG = st.sampled_from(["idea-plugin", "id", "name", "version", "x"])
DOCUMENT = st.lists(
    st.tuples(st.sampled_from(["<{}>", "</{}>", "<{}/>", "{}", "<!DOCTYPE {} [", "]>", "&{};"]), TAG), max_size=12
).map(lambda parts: "".join(form.format(tag) for form, tag in parts).encode())


@given(st.binary(max_size=200) | DOCUMENT | st.tuples(st.just(b"<idea-plugin><id>"), st.binary()).map(b"".join))
def test_any_bytes_are_a_plugin_or_a_value_error(data: bytes) -> None:
    try:
        plugin = parse_plugin(data)
    except ValueError:
        return
    assert plugin.id.isprintable() and plugin.id.strip() == plugin.id != ""


# ---------------------------------------------------------------------------- jars
@pytest.mark.parametrize("method", [zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED], ids=["stored", "deflated"])
def test_a_file_in_a_jar_is_read(method: int) -> None:
    archive = jar(("a.class", b"x" * 5000), (XML, b"<one/>"), method=method)
    assert read_member(Bytes(archive), XML.encode(), LIMIT) == b"<one/>"
    assert read_member(Bytes(b"#!/bin/sh\nexec java -jar $0\n" + archive), XML.encode(), LIMIT) == b"<one/>"
    assert read_member(Bytes(archive), b"other", LIMIT) is None


def _spoilt(place: bytes, offset: int, form: str, value: int) -> bytes:
    """A jar with one number of its directory (or its end) replaced."""
    data = bytearray(jar((XML, b"<idea-plugin/>" * 100)))
    struct.pack_into(form, data, data.rindex(place) + offset, value)
    return bytes(data)


ENTRY, END = b"PK\x01\x02", b"PK\x05\x06"
BAD_JARS = {
    "no archive": (b"hello", "no zip archive"),
    "an empty file": (b"", "no zip archive"),
    "a bomb that says what it is": (jar((XML, bytes(50 << 20))), "larger than 1048576 bytes"),
    "a bomb that says it is small": (
        jar((XML, bytes(50 << 20))).replace(struct.pack("<L", 50 << 20), struct.pack("<L", 100)),
        "larger than 1048576 bytes",
    ),
    "an encrypted file": (_spoilt(ENTRY, 8, "<H", 1), "an encrypted zip archive"),
    "a file packed in another way": (_spoilt(ENTRY, 10, "<H", 12), "packed in an unusual way"),
    "a file that begins elsewhere": (_spoilt(ENTRY, 42, "<L", 7), "a file in it is not there"),
    "a file that is longer than the archive": (_spoilt(ENTRY, 20, "<L", 100_000), "a file in it is cut off"),
    "a directory that is spoilt": (_spoilt(ENTRY, 0, "<L", 0), "its directory is spoilt"),
    "a directory of 1 GB": (_spoilt(END, 12, "<L", 1 << 30), "whose directory is larger than 4194304 bytes"),
    "a directory that begins before the file": (_spoilt(END, 12, "<L", 1 << 20), "its directory is not there"),
    "more files than fit": (_spoilt(END, 10, "<H", 0xFFFF), "more than 65,534 files"),
}


@pytest.mark.parametrize("what", BAD_JARS)
def test_a_jar_is_refused_for(what: str) -> None:
    data, message = BAD_JARS[what]
    tracemalloc.start()
    with pytest.raises(ValueError, match=message):
        read_member(Bytes(data), XML.encode(), LIMIT)
    assert tracemalloc.get_traced_memory()[1] < 8 << 20
    tracemalloc.stop()


def test_of_two_files_with_one_name_the_last_counts() -> None:
    with pytest.warns(UserWarning, match="Duplicate name"):
        archive = jar((XML, b"<first/>"), (XML, b"<last/>"))
    assert read_member(Bytes(archive), XML.encode(), LIMIT) == b"<last/>"


WHOLE = jar(("a", b"a" * 50), (XML, sample("claude-code")))


@given(
    st.binary(max_size=300)
    | st.tuples(st.integers(0, len(WHOLE) - 1), st.binary(max_size=6)).map(
        lambda change: WHOLE[: change[0]] + change[1] + WHOLE[change[0] + len(change[1]) :]
    )
    | st.integers(0, len(WHOLE)).map(lambda cut: WHOLE[cut:])
)
def test_any_archive_gives_bytes_nothing_or_a_value_error(data: bytes) -> None:
    try:
        found = read_member(Bytes(data), XML.encode(), LIMIT)
    except ValueError:
        return
    assert found is None or len(found) <= LIMIT


# ---------------------------------------------------------------------------- places
PLACES = {
    "Linux": "/home/li/.local/share/JetBrains/PyCharm2026.1",
    "an IDE that nobody listed": "/home/li/.local/share/JetBrains/NewThing2027.1",
    "Android Studio": "/home/li/.local/share/Google/AndroidStudio2026.1",
    "Toolbox": "/home/li/.local/share/JetBrains/Toolbox/apps/IDEA-U/ch-0/261.1.plugins",
    "macOS": "/home/li/Library/Application Support/JetBrains/GoLand2026.1/plugins",
    "Windows": "/home/li/AppData/Roaming/JetBrains/Rider2026.1/plugins",
    "up to 2019.3": "/home/li/.IntelliJIdea2019.3/config/plugins",
}


@pytest.mark.parametrize("what", PLACES)
def test_a_plugin_is_found_in(what: str, machine: MachineFolder) -> None:
    place = PLACES[what]
    path = f"{place}/claude-code-jetbrains-plugin"
    machine.file(f"{path}/lib/kotlin-stdlib.jar", jar(("kotlin/A.class", b"x")))
    machine.file(f"{path}/lib/claude-code-jetbrains-plugin-0.1.14-beta.jar", jar((XML, sample("claude-code"))))
    status = machine.at(path).stat()
    found = machine.look("jetbrains")
    assert seen(found) == [
        Observation(
            source="jetbrains",
            face=Face.EXTENSION,
            path=path,
            owner="li",
            uid=os.getuid(),
            name="Claude Code [Beta]",
            version="0.1.14-beta",
            extension="jetbrains:com.anthropic.code.plugin",
            home="/home/li",
            inode=(status.st_dev, status.st_ino),
            prefix=place,
        )
    ]
    assert found.complete
    assert place in found.watch["jetbrains"]


FORMS: dict[str, Callable[[MachineFolder], object]] = {
    "a jar alone": lambda m: m.file(f"{PLUGINS}/claude.jar", jar((XML, sample("claude-code")))),
    "a descriptor in the folder": lambda m: m.file(f"{PLUGINS}/claude/{XML}", sample("claude-code")),
    "a descriptor among classes": lambda m: m.file(f"{PLUGINS}/claude/classes/{XML}", sample("claude-code")),
    "a jar with another name": lambda m: m.file(f"{PLUGINS}/claude/lib/a.jar", jar((XML, sample("claude-code")))),
}


@pytest.mark.parametrize("form", FORMS)
def test_a_plugin_may_be(form: str, machine: MachineFolder) -> None:
    FORMS[form](machine)
    (one,) = seen(machine.look("jetbrains"))
    assert one.extension == "jetbrains:com.anthropic.code.plugin"
    assert one.path in (f"{PLUGINS}/claude", f"{PLUGINS}/claude.jar")


def test_what_is_no_plugin_is_passed_over(machine: MachineFolder) -> None:
    machine.file(f"{PLUGINS}/library/lib/a.jar", jar(("a.class", b"x")))
    machine.file(f"{PLUGINS}/notes.txt", "x")
    machine.at(f"{PLUGINS}/empty").mkdir()
    machine.file("/home/li/.local/share/JetBrains/consentOptions/accepted", "x")
    found = machine.look("jetbrains")
    assert (seen(found), found.complete) == ([], True)


def test_a_linked_plugin_is_somebody_s_work(machine: MachineFolder) -> None:
    machine.file("/home/li/src/mine/lib/mine.jar", jar((XML, sample("name-only"))))
    machine.link(f"{PLUGINS}/mine", "/home/li/src/mine")
    (one,) = seen(machine.look("jetbrains"))
    assert (one.path, one.links, one.project) == ("/home/li/src/mine", (f"{PLUGINS}/mine",), True)


SPOILT: dict[str, tuple[Callable[[MachineFolder, str], object], str]] = {
    "no archive": (lambda m, path: m.file(path, "x"), "no zip archive"),
    "an XML bomb": (lambda m, path: m.file(path, jar((XML, sample("hostile")))), "it declares entities"),
    "a zip bomb": (lambda m, path: m.file(path, jar((XML, bytes(50 << 20)))), "a file in the archive is larger than"),
    "5 GB of nothing": (lambda m, path: os.truncate(m.file(path), 5 << 30), "no zip archive"),
    "a link to a pipe": (lambda m, path: (os.mkfifo(m.at("/pipe")), m.link(path, "/pipe")), "not a regular file"),
    "a link to itself": (lambda m, path: m.link(path, "x.jar"), "more than 40 links on the way"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_plugin_s_other_jars_are_looked_at_when_one_is(what: str, machine: MachineFolder) -> None:
    make, reason = SPOILT[what]
    machine.at(f"{PLUGINS}/x/lib").mkdir(parents=True)
    make(machine, f"{PLUGINS}/x/lib/x.jar")
    machine.file(f"{PLUGINS}/x/lib/z.jar", jar((XML, sample("name-only"))))
    found = machine.look("jetbrains")
    assert [one.name for one in seen(found)] == ["Old Helper"]
    ((where, why),) = unknown(found)
    assert (where, why.startswith(reason)) == (f"{PLUGINS}/x/lib/x.jar", True)


def test_too_many_plugins_or_jars_are_not_complete(machine: MachineFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.inventory.jetbrains.MAX_PLUGINS", 1)
    monkeypatch.setattr("agent.inventory.jetbrains.MAX_JARS", 1)
    for name in ("a", "b"):
        for inner in ("c", "d"):
            machine.file(f"{PLUGINS}/{name}/lib/{inner}.jar", jar(("x", b"")))
    assert unknown(machine.look("jetbrains")) == [
        Unknown(PLUGINS, "more than 1 plugins"),
        Unknown(f"{PLUGINS}/a/lib", "more than 1 jars"),
    ]
