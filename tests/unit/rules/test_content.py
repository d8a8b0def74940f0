"""Content signatures: what they accept, what a look finds, and what it costs at most."""

from __future__ import annotations

import os
import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policy_schema.rules.binary import Kind
from policy_schema.rules.content import CHUNK, TRAILER_REACH, ContentMatch, Signature, compile_signature, look, look_in
from policy_schema.rules.descriptor import DescriptorReader
from policy_schema.rules.signature import MAX_TAIL, MAX_TEXT
from tests.fakes.programs import BytesReader, EndlessProgram, claude_code_signatures, elf, macho, pe, universal
from tests.fakes.synthetic import synthetic_native, synthetic_script

SIGNATURES = claude_code_signatures()

PROGRAM = {
    "magic": ["elf", "macho", "pe"],
    "section": ".bun",
    "trailer": "---- end ----",
    "tail": 4 * CHUNK,
    "version": "// Version: ",
    "all": ["(c) Example", "https://example.com/issues"],
}
SCRIPT = {
    "magic": ["text"],
    "version": "// Version: ",
    "all": ["You are the Example"],
    "some": {"least": 2, "of": ["event_one", "event_two", "event_three"]},
}
PAYLOAD = b"https://example.com/issues // (c) Example. // Version: 1.2.3\n ---- end ----"
TEXT = b"#!/usr/bin/env node\n// Version: 1.2.3\nYou are the Example event_one event_three\n"


def program(**changes: object) -> Signature:
    return compile_signature("t/0", {**PROGRAM, **changes})


def script(**changes: object) -> Signature:
    return compile_signature("t/1", {**SCRIPT, **changes})


def found(data: bytes, signature: Signature, *, whole: bool = False) -> tuple[ContentMatch, ...]:
    return look_in(BytesReader(data), [signature], whole=whole)


def look_at(path: Path, *, whole: bool = False) -> tuple[ContentMatch, ...]:
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        return look(fd, os.fstat(fd).st_size, SIGNATURES, whole=whole)
    finally:
        os.close(fd)


# ------------------------------------------------------------------------------------------ signatures
BAD_FIELDS: dict[str, tuple[dict[str, object], str]] = {
    "no magic": ({"magic": []}, "magic: name at least one of elf, macho, pe, text"),
    "an unknown magic": ({"magic": ["zip"]}, "magic: 'zip' is none of elf, macho, pe, text"),
    "no text to look for": ({"all": []}, "all: at least one text"),
    "an empty text": ({"all": [""]}, "an empty text matches every file"),
    "a zero byte": ({"all": ["a\0b"]}, "zero byte"),
    "a text of two kilobytes": ({"all": ["x" * 2000]}, "longer than 1024 bytes"),
    "a hundred texts": ({"all": [f"text {n}" for n in range(100)]}, "100 texts are too many"),
    "texts that are numbers": ({"all": [1]}, "all: a list of texts"),
    "one text instead of a list": ({"all": "text"}, "all: a list of texts"),
    "a size in words": ({"min_size": "50MB"}, "min_size: a number of bytes"),
    "a size below zero": ({"max_size": -1}, "max_size: a number of bytes"),
    "a size that is true": ({"min_size": True}, "min_size: a number of bytes"),
    "sizes crossed": ({"min_size": 9, "max_size": 8}, "max_size is smaller"),
    "a tail of a gigabyte": ({"tail": 1 << 30}, "tail: at most 33554432 bytes"),
    "a section that is a number": ({"section": 5}, "section: a text"),
    "more of `some` than there are": ({"some": {"least": 3, "of": ["a", "b"]}}, "least must be between"),
    "none of `some`": ({"some": {"least": 0, "of": ["a", "b"]}}, "least must be between"),
    "`some` of nothing": ({"some": {"least": 1, "of": []}}, "least must be between"),
    "`some` as a list": ({"some": ["a"]}, "some: write"),
}


@pytest.mark.parametrize(("change", "message"), BAD_FIELDS.values(), ids=BAD_FIELDS.keys())
def test_a_bad_field_is_named(change: dict[str, object], message: str) -> None:
    with pytest.raises(ValueError) as refused:
        program(**change)
    assert str(refused.value).startswith("t/0: ")
    assert message in str(refused.value)


def test_a_field_may_be_missing_null_or_empty_alike() -> None:
    bare = compile_signature("t/0", {"magic": ["elf"], "all": ["text"]})
    assert bare == compile_signature(
        "t/0", {"magic": ["elf"], "all": ["text"], "section": None, "min_size": None, "some": None, "version": ""}
    )
    assert bare.kinds == {Kind.ELF}
    assert bare.tail == MAX_TAIL


MAY_MATCH = {
    "a program large enough": (program(min_size=100), b"\x7fELF\0", 100, True),
    "a program too small": (program(min_size=100), b"\x7fELF\0", 99, False),
    "a program too large": (program(max_size=100), b"\x7fELF\0", 101, False),
    "a program for a signature of scripts": (script(), b"\x7fELF\0", 100, False),
    "a script for a signature of programs": (program(), b"#!/bin/sh\n", 100, False),
    "a script": (script(), b"#!/bin/sh\n", 100, True),
    "a script above what is ever read": (script(), b"#!/bin/sh\n", MAX_TEXT + 1, False),
    "an empty file": (script(), b"", 0, False),
    "an archive": (script(), b"PK\x03\x04\0", 100, False),
}


@pytest.mark.parametrize(("signature", "head", "size", "answer"), MAY_MATCH.values(), ids=MAY_MATCH.keys())
def test_the_cheap_test_goes_by_kind_and_size(signature: Signature, head: bytes, size: int, answer: bool) -> None:
    assert signature.may_match(head, size) is answer


# ------------------------------------------------------------------------------------------ places
BUN = [(".text", b"\x01" * 5000), (".bun", b"\x01" * 5000 + PAYLOAD), (".data", b"\x01" * 9 * CHUNK)]
SLICE = macho([("__BUN", "__bun", PAYLOAD)])
FOUND = {
    "in the section of an ELF, far from the end": elf(BUN),
    "in the section of a PE": pe(BUN),
    "in the section of a Mach-O": macho([("__BUN", "__bun", PAYLOAD), ("__X", "__x", b"\x01" * 9 * CHUNK)]),
    "in the second slice of a universal Mach-O": universal([macho([]), SLICE, macho([])]),
    "in both slices of a universal Mach-O": universal([SLICE, SLICE]),
    "at the end of a program without such a section": elf([(".data", b"\x01" * 9 * CHUNK)]) + PAYLOAD,
    "at the end, with a signature of the system behind it": elf([]) + PAYLOAD + b"\x01" * 3 * CHUNK,
    "in a section whose header says more than there is": elf(BUN)[:-700] + PAYLOAD,
}


@pytest.mark.parametrize("data", FOUND.values(), ids=FOUND.keys())
def test_a_program_is_found(data: bytes) -> None:
    assert found(data, program()) == (ContentMatch("t/0", "1.2.3", whole=False),)


NOT_FOUND = {
    "one text is missing": elf([(".bun", PAYLOAD.replace(b"/issues", b"/others"))]),
    "the texts stand before the tail of the section": elf([(".bun", PAYLOAD + b"\x01" * 5 * CHUNK)]),
    "the texts stand outside of the section": elf([(".bun", b"\x01" * 100), (".data", PAYLOAD)]),
    "there is neither section nor trailer": elf([(".data", PAYLOAD.replace(b"---- end", b"---- xxx"))]),
    "the trailer stands too far from the end": elf([]) + PAYLOAD + b"\x01" * (TRAILER_REACH + 1),
    "it is a script": b"#!/bin/sh\n" + PAYLOAD,
}


@pytest.mark.parametrize("data", NOT_FOUND.values(), ids=NOT_FOUND.keys())
def test_a_program_is_not_found_when(data: bytes) -> None:
    assert found(data, program()) == ()


def test_a_look_through_the_whole_file_finds_what_lies_elsewhere() -> None:
    data = elf([(".data", PAYLOAD)]) + b"\x01" * 9 * CHUNK
    assert found(data, program()) == ()
    assert found(data, program(), whole=True) == (ContentMatch("t/0", "1.2.3", whole=True),)


SCRIPTS = {
    "two of three": (TEXT, True),
    "all three": (TEXT + b"event_two", True),
    "one of three": (TEXT.replace(b"event_one", b""), False),
    "only the greeting, as proxies copy it": (b"You are the Example", False),
    "only the events": (TEXT.replace(b"You are", b"I am"), False),
}


@pytest.mark.parametrize(("text", "matches"), SCRIPTS.values(), ids=SCRIPTS.keys())
def test_a_script_needs_its_text_and_enough_of_some(text: bytes, matches: bool) -> None:
    assert bool(found(text, script())) is matches


def test_a_signature_may_have_some_texts_and_none_that_is_always_there() -> None:
    assert found(TEXT, script(all=[])) == (ContentMatch("t/1", "1.2.3", whole=False),)


def test_several_signatures_share_one_look_and_answer_in_their_order() -> None:
    signatures = [
        compile_signature(f"t/{n}", {**SCRIPT, "all": [text]}) for n, text in enumerate(["event_two", "env", "You are"])
    ]
    assert [match.id for match in look_in(BytesReader(TEXT), signatures)] == ["t/1", "t/2"]


# ------------------------------------------------------------------------------------------ versions
VERSIONS = {
    "behind a text, though a library's stands first": (
        b"// Version: 9.9.9\n" + b"." * 600 + b"(c) Example. // Version: 1.2.3 https://example.com/issues",
        "1.2.3",
    ),
    "the first one, where none stands behind a text": (
        b"// Version: 1.2.3\n"
        + b"." * 600
        + b"(c) Example https://example.com/issues"
        + b"." * 600
        + b"// Version: 9.9.9",
        "1.2.3",
    ),
    "after the code that makes the line": (
        b'"// Version: "+v // Version: $' + b" (c) Example https://example.com/issues // Version: 1.2.3-beta.1+x y",
        "1.2.3-beta.1+x",
    ),
    "at the very end": (b"(c) Example https://example.com/issues // Version: 1.2.3", "1.2.3"),
    "behind a text, as far as a version may stand": (
        b"// Version: 9.9.9 https://example.com/issues (c) Example" + b"." * 500 + b"// Version: 1.2.3-beta.40",
        "1.2.3-beta.40",
    ),
    "too long to be one": (b"(c) Example https://example.com/issues // Version: " + b"1" * 500, "1" * 64),
    "nowhere": (b"(c) Example https://example.com/issues", ""),
}


@pytest.mark.parametrize(("payload", "version"), VERSIONS.values(), ids=VERSIONS.keys())
def test_the_version_is_read(payload: bytes, version: str) -> None:
    assert found(elf([(".bun", payload)]), program()) == (ContentMatch("t/0", version, whole=False),)


def test_a_signature_without_a_version_tells_none() -> None:
    assert found(elf(BUN), program(version=None)) == (ContentMatch("t/0", "", whole=False),)


# ------------------------------------------------------------------------------------------ borders of pieces
near_borders = st.integers(0, 2).flatmap(lambda n: st.integers(-90, 90).map(lambda d: max(0, n * CHUNK + d)))


@settings(max_examples=60)
@given(st.lists(st.tuples(near_borders, st.sampled_from([b"(c) Example", b"https://example.com/issues"])), max_size=4))
def test_a_text_across_the_border_of_two_pieces_is_found(placed: list[tuple[int, bytes]]) -> None:
    payload = bytearray(b"\x01" * (2 * CHUNK + 300))
    for at, text in placed:
        payload[at : at + len(text)] = text
    expected = all(text.encode() in payload for text in ("(c) Example", "https://example.com/issues"))
    assert bool(found(elf([(".bun", bytes(payload))]), program())) is expected


@settings(max_examples=60)
@given(st.integers(-200, 10), st.sampled_from(["1.2.3", "2.1.197", "10.20.30-beta.40"]))
def test_a_version_across_the_border_of_two_pieces_is_whole(offset: int, version: str) -> None:
    payload = bytearray(b"\x01" * (2 * CHUNK))
    text = f"https://example.com/issues (c) Example // Version: {version}\n".encode()
    payload[CHUNK + offset : CHUNK + offset + len(text)] = text
    assert [match.version for match in found(elf([(".bun", bytes(payload))]), program())] == [version]


# ------------------------------------------------------------------------------------------ cost and ends
def test_a_large_program_costs_its_head_its_tables_and_the_place_of_its_trailer() -> None:
    reader = EndlessProgram(b"\x7fELF\x02\x01" + bytes(60), 10 << 30)
    assert look_in(reader, [program()] * 16) == ()
    assert reader.read <= TRAILER_REACH + (1 << 16)


def test_a_program_without_a_cheap_test_costs_its_tail_once() -> None:
    reader = EndlessProgram(b"\x7fELF\x02\x01" + bytes(60), 10 << 30)
    assert look_in(reader, [program(section=None, trailer=None, tail=MAX_TAIL)]) == ()
    assert reader.read <= MAX_TAIL + (1 << 16)


def test_sixteen_signatures_cost_one_reading() -> None:
    reader = EndlessProgram(b"\x7fELF\x02\x01" + bytes(60), 10 << 30)
    signatures = [compile_signature(f"t/{n}", {"magic": ["elf"], "all": [f"text number {n}"]}) for n in range(16)]
    assert look_in(reader, signatures) == ()
    assert reader.read <= MAX_TAIL + (1 << 16)


def test_the_slices_of_a_universal_program_share_the_cost_of_one() -> None:
    part = macho([("__BUN", "__bun", b"\x01" * 2 * CHUNK)])
    reader = BytesReader(universal([part] * 8))
    assert look_in(reader, [program(tail=2 * CHUNK)]) == ()
    assert reader.read <= 2 * CHUNK + 100_000


def test_a_hole_is_jumped_over() -> None:
    data = elf([(".bun", bytes(4 * CHUNK - len(PAYLOAD)) + PAYLOAD)])
    end = data.index(PAYLOAD) - 100
    reader = BytesReader(data, holes=[(64, end)])
    assert look_in(reader, [program()]) == (ContentMatch("t/0", "1.2.3", whole=False),)
    assert reader.read < 20_000


def test_a_version_between_the_end_of_a_piece_and_a_hole_is_read() -> None:
    text = b"(c) Example https://example.com/issues // Version: 1.2.3"
    data = elf([(".bun", b"\x01" * (CHUNK - len(text)) + text + bytes(2 * CHUNK))])
    hole = data.index(text) + len(text)
    reader = BytesReader(data, holes=[(hole, hole + 2 * CHUNK)])
    assert look_in(reader, [program()]) == (ContentMatch("t/0", "1.2.3", whole=False),)
    assert reader.read < 3 * CHUNK


def test_what_stands_before_and_behind_a_hole_is_not_joined() -> None:
    data = elf([(".bun", b"\x01" * (CHUNK - 6) + b"(c) Ex" + bytes(CHUNK) + b"ample https://example.com/issues")])
    hole = data.index(b"(c) Ex") + 6
    assert look_in(BytesReader(data, holes=[(hole, hole + CHUNK)]), [program()]) == ()


def test_a_file_full_of_versions_that_are_none_costs_no_more() -> None:
    payload = b"(c) Example https://example.com/issues" + b"." * 600 + b"// Version: x" * 200_000
    reader = BytesReader(elf([(".bun", payload)]))
    assert look_in(reader, [program()]) == (ContentMatch("t/0", "", whole=False),)
    assert reader.read < 2 * len(payload)


def test_a_look_can_be_ended_between_two_pieces() -> None:
    reader = EndlessProgram(b"\x7fELF\x02\x01" + bytes(60), 10 << 30)
    assert look_in(reader, [program()], lambda: reader.pieces >= 3, whole=True) == ()
    assert reader.pieces == 3


def test_a_file_that_became_shorter_ends_where_it_ends(tmp_path: Path) -> None:
    path = tmp_path / "program"
    path.write_bytes(elf([(".bun", b"\x01" * 100)]))
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        assert look(fd, 10 << 30, [program(section=None, trailer=None)], whole=True) == ()
    finally:
        os.close(fd)


def test_what_cannot_be_read_is_an_error_and_not_an_empty_answer() -> None:
    reading, writing = os.pipe()
    try:
        with pytest.raises(OSError):
            look(reading, 100 << 20, SIGNATURES)
    finally:
        os.close(reading)
        os.close(writing)


# ------------------------------------------------------------------------------------------ files on a disk
def test_a_hole_on_a_disk_is_seen_where_the_system_can_tell(tmp_path: Path) -> None:
    path = tmp_path / "sparse"
    with path.open("wb") as file:
        file.write(b"begin")
        file.seek(8 << 20)
        file.write(b"end")
    fd = os.open(path, os.O_RDONLY | getattr(os, "O_BINARY", 0))
    try:
        reader = DescriptorReader(fd, (8 << 20) + 3)
        assert reader.next_data(0) == 0
        assert reader.next_data(1 << 20) == ((8 << 20) if sys.platform == "linux" else 1 << 20)
        assert reader.next_data(8 << 20) == 8 << 20
        assert reader.read_at((8 << 20) - 2, 100) == b"\0\0end"
        assert reader.read_at(9 << 20, 100) == b""
        assert reader.read_at(1 << 70, 100) == b""
    finally:
        os.close(fd)


def test_the_native_program_is_found_renamed_and_padded(tmp_path: Path) -> None:
    path = synthetic_native(tmp_path / "notes-helper", "2.1.197")
    assert look_at(path) == (ContentMatch("claude-code/0", "2.1.197", whole=False),)
    os.truncate(path, path.stat().st_size + (40 << 20))
    assert look_at(path) == (ContentMatch("claude-code/0", "2.1.197", whole=False),)


def test_the_native_program_without_its_section_table_and_padded_is_found_by_a_whole_look(tmp_path: Path) -> None:
    path = synthetic_native(tmp_path / "notes-helper", "2.1.197")
    with path.open("r+b") as file:
        file.seek(0x28)
        file.write(struct.pack("<Q", 0))
    assert look_at(path) == (ContentMatch("claude-code/0", "2.1.197", whole=False),)
    os.truncate(path, path.stat().st_size + (40 << 20))
    assert look_at(path) == ()
    assert look_at(path, whole=True) == (ContentMatch("claude-code/0", "2.1.197", whole=True),)


def test_the_script_is_found_renamed(tmp_path: Path) -> None:
    path = synthetic_script(tmp_path / "build-tool.mjs", "2.1.112")
    assert look_at(path) == (ContentMatch("claude-code/1", "2.1.112", whole=False),)


@given(st.binary(max_size=300), st.booleans())
def test_no_bytes_make_a_look_fail(data: bytes, whole: bool) -> None:
    for head in (b"\x7fELF\x02\x01", b"MZ\0", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe\0\0\0\x02", b""):
        reader = BytesReader(head + data)
        assert look_in(reader, [program(), script()], whole=whole) == ()
