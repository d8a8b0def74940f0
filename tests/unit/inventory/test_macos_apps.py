"""Applications of macOS: bundles by their Info.plist, inside each other, with their signer; hostile ones."""

from __future__ import annotations

import os
import plistlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.interface import Wanted
from agent.inventory.macos_formats import Bundle, parse_bundle
from policy_schema.rules.observation import Face
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown
from tests.fakes.signed_programs import APPLE, signed_macho

FOLDER = SAMPLES / "macos-apps"
GOOD = Bundle("com.example.desktop", "Example Desktop", "1.4.2", "Example")


def info(identifier: str = "com.example.desktop", version: str = "1.0", **more: object) -> bytes:
    return plistlib.dumps({"CFBundleIdentifier": identifier, "CFBundleShortVersionString": version, **more})


@pytest.mark.parametrize("name", ["Info.plist", "binary.Info.plist"])
def test_an_info_plist_says(name: str) -> None:
    found = parse_bundle((FOLDER / name).read_bytes())
    assert (found, found.key) == (GOOD, "macos:com.example.desktop")


@pytest.mark.parametrize(
    ("says", "expected"),
    [
        pytest.param({"CFBundleVersion": "77"}, Bundle("a.b", "a.b", "77", ""), id="only a build"),
        pytest.param({"CFBundleShortVersionString": "é"}, Bundle("a.b", "a.b", "", ""), id="a version that is none"),
        pytest.param(
            {"CFBundleName": "x\x7fy", "CFBundleExecutable": "a/b"}, Bundle("a.b", "a.b", "", ""), id="odd names"
        ),
        pytest.param({"CFBundleExecutable": ".."}, Bundle("a.b", "a.b", "", ""), id="a program that leads elsewhere"),
    ],
)
def test_what_it_does_not_say_is_empty(says: dict[str, str], expected: Bundle) -> None:
    assert parse_bundle(plistlib.dumps({"CFBundleIdentifier": "a.b", **says})) == expected


@pytest.mark.parametrize(
    "data",
    [
        *((FOLDER / name).read_bytes() for name in ("broken.Info.plist", "hostile.Info.plist")),
        info("../../etc"),
        info(""),
        info("a b"),
        b"",
    ],
    ids=["broken", "entities", "an identifier that leads elsewhere", "no identifier", "blanks", "nothing"],
)
def test_what_is_no_bundle_s_says_so(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_bundle(data)


@given(st.binary(max_size=300))
def test_any_bytes_are_read_or_refused(data: bytes) -> None:
    try:
        found = parse_bundle(data)
    except ValueError:
        return
    assert found.identifier


def app(machine: MachineFolder, path: str, data: bytes | None = None) -> None:
    machine.file(f"{path}/Contents/Info.plist", (FOLDER / "Info.plist").read_bytes() if data is None else data)


PLACES = {
    "/Applications/Example.app": "",
    "/Applications/Utilities/Example.app": "",
    "/Applications/Setapp/Example.APP": "",
    "/Users/Shared/Applications/Example.app": "",
    "/home/li/Applications/Example.app": "/home/li",
    "/home/li/Applications/JetBrains Toolbox/Example.app": "/home/li",
    "/home/li/Desktop/Example.app": "/home/li",
    "/home/li/Downloads/Example.app": "/home/li",
}


@pytest.mark.parametrize(("path", "home"), PLACES.items(), ids=PLACES.keys())
def test_an_application_is_found_in(path: str, home: str, machine: MachineFolder) -> None:
    app(machine, path)
    found = machine.look("macos-apps")
    (one,) = seen(found)
    assert (one.path, one.face, one.home, one.app) == (path, Face.APP, home, "macos:com.example.desktop")
    assert (one.name, one.version, one.owner) == ("Example Desktop", "1.4.2", "li")
    assert found.complete
    assert path.rpartition("/")[0] in found.watch["macos-apps"]


def test_what_is_unpacked_deep_in_downloads_is_not_looked_for(machine: MachineFolder) -> None:
    app(machine, "/home/li/Downloads/project/Example.app")
    assert seen(machine.look("macos-apps")) == []


def test_an_application_of_ios(machine: MachineFolder) -> None:
    machine.file("/Applications/Example.app/Wrapper/Inner.app/Info.plist", info("com.example.phone", "2.0"))
    machine.link("/Applications/Example.app/WrappedBundle", "Wrapper/Inner.app")
    (one,) = seen(machine.look("macos-apps"))
    assert (one.app, one.version) == ("macos:com.example.phone", "2.0")


def test_applications_inside_each_other_say_so(machine: MachineFolder) -> None:
    outer, helper = "/Applications/Example.app", "/Applications/Example.app/Contents/Frameworks/Example Helper.app"
    login = f"{helper}/Contents/Library/LoginItems/Login.app"
    app(machine, outer)
    app(machine, helper, info("com.example.desktop.helper"))
    app(machine, login, info("com.example.desktop.login"))
    assert {one.path: (one.container, one.container_path) for one in seen(machine.look("macos-apps"))} == {
        outer: ("", ""),
        helper: ("macos:com.example.desktop", outer),
        login: ("macos:com.example.desktop.helper", helper),
    }


def test_a_link_and_its_application_are_one(machine: MachineFolder) -> None:
    app(machine, "/opt/tool/Example.app")
    machine.link("/Applications/Example.app", "../opt/tool/Example.app")
    machine.link("/home/li/Applications/Mine.app", "/opt/tool/Example.app")
    (one,) = seen(machine.look("macos-apps"))
    assert (one.path, one.links) == ("/opt/tool/Example.app", ("/Applications/Example.app",))


@pytest.mark.parametrize("program", ["Example", "Other"], ids=["its own name", "the name that Info.plist tells"])
def test_the_signer_is_that_of_its_program(program: str, machine: MachineFolder) -> None:
    app(machine, "/Applications/Example.app", info(CFBundleExecutable=program))
    machine.file(f"/Applications/Example.app/Contents/MacOS/{program}", signed_macho(), 0o755)
    (one,) = seen(machine.look("macos-apps", wanted=Wanted(signers=frozenset({APPLE}))))
    assert one.signer == APPLE
    (one,) = seen(machine.look("macos-apps"))
    assert one.signer == "", "nobody asks for one"


def test_without_a_usable_info_plist_it_is_called_as_its_folder_and_known_by_its_signer(machine: MachineFolder) -> None:
    app(machine, "/Applications/tool.app", (FOLDER / "hostile.Info.plist").read_bytes())
    machine.file("/Applications/tool.app/Contents/MacOS/tool", signed_macho(), 0o755)
    found = machine.look("macos-apps", wanted=Wanted(signers=frozenset({APPLE})))
    (one,) = seen(found)
    assert (one.name, one.app, one.version, one.signer) == ("tool", "", "", APPLE)
    assert [place.where for place in unknown(found)] == ["/Applications/tool.app/Contents/Info.plist"]


def test_a_program_inside_an_application_belongs_to_it(machine: MachineFolder) -> None:
    app(machine, "/Applications/Example.app")
    machine.file("/Applications/Example.app/Contents/Resources/bin/tool", "#!/bin/sh\n", 0o755)
    machine.link("/usr/local/bin/tool", "/Applications/Example.app/Contents/Resources/bin/tool")
    (one,) = seen(machine.look("executables", wanted=Wanted(frozenset({"tool"}))))
    assert (one.container, one.container_path) == ("macos:com.example.desktop", "/Applications/Example.app")


HOSTILE = {
    "a folder called so": lambda at: at.mkdir(parents=True),
    "a pipe instead of Info.plist": lambda at: (at.mkdir(parents=True), os.mkfifo(at / "Info.plist")),
    "a folder instead of Info.plist": lambda at: (at / "Info.plist").mkdir(parents=True),
    "a link to itself": lambda at: (at.mkdir(parents=True), (at / "Info.plist").symlink_to("Info.plist")),
    "a link out of the tree": lambda at: (at.mkdir(parents=True), (at / "Info.plist").symlink_to("/etc/shadow")),
    "a sparse file of 5 GB": lambda at: (at.mkdir(parents=True), _sparse(at / "Info.plist")),
}


def _sparse(path: os.PathLike[str]) -> None:
    with open(path, "wb") as file:
        file.truncate(5 << 30)


@pytest.mark.parametrize("name", HOSTILE)
def test_a_hostile_bundle_hides_no_other(name: str, machine: MachineFolder) -> None:
    HOSTILE[name](machine.at("/home/li/Applications/A.app/Contents"))
    app(machine, "/home/li/Applications/Example.app")
    found = machine.look("macos-apps")
    assert "macos:com.example.desktop" in [one.app for one in seen(found)]
    assert all(place.where == "/home/li/Applications/A.app/Contents/Info.plist" for place in unknown(found))
    assert "shadow" not in repr(found)


def test_applications_without_end_inside_each_other_are_left(machine: MachineFolder) -> None:
    path = "/Applications/A.app"
    for _ in range(12):
        app(machine, path)
        path += "/Contents/Resources/A.app"
    assert len(seen(machine.look("macos-apps"))) == 4


def test_a_mac_without_applications_costs_nothing_and_says_where_they_would_be(machine: MachineFolder) -> None:
    found = machine.look("macos-apps")
    assert (seen(found), found.complete, found.coverage[0].roots) == ([], True, ())
    assert "/home/li/Applications" in found.watch["macos-apps"]
