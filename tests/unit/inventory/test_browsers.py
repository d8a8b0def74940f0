"""Browsers: extensions in every profile of Chromium's family and of Firefox."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Callable

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.browser_formats import (
    Extension,
    chromium_version,
    firefox_id,
    newest,
    parse_chromium,
    parse_firefox,
)
from agent.inventory.browsers import CHROMIUM, FIREFOX
from policy_schema.rules.observation import Face, Observation, Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links, pipes and modes are those of POSIX")

CLAUDE = "fcoeoabgfenejglbffodgkkbkcdhcgfn"
CHROME = "/home/li/.config/google-chrome/Default/Extensions"
PROFILE = "/home/li/.mozilla/firefox/x1.default"
ADDON = "sample@example.com"


def sample(name: str) -> bytes:
    return (SAMPLES / "browsers" / name).read_bytes()


# ---------------------------------------------------------------------------- formats
@pytest.mark.parametrize(
    ("name", "expected"),
    [
        pytest.param("installed", ("Sample Extension", "1.2.3"), id="a real one"),
        pytest.param("translated", ("", "1.0.31"), id="a name to be looked up elsewhere"),
        pytest.param("hostile", ("", ""), id="an escape sequence as a name, a command as a version"),
    ],
)
def test_a_manifest_says(name: str, expected: tuple[str, str]) -> None:
    assert parse_chromium(sample(f"{name}.manifest.json")) == Extension(*expected)


def test_a_broken_manifest_is_refused() -> None:
    with pytest.raises(ValueError, match="not JSON"):
        parse_chromium(sample("broken.manifest.json"))


def test_a_real_list_of_firefox_names_what_it_brings_itself_too() -> None:
    found = parse_firefox(sample("firefox.extensions.json"))
    assert found[ADDON] == Extension("Sample Add-on", "1.2.3")
    assert found["formautofill@mozilla.org"].version == "1.0.1"


@pytest.mark.parametrize(
    ("data", "message"), [(b"[]", "not a JSON object"), (b'{"addons": 7}', "no list of add-ons"), (b"{", "not JSON")]
)
def test_a_list_of_firefox_is_refused(data: bytes, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        parse_firefox(data)


@pytest.mark.parametrize(
    ("file", "expected"),
    [
        (f"{ADDON}.xpi", ADDON),
        (ADDON, ADDON),
        ("{446900e4-71c2-419f-a6a7-df9c091e268b}.xpi", "{446900e4-71c2-419f-a6a7-df9c091e268b}"),
        ("staged", ""),
        ("{446900e4}.xpi", ""),
        ("a@" + "b" * 300, ""),
        ("a b@c.xpi", ""),
    ],
)
def test_the_file_of_an_add_on_is_called_as_its_id(file: str, expected: str) -> None:
    assert firefox_id(file) == expected


def test_the_newest_version_is_told_by_numbers() -> None:
    assert newest(["1.9.0_0", "1.10.0_0", "1.10.0_1", "Temp", "x"]) == "1.10.0_1"
    assert newest(["Temp"]) == ""
    assert (chromium_version("1.10.0_1"), chromium_version("1.2.3.4.5_0"), chromium_version("../1_0")) == (
        "1.10.0",
        "",
        "",
    )


JSON = st.recursive(
    st.none() | st.integers() | st.text(max_size=20) | st.sampled_from([ADDON, "1.0"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["addons", "id", "version", "name", "defaultLocale"]), inner, max_size=4)
    ),
    max_leaves=10,
).map(lambda value: json.dumps(value).encode())


@given(st.binary(max_size=200) | JSON)
def test_any_bytes_give_printable_text_or_a_value_error(data: bytes) -> None:
    for parse in (parse_chromium, parse_firefox):
        try:
            said = parse(data)
        except ValueError:
            continue
        for one in [said] if isinstance(said, Extension) else said.values():
            assert (one.name + one.version).isprintable()


@given(st.text(max_size=60) | st.binary(max_size=60).map(os.fsdecode))
def test_any_name_is_an_id_or_none(name: str) -> None:
    assert firefox_id(name).isascii()
    assert newest([name]) in ("", name)


# ---------------------------------------------------------------------------- places
@pytest.mark.parametrize("profile", ["Default/", "Profile 2/", ""], ids=["first profile", "another", "the only one"])
@pytest.mark.parametrize("root", CHROMIUM)
def test_an_extension_of_chromium_s_family_is_found_in(root: str, profile: str, machine: MachineFolder) -> None:
    place = f"/home/li/{root}/{profile}Extensions"
    machine.file(f"{place}/{CLAUDE}/1.0.31_0/manifest.json", sample("translated.manifest.json"))
    status = machine.at(f"{place}/{CLAUDE}").stat()
    found = machine.look("browsers")
    assert seen(found) == [
        Observation(
            source="browsers",
            face=Face.EXTENSION,
            path=f"{place}/{CLAUDE}",
            owner="li",
            uid=os.getuid(),
            name=CLAUDE,
            version="1.0.31",
            extension=f"chromium:{CLAUDE}",
            home="/home/li",
            inode=(status.st_dev, status.st_ino),
            prefix=place,
        )
    ]
    assert found.complete
    assert found.watch["browsers"] == {place}


@pytest.mark.parametrize("root", FIREFOX)
def test_an_add_on_of_firefox_is_found_in(root: str, machine: MachineFolder) -> None:
    profile = f"/home/li/{root}/x1.default"
    machine.file(f"{profile}/extensions/{ADDON}.xpi", b"PK")
    machine.file(f"{profile}/extensions.json", sample("firefox.extensions.json"))
    found = machine.look("browsers")
    (one,) = seen(found)
    assert (one.path, one.name, one.version, one.extension) == (
        f"{profile}/extensions/{ADDON}.xpi",
        "Sample Add-on",
        "1.2.3",
        f"firefox:{ADDON}",
    )
    assert (one.home, one.prefix, found.complete) == ("/home/li", f"{profile}/extensions", True)


def test_each_profile_of_each_user_has_its_own(machine: MachineFolder) -> None:
    machine.home("wang")
    for place in (CHROME, CHROME.replace("Default", "Profile 1"), CHROME.replace("/li/", "/wang/")):
        machine.file(f"{place}/{CLAUDE}/1.0_0/manifest.json", sample("installed.manifest.json"))
    assert len(seen(machine.look("browsers"))) == 3
    assert [one.home for one in seen(machine.look("browsers", homes=["/home/wang"]))] == ["/home/wang"]


def test_what_an_update_left_is_one_extension_with_its_newest_version(machine: MachineFolder) -> None:
    for version in ("1.9.0", "1.10.0"):
        machine.file(f"{CHROME}/{CLAUDE}/{version}_0/manifest.json", json.dumps({"name": "C", "version": version}))
    (one,) = seen(machine.look("browsers"))
    assert (one.version, one.path) == ("1.10.0", f"{CHROME}/{CLAUDE}")


def test_what_is_no_extension_is_passed_over(machine: MachineFolder) -> None:
    machine.file(f"{CHROME}/Temp/x/manifest.json", "{}")
    machine.at(f"{CHROME}/{CLAUDE}").mkdir(parents=True)
    machine.at(f"{CHROME}/{'a' * 32}/1.0_0").mkdir(parents=True)
    machine.link(f"{CHROME}/{'b' * 32}", "/")
    machine.file(f"{PROFILE}/extensions/notes.txt", "x")
    machine.link(f"{PROFILE}/extensions/linked@example.com.xpi", "/etc/passwd")
    os.mkfifo(machine.at(f"{PROFILE}/extensions.json"))
    found = machine.look("browsers")
    assert (seen(found), found.complete) == ([], True)


# ---------------------------------------------------------------------------- spoilt and hostile
SPOILT: dict[str, tuple[Callable[[MachineFolder, str], object], str]] = {
    "not JSON": (lambda m, path: m.file(path, sample("broken.manifest.json")), "not JSON"),
    "brackets without end": (lambda m, path: m.file(path, "[" * 100_000), "nested too deeply"),
    "5 GB of nothing": (lambda m, path: os.truncate(m.file(path), 5 << 30), "larger than 4194304 bytes"),
    "a pipe that nobody writes to": (lambda m, path: os.mkfifo(m.at(path)), "not a regular file"),
    "a folder": (lambda m, path: m.at(path).mkdir(), "not a regular file"),
    "a link to itself": (lambda m, path: m.link(path, path.rpartition("/")[2]), "more than 40 links on the way"),
}


@pytest.mark.parametrize("what", SPOILT)
def test_extensions_are_found_by_their_names_when_the_json_is(what: str, machine: MachineFolder) -> None:
    make, reason = SPOILT[what]
    machine.at(f"{CHROME}/{CLAUDE}/1.0.31_0").mkdir(parents=True)
    machine.file(f"{PROFILE}/extensions/{ADDON}.xpi", b"PK")
    places = [f"{CHROME}/{CLAUDE}/1.0.31_0/manifest.json", f"{PROFILE}/extensions.json"]
    for place in places:
        make(machine, place)
    found = machine.look("browsers")
    assert [(one.extension, one.name, one.version) for one in seen(found)] == [
        (f"chromium:{CLAUDE}", CLAUDE, "1.0.31"),
        (f"firefox:{ADDON}", ADDON, ""),
    ]
    assert unknown(found) == [Unknown(place, reason) for place in places]


def test_too_many_are_not_complete(machine: MachineFolder, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("agent.inventory.browsers.MAX_EXTENSIONS", 1)
    for letter in "ab":
        machine.file(f"{CHROME}/{letter * 32}/1.0_0/manifest.json", sample("installed.manifest.json"))
    found = machine.look("browsers")
    assert (len(seen(found)), unknown(found)) == (1, [Unknown(CHROME, "more than 1 extensions")])
