"""Signatures of programs: who signed is read, what is not about these very bytes does not count, nothing crashes."""

from __future__ import annotations

import hashlib
import struct
import tracemalloc
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from agent.inventory import der, macho_files, signers
from agent.inventory.macho_files import parse_signatures
from agent.inventory.pe_files import parse_authenticode, parse_headers, parse_version, short_version
from agent.inventory.signed_data import parse_signed
from agent.inventory.signers import Signer, is_signable, signer_of
from tests.fakes.programs import BytesReader, elf, universal
from tests.fakes.signed_programs import APPLE, AUTHENTICODE, IDENTIFIER, TEAM, sample, signed_macho

WANTED = frozenset({APPLE, AUTHENTICODE})
SIGNED = {
    "Mach-O for ARM": (signed_macho(), Signer(APPLE)),
    "Mach-O for Intel": (signed_macho("x86_64"), Signer(APPLE)),
    "Mach-O with an older directory first": (signed_macho(sha1_first=True), Signer(APPLE)),
    "a universal Mach-O of which one half is signed": (
        universal([sample("adhoc-x86_64"), signed_macho()]),
        Signer(APPLE),
    ),
    "PE, by osslsigncode, sha256": (sample("signed-sha256.exe"), Signer(AUTHENTICODE, "1.2.3")),
    "PE, by osslsigncode, sha1": (sample("signed-sha1.exe"), Signer(AUTHENTICODE, "1.2.3")),
    "PE with a second signature": (sample("signed-twice.exe"), Signer(AUTHENTICODE, "1.2.3")),
}


def never() -> bool:
    return False


def signer(data: bytes, wanted: frozenset[str] = WANTED) -> Signer:
    return signer_of(BytesReader(data), wanted, never)


@pytest.mark.parametrize(("data", "expected"), SIGNED.values(), ids=SIGNED.keys())
def test_the_signer_is_named(data: bytes, expected: Signer) -> None:
    assert is_signable(data[:4096])
    assert signer(data) == expected


@pytest.mark.parametrize(("data", "expected"), SIGNED.values(), ids=SIGNED.keys())
def test_a_signer_that_nobody_asks_for_costs_headers_only(data: bytes, expected: Signer) -> None:
    reader = BytesReader(data)
    assert signer_of(reader, frozenset({"apple:OTHERTEAM1/com.example.tool"}), lambda: True) == Signer()


def changed(data: bytes, at: int) -> bytes:
    return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]


def transplanted(data: bytes) -> bytes:
    """The signature of one program behind another one of the same size."""
    (start,) = struct.unpack_from("<I", data, data.index(struct.pack("<II", 0x1D, 16)) + 8)
    return data[:2000] + b"another program".ljust(start - 2000, b"!") + data[start:]


def with_its_own_digest(data: bytes) -> bytes:
    """A changed PE, with its right digest written into the signature of the one that it was."""
    reader, new = BytesReader(data), BytesReader(changed(data, 1500))
    headers = parse_headers(reader.read_at, len(data))
    assert headers is not None
    says = parse_authenticode(reader.read_at, len(data), headers)
    assert says is not None
    digest = hashlib.new(says.algorithm)
    for piece in says.pieces:
        digest.update(new.read_at(piece.start, piece.end - piece.start))
    return changed(data, 1500).replace(says.digest, digest.digest())


MACHO, PE = signed_macho(), sample("signed-sha256.exe")
NOT_THIS = {
    "an ad-hoc signature": sample("adhoc-arm64"),
    "an ad-hoc signature that names a team": signed_macho(flags=0x2),
    "a team without anybody's certificate": signed_macho(with_cms=False),
    "a certificate of another team": signed_macho(unit="OTHERTEAM1"),
    "no team at all": signed_macho(team="", unit=""),
    "another program under the same team": signed_macho(identifier="com.example.other"),
    "one byte of a Mach-O changed": changed(MACHO, 1234),
    "the last signed byte of a Mach-O changed": changed(MACHO, len(MACHO) - 4097),
    "the identifier exchanged": signed_macho(identifier="com.example.t00l").replace(
        b"com.example.t00l", IDENTIFIER.encode()
    ),
    "a signature pasted behind another program": transplanted(MACHO),
    "a Mach-O of which only the first page is signed": signed_macho(covered=4096),
    "bytes behind the signature of a Mach-O": MACHO + b"more",
    "a Mach-O cut off": MACHO[:-1],
    "a PE without a signature": sample("unsigned.exe"),
    "one byte of a PE changed": changed(PE, 1500),
    "the product of a PE renamed": PE.replace("Example Tool".encode("utf-16-le"), "Example Too1".encode("utf-16-le")),
    "the digest of another PE written into a signature": with_its_own_digest(PE),
    "bytes behind the signature of a PE": PE + bytes(8),
    "a PE cut off": PE[:-8],
    "an ELF": elf([(".text", b"x")]),
    "a script": b"#!/bin/sh\n",
    "nothing": b"",
}


@pytest.mark.parametrize("data", NOT_THIS.values(), ids=NOT_THIS.keys())
def test_what_does_not_count(data: bytes) -> None:
    assert signer(data) == Signer()


def test_the_check_sum_of_a_pe_is_not_signed() -> None:
    headers = parse_headers(BytesReader(PE).read_at, len(PE))
    assert headers is not None
    assert signer(changed(PE, headers.checksum)).key == AUTHENTICODE


def test_a_stopped_look_says_nothing() -> None:
    for data in (MACHO, PE):
        assert signer_of(BytesReader(data), WANTED, lambda: True) == Signer()


def test_a_program_beyond_the_bound_is_not_compared(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(signers, "MAX_SIGNED", 4000)
    assert [signer(data) for data in (MACHO, PE)] == [Signer(), Signer()]


def test_the_names_in_a_code_directory() -> None:
    (found,) = parse_signatures(BytesReader(MACHO).read_at, len(MACHO))
    one = found.directory
    assert (one.identifier, one.team, one.adhoc, one.page, one.digest) == (IDENTIFIER, TEAM, False, 4096, "sha256")
    assert found.signed is not None
    assert found.signed.subject.common_name == f"Developer ID Application: Example, Inc. ({TEAM})"


def test_the_cdhash_is_that_of_the_better_directory() -> None:
    data = signed_macho(sha1_first=True)
    (both,) = parse_signatures(BytesReader(data).read_at, len(data))
    (adhoc,) = parse_signatures(BytesReader(sample("adhoc-arm64")).read_at, 16736)
    assert both.directory.digest == "sha1"
    assert both.cdhash not in ("", both.directory.cdhash)
    assert adhoc.cdhash == "e0ae731e65236773b78956f15252c5bf2bf6f27b"


def test_the_version_resource_of_a_pe() -> None:
    data = sample("unsigned.exe")
    headers = parse_headers(BytesReader(data).read_at, len(data))
    assert headers is not None
    assert parse_version(BytesReader(data).read_at, headers) == {
        "CompanyName": "Example, Inc.",
        "FileDescription": "Says nothing, äöü",
        "ProductName": "Example Tool",
        "ProductVersion": "1.2.3.0",
    }


@pytest.mark.parametrize(
    ("written", "short"),
    [
        ("2.1.330.0", "2.1.330"),
        ("2.1.330.4", "2.1.330.4"),
        ("1.0", "1.0"),
        (" 10.0.0 ", "10.0.0"),
        ("1, 2, 3, 0", ""),
        ("v1", ""),
        ("", ""),
        ("1" * 70, ""),
    ],
)
def test_a_version_of_windows_as_people_write_it(written: str, short: str) -> None:
    assert short_version(written) == short


# ---------------------------------------------------------------------------------------------- hostile bytes
def infinite(depth: int) -> bytes:
    return b"\x30\x80" * depth


ODD = {
    "cut off in a tag": b"\x30",
    "a length beyond the end": b"\x30\x84\x7f\xff\xff\xff",
    "a length of nine bytes": b"\x30\x89" + b"\xff" * 9,
    "nested 100,000 deep": infinite(100_000),
    "nested 100,000 deep, with lengths": b"\x30\x84\x00\x01\x00\x00" * 20_000,
    "a primitive without a length": b"\x04\x80\0\0",
    "a tag of several bytes": b"\x1f\x81\x01\x00",
    "a million empty elements": b"\x30\x80" + b"\x05\x00" * 1_000_000 + b"\0\0",
    "nothing": b"",
}


@pytest.mark.parametrize("data", ODD.values(), ids=ODD.keys())
def test_odd_signed_data_is_a_value_error(data: bytes) -> None:
    with pytest.raises(ValueError):
        parse_signed(data)


def overlapping() -> bytes:
    """64 blobs that are all the same, large one: unfolded they would be half a gigabyte."""
    code = bytearray(MACHO[:-4096])
    at = code.index(struct.pack("<II", 0x1D, 16))
    size = macho_files.MAX_SIGNATURE
    struct.pack_into("<I", code, at + 12, size)
    blob = struct.pack(">III", 0xFADE0CC0, size, 64)
    blob += b"".join(struct.pack(">II", 0x1000 + index % 6, 600) for index in range(64))
    return bytes(code) + (blob.ljust(600, b"\0") + struct.pack(">II", 0xFADE0C02, size - 600)).ljust(size, b"\0")


def with_directory(offset: int, form: str, value: int) -> Callable[[], bytes]:
    def make() -> bytes:
        data = bytearray(MACHO)
        struct.pack_into(form, data, MACHO.index(struct.pack(">I", 0xFADE0C02)) + offset, value)
        return bytes(data)

    return make


HOSTILE: dict[str, Callable[[], bytes]] = {
    "blobs that overlap": overlapping,
    "pages of a gigabyte": with_directory(39, ">B", 30),
    "one page without an end": with_directory(39, ">B", 0),
    "four thousand million pages": with_directory(28, ">I", 0xFFFFFFFF),
    "digests beyond the end": with_directory(16, ">I", 0xFFFFFFF0),
    "a name beyond the end": with_directory(20, ">I", 0xFFFFFFF0),
    "a digest of an unknown kind": with_directory(37, ">B", 9),
    "a limit of eight exabytes": with_directory(56, ">Q", 1 << 62),
    "scattered pages": with_directory(44, ">I", 64),
}


@pytest.mark.parametrize("make", HOSTILE.values(), ids=HOSTILE.keys())
def test_a_hostile_signature_says_nothing(make: Callable[[], bytes]) -> None:
    assert signer(make()) == Signer()


def test_blobs_that_overlap_are_not_unfolded() -> None:
    data = overlapping()
    tracemalloc.start()
    list(parse_signatures(BytesReader(data).read_at, len(data)))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3 * macho_files.MAX_SIGNATURE


def everything(data: bytes) -> None:
    """Every parser over the same bytes."""
    reader = BytesReader(data)
    list(parse_signatures(reader.read_at, len(data)))
    headers = parse_headers(reader.read_at, len(data))
    if headers is not None:
        parse_version(reader.read_at, headers)
        parse_authenticode(reader.read_at, len(data), headers)
    signer_of(reader, WANTED, never)


@given(st.binary(max_size=300))
def test_any_bytes_are_read(data: bytes) -> None:
    everything(data)
    everything(b"MZ" + data)
    everything(b"\xcf\xfa\xed\xfe" + data)
    everything(b"\xca\xfe\xba\xbe\0\0\0\2" + data)
    try:
        element = der.read(data)
        der.inside(element, element.tag)
        der.oid(element)
    except ValueError:
        pass


REAL = (MACHO, PE, sample("adhoc-x86_64"), sample("signed-twice.exe"))


@settings(max_examples=300)
@given(st.sampled_from(REAL), st.lists(st.tuples(st.floats(0, 1), st.integers(0, 255)), min_size=1, max_size=6))
def test_real_programs_with_any_bytes_changed_are_read(data: bytes, changes: list[tuple[float, int]]) -> None:
    """Half of the changes hit the headers, where the numbers are."""
    broken = bytearray(data)
    for place, value in changes:
        broken[int(place * 2 * 1023) if place < 0.5 else int(place * (len(data) - 1))] = value
    everything(bytes(broken))


@settings(max_examples=200)
@given(st.integers(0, 4095), st.binary(min_size=1, max_size=8))
def test_a_real_signature_with_any_bytes_changed_is_read(at: int, data: bytes) -> None:
    start = len(MACHO) - 4096
    everything(MACHO[: start + at] + data + MACHO[start + at + len(data) :])
    start = 4608
    everything(PE[: start + at % 2400] + data + PE[start + at % 2400 + len(data) :])
