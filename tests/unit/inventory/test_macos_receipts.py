"""Receipts of the installer of macOS."""

from __future__ import annotations

import plistlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.macos_formats import Receipt, parse_receipt
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

FOLDER = SAMPLES / "macos-receipts"
GOOD = (FOLDER / "com.example.pkg.tool.plist").read_bytes()


def test_a_receipt_says() -> None:
    found = parse_receipt(GOOD)
    assert found == Receipt("com.example.pkg.tool", "1.2.3")
    assert found.purl == "pkg:macos-pkg/com.example.pkg.tool@1.2.3"


@pytest.mark.parametrize("name", ["broken", "hostile"])
def test_what_is_none_says_so(name: str) -> None:
    with pytest.raises(ValueError):
        parse_receipt((FOLDER / f"{name}.plist").read_bytes())


def test_a_version_that_cannot_be_reported_is_empty() -> None:
    assert parse_receipt(plistlib.dumps({"PackageIdentifier": "a", "PackageVersion": "1\u202e2"})).version == ""


@given(st.integers(0, len(GOOD) - 1), st.binary(min_size=1, max_size=4))
def test_a_real_one_with_any_bytes_changed_is_read_or_refused(at: int, new: bytes) -> None:
    try:
        found = parse_receipt(GOOD[:at] + new + GOOD[at + len(new) :])
    except ValueError:
        return
    assert found.identifier.isascii()


@pytest.mark.parametrize("place", ["/var/db/receipts", "/private/var/db/receipts"])
def test_installed_packages_are_found(place: str, machine: MachineFolder) -> None:
    machine.file(f"{place}/com.example.pkg.tool.plist", GOOD)
    machine.file(f"{place}/com.example.pkg.tool.bom")
    machine.file(f"{place}/com.example.forgotten.plist", GOOD)
    if place.startswith("/private"):
        machine.link("/var", "private/var")
    found = machine.look("macos-receipts")
    (one,) = seen(found)
    assert (one.path, one.purl) == (f"{place}/com.example.pkg.tool.plist", "pkg:macos-pkg/com.example.pkg.tool@1.2.3")
    assert (one.name, one.version, one.manager) == ("com.example.pkg.tool", "1.2.3", "installer")
    assert found.complete


def test_one_that_cannot_be_read_is_unknown_and_hides_no_other(machine: MachineFolder) -> None:
    for name, data in (("a", (FOLDER / "broken.plist").read_bytes()), ("b", GOOD)):
        machine.file(f"/var/db/receipts/{name}.plist", data)
        machine.file(f"/var/db/receipts/{name}.bom")
    found = machine.look("macos-receipts")
    assert [one.name for one in seen(found)] == ["com.example.pkg.tool"]
    assert [place.where for place in unknown(found)] == ["/var/db/receipts/a.plist"]


def test_a_trial_looks_at_homes_only(machine: MachineFolder) -> None:
    machine.file("/var/db/receipts/a.plist", GOOD)
    machine.file("/var/db/receipts/a.bom")
    assert seen(machine.look("macos-receipts", system=False)) == []
