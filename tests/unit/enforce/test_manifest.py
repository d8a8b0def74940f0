"""Manifest and record: written and read back the same, whatever the names; damaged ones are refused in one line."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.enforce.manifest import (
    HeldState,
    Manifest,
    Piece,
    dump_manifest,
    dump_record,
    first_record,
    load_manifest,
    load_record,
)
from agent.errors import StateBroken
from agent.host.copies import Lost
from agent.host.folders import Attributes, FileKind
from agent.host.trees import Entry

names = st.binary(min_size=1, max_size=20).map(lambda raw: raw.decode("utf-8", "surrogateescape"))
numbers = st.integers(0, 2**63)
attributes = st.builds(
    Attributes, st.sampled_from(FileKind), st.integers(0, 0o7777), *[numbers] * 10, st.integers(0, 0o170000)
)
entries = st.builds(
    Entry,
    names,
    attributes,
    st.dictionaries(st.text(min_size=1), st.binary()),
    names,
    st.none() | names,
    st.text("0123456789abcdef"),
)
pieces = st.builds(
    Piece,
    st.sampled_from(["0", "1"]),
    names,
    st.lists(attributes, max_size=3).map(tuple),
    st.lists(entries, min_size=1, max_size=4).map(tuple),
    st.booleans(),
    st.lists(st.builds(Lost, names, st.just("owner"))).map(tuple),
)


def manifest_of(pieces: tuple[Piece, ...]) -> Manifest:
    return Manifest(
        "q-1",
        "2026-07-10T01:00:00Z",
        "0.1.0",
        "f-1",
        "i-1",
        "ban",
        "tool",
        "",
        "Grund: nicht erlaubt",
        7,
        1000,
        pieces,
        {},
    )


@given(st.lists(pieces, min_size=1, max_size=2).map(tuple))
def test_what_is_written_is_read_back_the_same(pieces: tuple[Piece, ...]) -> None:
    manifest = manifest_of(pieces)
    assert load_manifest(dump_manifest(manifest), "here") == manifest
    record = first_record(manifest)
    assert load_record(dump_record(record), "here") == record


@given(pieces)
def test_it_is_plain_ascii_json(piece: Piece) -> None:
    data = dump_manifest(manifest_of((piece,)))
    assert data.isascii()
    assert json.loads(data)["schema"] == 1


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"{", id="cut off"),
        pytest.param(b"[]", id="a list"),
        pytest.param(b'{"schema": 2}', id="a later schema"),
        pytest.param(b'{"schema": 1}', id="nothing in it"),
        pytest.param(b'{"schema": 1, "pieces": 5}', id="another type"),
        pytest.param(b'{"schema": 1, "pieces": [], "extra": 1}', id="no pieces"),
        pytest.param(b"\xff\xfe", id="no text"),
        pytest.param(b"[" * 100_000, id="very deep"),
    ],
)
def test_a_damaged_file_is_refused_with_its_name(data: bytes) -> None:
    for load in (load_manifest, load_record):
        with pytest.raises(StateBroken, match=r"^/vault/x\.json: ") as caught:
            load(data, "/vault/x.json")
        assert "restore.py" in caught.value.advice()


@given(st.binary(max_size=200))
def test_no_bytes_crash_the_reader(data: bytes) -> None:
    with pytest.raises(StateBroken):
        load_manifest(data, "x")


def test_states_that_hold_are_those_in_which_the_vault_has_the_thing() -> None:
    assert {state.value for state in HeldState if state.holds} == {"copied", "moved", "sealed", "restoring"}
