"""Hives of the registry as files: keys and values in place, in every form of lists; broken and hostile ones."""

from __future__ import annotations

import struct

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.inventory import registry_hive
from agent.inventory.registry_hive import Hive
from tests.fakes.programs import BytesReader
from tests.fakes.registry_hive import HiveFile, below

PATH = r"Software\Microsoft\Uninstall"
KEYS = {
    "Tool": {"DisplayName": "Tool", "Size": 70_000, "Small": 1, "Blob": b"123456", "Empty": "", "Long": "x" * 3_000},
    "Ünï": {"DisplayName": "Ünï"},
    "инструмент": {"DisplayName": "Инструмент"},
}


def opened(data: bytes) -> Hive:
    return Hive(BytesReader(data).read_at, len(data))


def entries(data: bytes, path: str = PATH) -> dict[str, dict[str, str]]:
    hive = opened(data)
    key = hive.key(path)
    return {one.name: dict(hive.values(one)) for one in hive.subkeys(key)} if key else {}


@pytest.mark.parametrize("lists", ["lf", "lh", "li", "ri"])
@pytest.mark.parametrize("path", [PATH, PATH.lower(), PATH.upper()])
def test_keys_and_their_values(lists: str, path: str) -> None:
    assert entries(HiveFile(below(PATH, KEYS), lists=lists).data, path) == {
        "Tool": {"DisplayName": "Tool", "Size": "70000", "Small": "1", "Empty": ""},
        "Ünï": {"DisplayName": "Ünï"},
        "инструмент": {"DisplayName": "Инструмент"},
    }


@pytest.mark.parametrize("path", [r"Software\Nobody", "Microsoft", rf"{PATH}\Tool\More"])
def test_a_key_that_is_not_there(path: str) -> None:
    assert opened(HiveFile(below(PATH, KEYS)).data).key(path) is None


def test_what_was_not_written_through_is_said() -> None:
    assert opened(HiveFile({}).data).complete
    assert not opened(HiveFile({}, clean=False).data).complete


GOOD = HiveFile(below(PATH, KEYS)).data


def root_record() -> int:
    return 4096 + int(struct.unpack_from("<I", GOOD, 36)[0]) + 4


def patched(at: int, form: str, value: int) -> bytes:
    data = bytearray(GOOD)
    struct.pack_into(form, data, at, value)
    return bytes(data)


BROKEN = {
    "nothing": b"",
    "text": b"Windows Registry Editor Version 5.00",
    "only a header": GOOD[:4096],
    "a root that is not there": patched(36, "<I", 0x7FFFFFF0),
    "a root that is no key": patched(36, "<I", 0x20),
    "a root that was freed": patched(root_record() - 4, "<i", 64),
    "a list that is not there": patched(root_record() + 28, "<I", 0x7FFFFFF0),
    "a list that is a key": patched(root_record() + 28, "<I", struct.unpack_from("<I", GOOD, 36)[0]),
    "cut off in the middle": GOOD[:4200],
}


@pytest.mark.parametrize("data", BROKEN.values(), ids=BROKEN.keys())
def test_a_broken_hive_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        entries(data)


def circle() -> bytes:
    """Every key's list is that of the root: folders without end."""
    data = bytearray(GOOD)
    (listed,) = struct.unpack_from("<I", data, root_record() + 28)
    at = data.find(b"nk")
    while at >= 0:
        struct.pack_into("<I", data, at + 20, 1)
        struct.pack_into("<I", data, at + 28, listed)
        at = data.find(b"nk", at + 2)
    return bytes(data)


def test_keys_that_hold_themselves_end_with_the_path() -> None:
    hive = opened(circle())
    assert hive.key("\\".join(["Software"] * 300)) is not None
    assert hive.key("\\".join(["Software"] * 300 + ["Tool"])) is None


def test_lists_that_name_one_key_again_and_again_cost_no_more_than_the_bound(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_hive, "MAX_READS", 2_000)
    data = HiveFile({f"key {number}": {f"v{value}": "x" for value in range(20)} for number in range(300)}).data
    hive = opened(data)
    with pytest.raises(ValueError, match="more than 2000 records"):
        for key in list(hive.subkeys(hive._root)):
            hive.values(key)


def test_more_keys_than_anybody_installs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(registry_hive, "MAX_SUBKEYS", 5)
    with pytest.raises(ValueError, match="more than 5 keys"):
        entries(HiveFile(below(PATH, {str(number): {} for number in range(9)})).data)


@given(st.binary(max_size=200))
def test_any_bytes_are_refused(data: bytes) -> None:
    for whole in (data, b"regf" + data, GOOD[:4096] + data):
        with pytest.raises(ValueError):
            entries(whole)


@settings(max_examples=300)
@given(st.lists(st.tuples(st.integers(4096, len(GOOD) - 5), st.binary(min_size=1, max_size=4)), min_size=1, max_size=8))
def test_a_good_hive_with_any_bytes_changed_is_read_or_refused(changes: list[tuple[int, bytes]]) -> None:
    data = bytearray(GOOD)
    for at, new in changes:
        data[at : at + len(new)] = new
    try:
        found = entries(bytes(data))
    except ValueError:
        return
    assert all(len(text) <= registry_hive.MAX_TEXT for values in found.values() for text in values.values())
