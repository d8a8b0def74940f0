"""Kinds and sections of program files, honest and hostile."""

from __future__ import annotations

import struct
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from policy_schema.rules.binary import MAX_FOUND, MAX_HEADERS, Extent, Kind, find_sections, kind_of
from tests.fakes.programs import BytesReader, elf, macho, pe, universal

DATA = b"the payload"
ELF_SECTIONS = [(".text", b"code"), (".bun", DATA), (".data", b"more")]
MACHO_SECTIONS = [("__TEXT", "__text", b"code"), ("__BUN", "__bun", DATA), ("__DATA", "__data", b"more")]

KINDS = {
    "an ELF": (elf(ELF_SECTIONS), Kind.ELF),
    "a Mach-O of 64 bits": (macho(MACHO_SECTIONS), Kind.MACHO),
    "a Mach-O of 32 bits, big-endian": (macho(MACHO_SECTIONS, wide=False, order=">"), Kind.MACHO),
    "a universal Mach-O": (universal([macho([])]), Kind.MACHO),
    "a Java class, which begins like one": (b"\xca\xfe\xba\xbe\x00\x00\x00\x41\x00", None),
    "a PE": (pe([]), Kind.PE),
    "a script": (b"#!/usr/bin/env node\n", Kind.TEXT),
    "a script that begins with MZ": (b"MZ = 1;\n" * 100, Kind.TEXT),
    "a script with a byte order mark": (b"\xef\xbb\xbfconst a = 1;", Kind.TEXT),
    "a zip": (b"PK\x03\x04\x14\x00\x00\x00", None),
    "an image": (b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR", None),
    "nothing": (b"", None),
}


@pytest.mark.parametrize(("head", "kind"), KINDS.values(), ids=KINDS.keys())
def test_a_file_is_known_by_its_first_bytes(head: bytes, kind: Kind | None) -> None:
    assert kind_of(head[:4096]) is kind


FORMATS = {
    "ELF, 64 bits": (Kind.ELF, elf(ELF_SECTIONS)),
    "ELF, 64 bits, big-endian": (Kind.ELF, elf(ELF_SECTIONS, order=">")),
    "ELF, 32 bits": (Kind.ELF, elf(ELF_SECTIONS, wide=False)),
    "ELF, 32 bits, big-endian": (Kind.ELF, elf(ELF_SECTIONS, wide=False, order=">")),
    "ELF with its numbers in the first section header": (Kind.ELF, elf(ELF_SECTIONS, many=True)),
    "Mach-O, 64 bits": (Kind.MACHO, macho(MACHO_SECTIONS)),
    "Mach-O, 64 bits, big-endian": (Kind.MACHO, macho(MACHO_SECTIONS, order=">")),
    "Mach-O, 32 bits": (Kind.MACHO, macho(MACHO_SECTIONS, wide=False)),
    "PE": (Kind.PE, pe(ELF_SECTIONS)),
}


@pytest.mark.parametrize(("kind", "file"), FORMATS.values(), ids=FORMATS.keys())
def test_a_section_is_found_by_the_header(kind: Kind, file: bytes) -> None:
    (found,) = find_sections(kind, BytesReader(file).read_at, len(file), ".bun")
    assert file[found.start : found.end] == DATA
    assert kind_of(file) is kind


@pytest.mark.parametrize(("kind", "file"), FORMATS.values(), ids=FORMATS.keys())
@pytest.mark.parametrize("name", [".bu", ".bun_err", "bun_", ".bün"])
def test_a_name_is_compared_whole(kind: Kind, file: bytes, name: str) -> None:
    assert find_sections(kind, BytesReader(file).read_at, len(file), name) == ()


@pytest.mark.parametrize("wide", [False, True], ids=["32-bit table", "64-bit table"])
def test_each_slice_of_a_universal_program_has_its_section(wide: bool) -> None:
    file = universal([macho([("__BUN", "__bun", b"one")]), macho([]), macho([("__BUN", "__bun", b"three")])], wide=wide)
    found = find_sections(Kind.MACHO, BytesReader(file).read_at, len(file), ".bun")
    assert [file[e.start : e.end] for e in found] == [b"one", b"three"]


def test_text_has_no_sections() -> None:
    assert find_sections(Kind.TEXT, BytesReader(b"#!/bin/sh").read_at, 9, ".bun") == ()


def test_the_python_that_runs_this_has_a_code_section() -> None:
    data = Path(sys.executable).resolve().read_bytes()
    kind = kind_of(data[:4096])
    assert kind is not None
    assert find_sections(kind, BytesReader(data).read_at, len(data), ".text")


def _patched(file: bytes, at: int, form: str, value: int) -> bytes:
    changed = bytearray(file)
    struct.pack_into(form, changed, at, value)
    return bytes(changed)


WHOLE_ELF, WHOLE_MACHO, WHOLE_PE = elf(ELF_SECTIONS), macho(MACHO_SECTIONS), pe(ELF_SECTIONS)
HOSTILE = {
    "an ELF of its magic alone": (Kind.ELF, b"\x7fELF"),
    "an ELF whose table lies behind the end": (Kind.ELF, _patched(WHOLE_ELF, 0x28, "<Q", 1 << 40)),
    "an ELF whose table lies beyond 2^63": (Kind.ELF, _patched(WHOLE_ELF, 0x28, "<Q", (1 << 64) - 1)),
    "an ELF with entries of no size": (Kind.ELF, _patched(WHOLE_ELF, 0x3A, "<H", 0)),
    "an ELF with names nowhere": (Kind.ELF, _patched(WHOLE_ELF, 0x3E, "<H", 60_000)),
    "a Mach-O with commands of no size": (Kind.MACHO, _patched(WHOLE_MACHO, 36, "<I", 0)),
    "a Mach-O whose commands say more than they have": (Kind.MACHO, _patched(WHOLE_MACHO, 36, "<I", 0xFFFFFFFF)),
    "a Mach-O cut off in its commands": (Kind.MACHO, WHOLE_MACHO[:50]),
    "a universal program whose slices are itself": (Kind.MACHO, struct.pack(">II", 0xCAFEBABE, 16) + bytes(16 * 20)),
    "a universal program with slices behind the end": (
        Kind.MACHO,
        struct.pack(">II", 0xCAFEBABE, 2) + b"\xff" * 40,
    ),
    "a PE whose header lies behind the end": (Kind.PE, _patched(WHOLE_PE, 0x3C, "<I", 0xFFFFFFF0)),
    "a PE without its second magic": (Kind.PE, _patched(WHOLE_PE, 0x80, "<I", 0)),
    "a PE cut off in its table": (Kind.PE, WHOLE_PE[: 0x80 + 24 + 240 + 30]),
}


@pytest.mark.parametrize(("kind", "file"), HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_header_has_no_section(kind: Kind, file: bytes) -> None:
    assert find_sections(kind, BytesReader(file).read_at, len(file), ".bun") == ()


def test_a_section_that_says_more_than_the_file_has_ends_with_the_file() -> None:
    file = WHOLE_ELF
    table = struct.unpack_from("<Q", file, 0x28)[0]
    file = _patched(file, table + 2 * 64 + 32, "<Q", (1 << 64) - 1)
    (found,) = find_sections(Kind.ELF, BytesReader(file).read_at, len(file), ".bun")
    assert found == Extent(file.index(DATA), len(file))


def test_a_section_without_bytes_in_the_file_is_none() -> None:
    table = struct.unpack_from("<Q", WHOLE_ELF, 0x28)[0]
    nobits = _patched(WHOLE_ELF, table + 2 * 64 + 4, "<I", 8)
    assert find_sections(Kind.ELF, BytesReader(nobits).read_at, len(nobits), ".bun") == ()


def test_no_header_makes_us_read_or_answer_without_limit() -> None:
    file = elf([(".bun", b"x")] * 4000)
    assert len(find_sections(Kind.ELF, BytesReader(file).read_at, len(file), ".bun")) == MAX_FOUND
    table = struct.unpack_from("<Q", file, 0x28)[0]
    reader = BytesReader(_patched(file, 0x3C, "<H", 60_000) + bytes(60_000 * 64))
    assert find_sections(Kind.ELF, reader.read_at, reader.size, ".nowhere") == ()
    assert reader.read <= MAX_HEADERS * 64 + (table - 64) + 200


@pytest.mark.parametrize("kind", [Kind.ELF, Kind.MACHO, Kind.PE])
@given(data=st.data())
def test_no_bytes_at_all_make_a_parser_fail(kind: Kind, data: st.DataObject) -> None:
    whole = {Kind.ELF: WHOLE_ELF, Kind.MACHO: universal([WHOLE_MACHO]), Kind.PE: WHOLE_PE}[kind]
    file = bytearray(whole[: data.draw(st.integers(0, len(whole)))])
    for _ in range(data.draw(st.integers(0, 6))):
        at = data.draw(st.integers(0, len(whole)))
        file[at : at + 8] = data.draw(st.binary(max_size=8) | st.just(b"\xff" * 8) | st.just(bytes(8)))
    for found in find_sections(kind, BytesReader(bytes(file)).read_at, len(file), ".bun"):
        assert 0 <= found.start < found.end <= len(file)
