"""Nix: manifests of profiles, names in the store, and whose a profile is."""

from __future__ import annotations

import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.nix import package_around
from agent.inventory.nix_formats import (
    StorePackage,
    parse_manifest_json,
    parse_manifest_nix,
    parse_store_name,
    store_path,
)
from policy_schema.rules.observation import Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links are those of POSIX")

CLAUDE = "/nix/store/000341h6pk4fmkdm8mk2r8il2zbsqdsb-claude-code-2.1.197"
GEMINI = "/nix/store/nyrr0brh5ba1b7awyfc5nccsyqxqhay2-gemini-cli-0.9-rc1"
PROFILE = "/nix/store/bgfxjxr2ppgfj7bhgmnqrll36mc4084a-user-environment"
HASH = "0" * 32


def sample(name: str) -> bytes:
    return (SAMPLES / "nix" / name).read_bytes()


@pytest.mark.parametrize(
    ("parse", "name", "expected"),
    [
        pytest.param(parse_manifest_nix, "manifest.nix", [CLAUDE], id="nix-env"),
        pytest.param(parse_manifest_json, "manifest.v2.json", [GEMINI], id="nix profile, version 2"),
        pytest.param(parse_manifest_json, "manifest.v3.json", [CLAUDE], id="nix profile, version 3"),
    ],
)
def test_a_manifest_says(parse: object, name: str, expected: list[str]) -> None:
    assert callable(parse)
    assert parse(sample(name)) == expected


@pytest.mark.parametrize(
    ("parse", "data", "message"),
    [
        pytest.param(parse_manifest_nix, b"{ }", "not a list", id="an expression that is no list"),
        pytest.param(parse_manifest_json, b"[]", "not a JSON object", id="a JSON list"),
        pytest.param(parse_manifest_json, b"{}", "no elements", id="another JSON"),
        pytest.param(parse_manifest_json, b'{"elements": 7}', "no elements", id="a number of elements"),
    ],
)
def test_a_manifest_is_refused_for(parse: object, data: bytes, message: str) -> None:
    assert callable(parse)
    with pytest.raises(ValueError, match=message):
        parse(data)


@pytest.mark.parametrize(
    ("entry", "expected"),
    [
        (f"{HASH}-claude-code-2.1.197", StorePackage("claude-code", "2.1.197")),
        (f"{HASH}-gemini-cli-0.9-rc1", StorePackage("gemini-cli", "0.9-rc1")),
        (f"{HASH}-python3-3.12.7-bin", StorePackage("python3", "3.12.7")),
        (f"{HASH}-user-environment", StorePackage("user-environment", "")),
        (f"{HASH}-hello-1.0.drv", None),
        ("hello-1.0", None),
        (f"{HASH}-a\x1bb", None),
    ],
)
def test_a_name_in_the_store_says(entry: str, expected: StorePackage | None) -> None:
    assert parse_store_name(entry) == expected


@given(st.binary(max_size=300) | st.text(max_size=200).map(lambda text: f'[ {{ outPath = "{text}"; }} ]'.encode()))
def test_any_bytes_are_a_manifest_or_a_value_error(data: bytes) -> None:
    for parse in (parse_manifest_nix, parse_manifest_json):
        try:
            paths = parse(data)
        except ValueError:
            continue
        assert all(store_path(path) == path for path in paths)


@given(st.text(max_size=80))
def test_any_name_is_read(text: str) -> None:
    parse_store_name(text)
    store_path(text)
    package_around(f"/nix/store/{HASH}-{text}/bin/x")


def put(machine: MachineFolder, link: str, manifest: str = "manifest.nix", package: str = CLAUDE) -> None:
    machine.file(f"{package}/bin/claude", "#!/bin/sh\n", 0o755)
    machine.file(f"{PROFILE}/{manifest.replace('.v2', '').replace('.v3', '')}", sample(manifest))
    machine.link(f"{PROFILE}/bin/claude", f"{package}/bin/claude")
    machine.link(link, PROFILE)


@pytest.mark.parametrize(
    "link",
    [
        "/home/li/.nix-profile",
        "/home/li/.local/state/nix/profiles/profile",
        "/nix/var/nix/profiles/default",
        "/nix/var/nix/profiles/per-user/li/profile",
        "/run/current-system/sw",
        "/etc/profiles/per-user/li",
    ],
)
@pytest.mark.parametrize("manifest", ["manifest.nix", "manifest.v3.json"])
def test_a_package_is_found_by(link: str, manifest: str, machine: MachineFolder) -> None:
    put(machine, link, manifest)
    found = machine.look("nix")
    (one,) = seen(found)
    assert (one.name, one.version, one.purl) == ("claude-code", "2.1.197", "pkg:nix/claude-code@2.1.197")
    assert (one.path, one.manager, one.prefix) == (CLAUDE, "nix", PROFILE)
    assert one.links == (f"{PROFILE}/bin/claude",)
    assert found.complete


def test_a_profile_without_a_manifest_is_told_by_its_links(machine: MachineFolder) -> None:
    put(machine, "/run/current-system/sw")
    machine.at(f"{PROFILE}/manifest.nix").unlink()
    assert [one.name for one in seen(machine.look("nix"))] == ["claude-code"]


def test_a_profile_of_one_package_is_a_link_to_its_programs(machine: MachineFolder) -> None:
    machine.file(f"{CLAUDE}/bin/claude", "#!/bin/sh\n", 0o755)
    machine.link(f"{PROFILE}/bin", f"{CLAUDE}/bin")
    machine.link("/home/li/.nix-profile", PROFILE)
    assert [(one.name, one.links) for one in seen(machine.look("nix"))] == [("claude-code", (f"{PROFILE}/bin/claude",))]


def test_what_lies_in_the_store_alone_is_not_installed(machine: MachineFolder) -> None:
    machine.file(f"{CLAUDE}/bin/claude", "", 0o755)
    found = machine.look("nix")
    assert (seen(found), found.complete) == ([], True)


def test_a_profile_that_leads_elsewhere_is_none_of_nix_s(machine: MachineFolder) -> None:
    machine.file("/home/li/other/manifest.nix", sample("manifest.nix"))
    machine.link("/home/li/.nix-profile", "other")
    assert seen(machine.look("nix")) == []


def test_a_broken_manifest_is_unknown_and_the_links_count(machine: MachineFolder) -> None:
    put(machine, "/home/li/.nix-profile")
    machine.file(f"{PROFILE}/manifest.nix", b"\x00")
    found = machine.look("nix")
    assert [one.name for one in seen(found)] == ["claude-code"]
    assert unknown(found) == [Unknown(f"{PROFILE}/manifest.nix", "not a list of packages")]


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        (f"{CLAUDE}/bin/claude", ("pkg:nix/claude-code", CLAUDE)),
        ("/usr/bin/claude", None),
        (f"{CLAUDE}x", ("pkg:nix/claude-code", f"{CLAUDE}x")),
    ],
)
def test_a_file_in_the_store_belongs_to(path: str, expected: tuple[str, str] | None) -> None:
    assert package_around(path) == expected
