"""rpm's databases that are plain files: what real ones hold, and what spoilt ones can do. How the samples were made:
tests/samples/rpm/make_databases.py."""

from __future__ import annotations

import os
import struct
import zlib
from collections.abc import Callable
from contextlib import AbstractContextManager
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.host.files import Facts, Tree
from agent.inventory import rpm_bdb, rpm_files, rpm_ndb
from agent.inventory.interface import Wanted
from agent.inventory.recall import YOUNG_FILE, Recall
from agent.inventory.rpm_formats import TooShort, brings, file_of
from agent.inventory.rpm_records import HEAD_OF_HEADER, MAX_DAMAGES, MAX_HEADER, Record, Records, package_of
from policy_schema.rules.observation import Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

FOLDER = SAMPLES / "rpm"
PLACE = "/var/lib/rpm"
NDB, LITTLE, BIG = ((FOLDER / name).read_bytes() for name in ("Packages.db", "Packages.little", "Packages.big"))
INSTALLED = {"claude-desktop": "2:1.2.3~rc1-1", "many": "7.1-1", "other": "3-1", "short": "0.1-1"}
FORMS: dict[str, tuple[str, bytes, Records]] = {
    "ndb": ("Packages.db", NDB, rpm_ndb.records),
    "Berkeley DB of a little-endian machine": ("Packages", LITTLE, rpm_bdb.records),
    "Berkeley DB of a big-endian machine": ("Packages", BIG, rpm_bdb.records),
}


class Read:
    """Bytes that are read as a file is; counts how often, and how much."""

    def __init__(self, data: bytes) -> None:
        self.data = data
        self.times, self.bytes = 0, 0

    def __call__(self, offset: int, length: int) -> bytes:
        assert offset >= 0
        assert 0 <= length <= 1 << 17
        part = self.data[offset : offset + length]
        self.times, self.bytes = self.times + 1, self.bytes + len(part)
        return part


def said(records: Records, read: Read) -> tuple[dict[str, str], list[str]]:
    """The packages with their versions, and what was said to be broken."""
    packages: dict[str, str] = {}
    broken: list[str] = []
    try:
        for one in records(read, len(read.data)):
            if isinstance(one, Record):
                try:
                    package = package_of(one.read)
                    packages[package.name] = package.version
                except ValueError as error:
                    broken.append(f"package number {one.number}: {error}")
            else:
                broken.append(one.reason)
    except ValueError as error:
        broken.append(f"refused: {error}")
    return packages, broken


# ---------------------------------------------------------------------------- real ones
@pytest.mark.parametrize("form", FORMS)
def test_a_database_of_rpm_s_own_making_says(form: str) -> None:
    _, data, records = FORMS[form]
    assert said(records, Read(data)) == (INSTALLED, [])


@pytest.mark.parametrize("form", FORMS)
def test_what_is_installed_is_seen_at_its_entry(form: str, machine: MachineFolder) -> None:
    name, data, _ = FORMS[form]
    machine.file(f"{PLACE}/{name}", data)
    machine.file("/etc/os-release", "ID=sles\nVERSION_ID=15.6\n")
    found = machine.look("rpm")
    assert {one.name: one.version for one in seen(found)} == INSTALLED
    assert (found.complete, found.coverage[0].roots) == (True, (PLACE,))
    (desktop,) = (one for one in seen(found) if one.name == "claude-desktop")
    assert desktop.path == f"{PLACE}/{name}#claude-desktop"
    assert desktop.purl == "pkg:rpm/sles/claude-desktop@1.2.3~rc1-1?arch=noarch&distro=sles-15.6&epoch=2"
    assert (desktop.manager, PLACE in found.watch["rpm"]) == ("dnf", True)


OWNERS = {
    "a program of a package": ("/usr/bin/claude", "pkg:rpm/claude-desktop"),
    "one of the same name in another package's folder": ("/opt/other/claude", "pkg:rpm/other"),
    "one of the same name that no package brought": ("/opt/claude/claude", ""),
}


@pytest.mark.parametrize("what", OWNERS)
@pytest.mark.parametrize("form", FORMS)
def test_a_program_s_package_is_found_by_the_lists_of_files(form: str, what: str, machine: MachineFolder) -> None:
    name, data, _ = FORMS[form]
    machine.file(f"{PLACE}/{name}", data)
    program, purl = OWNERS[what]
    machine.file(program, "\x7fELF", 0o755)
    found = machine.look("executables", wanted=Wanted(frozenset({"claude"})), path_folders=[program.rpartition("/")[0]])
    (one,) = seen(found)
    assert (one.container, one.manager) == (purl, "dnf" if purl else "")


def headers() -> dict[str, bytes]:
    found = [one.read(MAX_HEADER) for one in rpm_ndb.records(Read(NDB), len(NDB)) if isinstance(one, Record)]
    return {package_of(lambda length, header=header: header[:length]).name: header for header in found}  # type: ignore[misc]


def files_of(header: bytes) -> list[bytes]:
    found: list[bytes] = []
    while True:
        try:
            found.append(file_of(header, len(found)))
        except ValueError:
            return found


def test_a_package_brings_each_of_its_files_and_no_other_s() -> None:
    lists = {name: files_of(header) for name, header in headers().items()}
    assert [len(lists[name]) for name in ("claude-desktop", "many", "other", "short")] == [2, 150, 2, 0]
    for name, header in headers().items():
        for owner, paths in lists.items():
            assert all(brings(header, [path]) == (owner == name) for path in paths)


def test_a_path_from_before_the_folders_became_one_is_found_too() -> None:
    header = headers()["claude-desktop"]
    assert brings(header, [b"/bin/claude", b"/usr/bin/claude"])
    assert not brings(header, [b"/bin/claude"])
    assert not brings(header, [b"/usr/bin/aude"])


def test_the_first_form_counts_as_for_rpm_itself(machine: MachineFolder) -> None:
    machine.file(f"{PLACE}/Packages", LITTLE)
    machine.file(f"{PLACE}/Packages.db", NDB)
    assert {one.path.partition("#")[0] for one in seen(machine.look("rpm"))} == {f"{PLACE}/Packages.db"}
    machine.file(f"{PLACE}/rpmdb.sqlite", "no database")
    found = machine.look("rpm")
    assert (seen(found), [place.where for place in unknown(found)]) == ([], [f"{PLACE}/rpmdb.sqlite"])


@pytest.mark.parametrize("form", FORMS)
def test_a_database_that_stays_as_it_is_is_read_once(
    form: str, machine: MachineFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    name, data, _ = FORMS[form]
    at = machine.file(f"{PLACE}/{name}", data)
    recall = Recall(now=lambda: at.stat().st_ctime_ns + 2 * YOUNG_FILE)
    opened: list[str] = []
    real = Tree.open

    def counted(tree: Tree, path: str) -> AbstractContextManager[tuple[int, Facts]]:
        opened.append(path)
        return real(tree, path)

    monkeypatch.setattr(Tree, "open", counted)
    first, again = (seen(machine.look("rpm", recall=recall)) for _ in range(2))
    assert (again, opened.count(f"{PLACE}/{name}")) == (first, 1)
    at.write_bytes(data[: len(data) // 2])
    assert unknown(machine.look("rpm", recall=recall))
    assert opened.count(f"{PLACE}/{name}") == 2


def test_a_database_that_changes_meanwhile_is_told(tmp_path: Path) -> None:
    at = tmp_path / "Packages.db"
    at.write_bytes(NDB)

    def grow() -> bool:
        with at.open("ab") as file:
            file.write(b"\0" * 16)
        return False

    with Tree(str(tmp_path)) as tree:
        found = list(rpm_files.packages(tree, "/Packages.db", "Packages.db", grow))
    assert found[-1] == Unknown("/Packages.db", "rpm changed it while it was read")
    assert len(found) == 5


def test_a_look_that_is_ended_stops_between_packages(machine: MachineFolder) -> None:
    machine.file(f"{PLACE}/Packages.db", NDB)
    assert seen(machine.look("rpm", stopped=lambda: True)) == []


def test_the_whole_of_a_header_is_read_only_when_its_beginning_says_too_little() -> None:
    asked: list[int] = []
    header = headers()["short"]

    def read(length: int) -> bytes:
        asked.append(length)
        return (b"\0\0\x0f\xff" + bytes(HEAD_OF_HEADER) if length == HEAD_OF_HEADER else header)[:length]

    assert package_of(read).name == "short"
    assert asked == [HEAD_OF_HEADER, MAX_HEADER]
    with pytest.raises(TooShort):
        package_of(lambda length: header[: min(length, 700)])


# ---------------------------------------------------------------------------- spoilt ones
Spoil = Callable[[bytes], bytes]


def put(at: int, form: str, *values: int | bytes) -> Spoil:
    """Other values at a place."""
    written = struct.pack(form, *values)
    return lambda data: data[:at] + written + data[at + len(written) :]


def both(*spoils: Spoil) -> Spoil:
    def make(data: bytes) -> bytes:
        for spoil in spoils:
            data = spoil(data)
        return data

    return make


def pages(kind: int) -> list[int]:
    """Where the pages of a kind begin in the sample of 512 bytes a page."""
    return [at for at in range(0, len(BIG), 512) if BIG[at + 25] == kind]


HASH, OVERFLOW = pages(13), pages(7)


def slot(number: int) -> int:
    """Where the slot of a package begins."""
    return next(at for at in range(32, 4096, 16) if struct.unpack_from("<4sI", NDB, at) == (b"Slot", number))


def blob(number: int) -> int:
    """Where the record of a package begins."""
    return int(struct.unpack_from("<I", NDB, slot(number) + 8)[0]) * 16


def end_of(number: int) -> int:
    """Where the record of a package ends."""
    return blob(number) + int(struct.unpack_from("<I", NDB, slot(number) + 12)[0]) * 16


def signed(number: int, spoil: Spoil) -> Spoil:
    """Spoils a record of ndb and gives it the checksum that then is right."""

    def make(data: bytes) -> bytes:
        data, start, end = spoil(data), blob(number), end_of(number) - 12
        return put(end, "<I", zlib.adler32(data[start:end]))(data)

    return make


ALL = frozenset(INSTALLED)
FIRST, SECOND = frozenset({"short", "many"}), frozenset({"other", "claude-desktop"})
"""What each of the two buckets holds."""
NOT_OTHER, NOT_DESKTOP = ALL - {"other"}, ALL - {"claude-desktop"}
NONE: frozenset[str] = frozenset()
VALUE = HASH[1] + 495
"""The first value of the second bucket: where the header of `other` is, package number 1."""
NOT_THERE = "it leads to a page that it does not have"
CIRCLE = "its pages lead in circles"
NO_PAGE = "package number 1: a page of its header is none"
NO_HASH = "refused: it is no hash of Berkeley DB"
NO_FIT = "items that do not fit their page"
Case = tuple[Spoil, frozenset[str], str]
SPOILT_BDB: dict[str, Case] = {
    "nothing at all": (lambda _: b"", NONE, "refused: it is no Berkeley DB: it is too short"),
    "zeros": (lambda data: bytes(len(data)), NONE, NO_HASH),
    "a tree instead of a hash": (put(12, ">I", 0x053162), NONE, NO_HASH),
    "an unknown version": (put(16, ">I", 11), NONE, "refused: version 11 of Berkeley DB's hash is not known"),
    "an encrypted one": (
        put(24, "B", 1),
        NONE,
        "refused: it is encrypted, has checksums or parts: rpm makes none such",
    ),
    "pages of no size": (put(20, ">I", 0), NONE, "refused: pages of 0 bytes"),
    "pages of four gigabytes": (put(20, ">I", 0xFFFFFFFF), NONE, "refused: pages of 4294967295 bytes"),
    "pages longer than they are": (put(20, ">I", 1024), NONE, "a page that is not the one it should be"),
    "four milliards of buckets": (
        put(72, ">I", 0xFFFFFFFF),
        NONE,
        "refused: 4294967296 buckets in a file of 29696 bytes",
    ),
    "a bucket on a page that is not there": (put(100, ">I", 0xFFFFFFF0), FIRST, NOT_THERE),
    "a bucket whose page is its own next": (put(HASH[0] + 16, ">I", 1), ALL, CIRCLE),
    "two buckets on one page": (put(100, ">I", 0), FIRST, CIRCLE),
    "a bucket that goes on in a header": (put(HASH[0] + 16, ">I", 3), ALL, "a page of a bucket is none"),
    "a page with another one's number": (
        put(HASH[0] + 8, ">I", 2),
        SECOND,
        "a page that is not the one it should be",
    ),
    "a key without value": (put(HASH[0] + 20, ">H", 5), SECOND, "a page with 5 items"),
    "more items than fit a page": (put(HASH[0] + 20, ">H", 0xFFFE), SECOND, "a page with 65534 items"),
    "an item behind the page": (put(HASH[0] + 26, ">H", 0xFFFF), SECOND, NO_FIT),
    "items that lie in one another": (put(HASH[0] + 28, ">H", 510), SECOND, NO_FIT),
    "an item among the offsets": (put(HASH[0] + 36, ">H", 4), SECOND, NO_FIT),
    "a key elsewhere": (put(HASH[1] + 507, "B", 3), NOT_OTHER, "a key that is no package's number"),
    "a value of many values": (put(VALUE, "B", 2), NOT_OTHER, "package number 1: its value is of no known kind"),
    "a header of four gigabytes": (
        put(VALUE + 8, ">I", 0xFFFFFFFF),
        NOT_OTHER,
        "package number 1: a header of 4294967295 bytes",
    ),
    "a header of nothing": (put(VALUE + 8, ">I", 0), NOT_OTHER, "package number 1: a header of 0 bytes"),
    "headers larger than the file together": (
        put(VALUE + 8, ">I", 9000),
        NOT_OTHER,
        "package number 1: a header of 9000 bytes",
    ),
    "a header that goes round": (put(OVERFLOW[2] + 16, ">I", 3), NOT_OTHER, NO_PAGE),
    "a header that goes round for a byte each time": (
        both(put(OVERFLOW[0] + 16, ">I", 3), put(OVERFLOW[0] + 22, ">H", 1)),
        FIRST,
        f"package number 1: {CIRCLE}",
    ),
    "a header that ends early": (put(OVERFLOW[0] + 16, ">I", 0), NOT_OTHER, f"package number 1: {NOT_THERE}"),
    "a header that goes on in a bucket": (put(OVERFLOW[0] + 16, ">I", 1), NOT_OTHER, NO_PAGE),
    "a page of a header with nothing in it": (put(OVERFLOW[0] + 22, ">H", 0), NOT_OTHER, NO_PAGE),
    "a page of a header with more than it has": (put(OVERFLOW[0] + 22, ">H", 0xFFFF), NOT_OTHER, NO_PAGE),
    "a file that ends behind its buckets": (
        lambda data: data[:8192],
        frozenset({"short", "other"}),
        "package number 5: it ends too early",
    ),
}
OUTSIDE = "package number 5: its place is outside of the file's part for packages"
OTHER_RECORD = "package number 5: another record stands in its place"
CHECKSUM = "package number 5: its record has another checksum or length than it says"
TWICE = "package number 4: it is no number of a package, or that of two"
SPOILT_NDB: dict[str, Case] = {
    "nothing at all": (lambda _: b"", NONE, "refused: it is no database of rpm's ndb form"),
    "another form's beginning": (put(0, "4s", b"RpmX"), NONE, "refused: it is no database of rpm's ndb form"),
    "a version to come": (put(4, "<I", 1), NONE, "refused: version 1 of rpm's ndb form is not known"),
    "no page of slots": (put(12, "<I", 0), NONE, "refused: 0 pages of slots in a file of 31728 bytes"),
    "slots for four milliards": (
        put(12, "<I", 0xFFFFFFFF),
        NONE,
        "refused: 4294967295 pages of slots in a file of 31728 bytes",
    ),
    "slots where packages are": (put(12, "<I", 2), frozenset({"many", "claude-desktop"}), "a slot that is none"),
    "a slot that is none": (put(slot(5), "4s", b"Slit"), NOT_DESKTOP, "a slot that is none"),
    "a place behind the file": (put(slot(5) + 8, "<I", 0xFFFFFFFF), NOT_DESKTOP, OUTSIDE),
    "a place among the slots": (put(slot(5) + 8, "<I", 1), NOT_DESKTOP, OUTSIDE),
    "a place of 64 gigabytes": (put(slot(5) + 12, "<I", 0xFFFFFFFF), NOT_DESKTOP, OUTSIDE),
    "a place too small": (put(slot(5) + 12, "<I", 1), NOT_DESKTOP, "package number 5: its place is too small"),
    "two of one number": (put(slot(5) + 4, "<I", 4), NOT_DESKTOP, TWICE),
    "two slots for one record": (put(slot(5) + 8, "<I", blob(4) // 16), NOT_DESKTOP, OTHER_RECORD),
    "a record that is none": (put(blob(5), "4s", b"BlbX"), NOT_DESKTOP, OTHER_RECORD),
    "a record of another package": (put(blob(5) + 4, "<I", 4), NOT_DESKTOP, OTHER_RECORD),
    "a record of four gigabytes": (put(blob(5) + 12, "<I", 0xFFFFFFF0), NOT_DESKTOP, OTHER_RECORD),
    "a byte that changed": (put(blob(5) + 40, "B", 77), NOT_DESKTOP, CHECKSUM),
    "a record without end": (put(end_of(5) - 4, "4s", b"BlbX"), NOT_DESKTOP, CHECKSUM),
    "a record of two lengths": (put(end_of(5) - 8, "<I", 1), NOT_DESKTOP, CHECKSUM),
    "a header that is none, well signed": (
        signed(5, put(blob(5) + 16, ">I", 0xFFFFFFFF)),
        NOT_DESKTOP,
        "package number 5: an index of 4294967295 entries",
    ),
    "a file that ends in the middle": (lambda data: data[:10000], frozenset({"short", "other"}), OUTSIDE),
}


@pytest.mark.parametrize("what", SPOILT_BDB)
def test_a_spoilt_berkeley_db_hides_no_more_than_what_it_spoils(what: str) -> None:
    spoil, left, reason = SPOILT_BDB[what]
    spoilt(rpm_bdb.records, spoil(BIG), left, reason)


@pytest.mark.parametrize("what", SPOILT_NDB)
def test_a_spoilt_ndb_hides_no_more_than_what_it_spoils(what: str) -> None:
    spoil, left, reason = SPOILT_NDB[what]
    spoilt(rpm_ndb.records, spoil(NDB), left, reason)


def spoilt(records: Records, data: bytes, left: frozenset[str], reason: str) -> None:
    read = Read(data)
    packages, broken = said(records, read)
    assert (frozenset(packages), reason in broken) == (left, True), broken
    assert packages.items() <= INSTALLED.items()
    assert read.bytes <= 4 * len(data) + 8192


def test_a_bucket_that_nothing_was_put_into_is_empty() -> None:
    """Berkeley DB does not write it: its page is a hole in the file."""
    packages, broken = said(rpm_bdb.records, Read(BIG[:512] + bytes(512) + BIG[1024:]))
    assert (frozenset(packages), broken) == (SECOND, [])


def test_a_header_that_many_keys_lead_to_is_not_read_for_each() -> None:
    """Fourteen packages with the same long header are more than the file can hold."""
    items = b"".join(struct.pack(">B3xIIBI", 3, 15, 13_000, 1, number) for number in range(30, 0, -1))
    places = [at for item in range(30) for at in (512 - 17 * item - 5, 512 - 17 * (item + 1))][:28]
    page = bytearray(512)
    page[-len(items) :] = items[-512:]
    struct.pack_into(">I4xIHHBB28H", page, 8, 1, 0, 28, 0, 0, 13, *places)
    read = Read(BIG[:512] + bytes(page) + BIG[1024:])
    _, broken = said(rpm_bdb.records, read)
    assert read.bytes <= 4 * len(BIG) + 8192
    assert any("a header of 13000 bytes" in reason for reason in broken)


def test_more_than_a_hundred_broken_places_are_not_gone_through() -> None:
    data = bytearray(bytes(4096 * 60))
    struct.pack_into("<4sIIII", data, 0, b"RpmP", 0, 1, 60, 1)
    read = Read(bytes(data))
    packages, broken = said(rpm_ndb.records, read)
    assert broken[-1] == f"after 0 packages and {MAX_DAMAGES} broken places the rest is not looked at"
    assert (packages, len(broken), read.times) == ({}, MAX_DAMAGES + 1, 2)


def hole(at: Path) -> None:
    """A file of five gigabytes that take no room."""
    with at.open("wb") as file:
        file.truncate(5 << 30)


SPOILT_FILES: dict[str, tuple[Callable[[Path], object], str]] = {
    "a pipe that nobody writes to": (os.mkfifo, "not a regular file"),
    "a folder": (Path.mkdir, "not a regular file"),
    "a file of five gigabytes that are not there": (hole, "larger than 536870912 bytes"),
}


@pytest.mark.parametrize("name", ["Packages", "Packages.db"])
@pytest.mark.parametrize("what", SPOILT_FILES)
def test_what_is_no_file_or_too_large_is_unknown(what: str, name: str, machine: MachineFolder) -> None:
    make, reason = SPOILT_FILES[what]
    machine.at(PLACE).mkdir(parents=True)
    make(machine.at(f"{PLACE}/{name}"))
    found = machine.look("rpm")
    assert (seen(found), unknown(found)) == ([], [Unknown(f"{PLACE}/{name}", reason)])


def test_what_is_broken_is_unknown_and_the_rest_is_seen(machine: MachineFolder) -> None:
    machine.file(f"{PLACE}/Packages.db", SPOILT_NDB["a byte that changed"][0](NDB))
    machine.file("/usr/bin/other", "\x7fELF", 0o755)
    found = machine.look("rpm")
    assert {one.name for one in seen(found)} == NOT_DESKTOP
    assert unknown(found) == [Unknown(f"{PLACE}/Packages.db", CHECKSUM)]
    (one,) = seen(machine.look("executables", wanted=Wanted(frozenset({"other"})), path_folders=["/usr/bin"]))
    assert one.container == "pkg:rpm/other"


# ---------------------------------------------------------------------------- any bytes
def changed(sample: bytes) -> st.SearchStrategy[bytes]:
    """A real database with some of its bytes changed, and sometimes cut; changes are most often where structure is."""
    places = st.integers(0, 1100) | st.integers(0, len(sample) - 1) | st.sampled_from([*HASH, *OVERFLOW, *BLOBS])
    change = st.tuples(places, st.integers(0, 30), st.binary(min_size=1, max_size=4))

    def make(changes: list[tuple[int, int, bytes]], length: int) -> bytes:
        data = bytearray(sample)
        for at, further, written in changes:
            data[at + further : at + further + len(written)] = written
        return bytes(data[:length])

    return st.builds(make, st.lists(change, max_size=5), st.just(len(sample)) | st.integers(0, len(sample)))


BLOBS = [blob(number) for number in (1, 2, 4, 5)]
HEADS = [NDB[:32], NDB[:4096], LITTLE[:512], BIG[:512], BIG[:1024], b""]


@given(
    st.sampled_from([rpm_bdb.records, rpm_ndb.records]),
    st.builds(bytes.__add__, st.sampled_from(HEADS), st.binary(max_size=3000))
    | st.sampled_from([NDB, LITTLE, BIG]).flatmap(changed),
)
def test_any_bytes_are_packages_or_said_to_be_broken(records: Records, data: bytes) -> None:
    read = Read(data)
    packages, broken = said(records, read)
    assert read.bytes <= 5 * len(data) + (1 << 17)
    assert all(name.isascii() for name in packages)
    assert not any("\n" in reason for reason in broken)
    assert len(broken) <= MAX_DAMAGES + len(packages) + 200


@given(
    st.integers(0, 1851), st.binary(min_size=1, max_size=4), st.sampled_from(["/usr/bin/other", "/opt/other/claude"])
)
def test_any_list_of_files_has_a_path_or_not_or_is_broken(at: int, written: bytes, path: str) -> None:
    header = headers()["other"]
    try:
        assert brings(header[:at] + written + header[at + len(written) :], [path.encode()]) in (True, False)
    except ValueError as error:
        assert "\n" not in str(error)
