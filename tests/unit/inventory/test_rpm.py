"""RPM packages: headers of rpm's own making, and databases that somebody spoilt."""

from __future__ import annotations

import os
import sqlite3
import sys
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from agent.inventory.interface import Wanted
from agent.inventory.rpm_formats import TooShort, file_of, parse_header
from agent.inventory.system_packages import SystemPackage
from policy_schema.rules.observation import Unknown
from tests.fakes.machine_folder import SAMPLES, MachineFolder, seen, unknown

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="rpm's database is read on Linux")

FOLDER = "/usr/lib/sysimage/rpm"
DATABASE = f"{FOLDER}/rpmdb.sqlite"
HEADER = (SAMPLES / "rpm" / "claude-desktop.header").read_bytes()
PACKAGE = SystemPackage("claude-desktop", "2:1.2.3-1", "noarch")


def put(machine: MachineFolder, *headers: bytes, script: str = "", path: str = DATABASE) -> None:
    """A database with these packages in it, made as rpm makes it."""
    at = machine.at(path)
    at.parent.mkdir(parents=True, exist_ok=True)
    with sqlite3.connect(at) as made:
        made.execute("CREATE TABLE 'Packages' (hnum INTEGER PRIMARY KEY AUTOINCREMENT, blob BLOB NOT NULL)")
        made.execute("CREATE TABLE 'Basenames' (key 'TEXT' NOT NULL, hnum INTEGER NOT NULL, idx INTEGER NOT NULL)")
        for header in headers:
            made.execute("INSERT INTO Packages (blob) VALUES (?)", (header,))
        made.executemany("INSERT INTO Basenames VALUES (?, ?, ?)", [("claude", 1, 0), ("app", 1, 1), ("claude", 1, 2)])
        made.executescript(script)
    made.close()


# ---------------------------------------------------------------------------- one header
def test_a_header_of_rpm_s_own_says() -> None:
    assert parse_header(HEADER) == PACKAGE
    assert [file_of(HEADER, number) for number in range(3)] == [b"/opt/claude", b"/opt/claude/app", b"/usr/bin/claude"]
    with pytest.raises(ValueError, match="no such file"):
        file_of(HEADER, 3)


def test_name_and_version_stand_at_its_beginning() -> None:
    """So only the head of each is read from the database."""
    whole = [end for end in range(len(HEADER)) if _parses(HEADER[:end])]
    assert whole == list(range(whole[0], len(HEADER)))
    assert whole[0] < 1600


def _parses(data: bytes) -> bool:
    try:
        return parse_header(data) == PACKAGE
    except TooShort:
        return False


@given(
    st.binary(max_size=600)
    | st.builds(
        lambda at, byte: HEADER[:at] + byte + HEADER[at + 1 :], st.integers(0, 1900), st.binary(min_size=1, max_size=1)
    )
)
def test_any_bytes_are_a_package_or_a_value_error(data: bytes) -> None:
    try:
        assert parse_header(data).name.isascii()
        file_of(data, 0)
    except ValueError as error:
        assert "\n" not in str(error)


# ---------------------------------------------------------------------------- the database
def test_a_database_says_what_is_installed(machine: MachineFolder) -> None:
    put(machine, HEADER)
    machine.link("/var/lib/rpm", "../../usr/lib/sysimage/rpm")
    machine.file("/etc/os-release", "ID=fedora\nVERSION_ID=41\n")
    found = machine.look("rpm")
    assert [(one.name, one.version, one.path) for one in seen(found)] == [
        ("claude-desktop", "2:1.2.3-1", f"{DATABASE}#claude-desktop")
    ]
    assert seen(found)[0].purl == "pkg:rpm/fedora/claude-desktop@1.2.3-1?arch=noarch&distro=fedora-41&epoch=2"
    assert seen(found)[0].manager == "dnf"
    assert (found.complete, found.coverage[0].roots) == (True, (FOLDER,))
    assert FOLDER in found.watch["rpm"]


@pytest.mark.parametrize(("program", "package"), [("/usr/bin/claude", True), ("/usr/bin/app", False)])
def test_a_program_is_its_package_s_by_its_whole_path(program: str, package: bool, machine: MachineFolder) -> None:
    put(machine, HEADER)
    machine.file(program, "\x7fELF", 0o755)
    (one,) = seen(machine.look("executables", wanted=Wanted(frozenset({"claude", "app"}))))
    assert one.container == ("pkg:rpm/claude-desktop" if package else "")
    assert one.manager == ("dnf" if package else "")


def test_a_broken_header_is_unknown_and_hides_no_other(machine: MachineFolder) -> None:
    samples = [(SAMPLES / "rpm" / f"{name}.header").read_bytes() for name in ("broken", "hostile")]
    put(machine, *samples, b"", HEADER)
    found = machine.look("rpm")
    assert [one.name for one in seen(found)] == ["claude-desktop"]
    assert unknown(found) == [
        Unknown(DATABASE, "package number 1: it ends too early"),
        Unknown(DATABASE, "package number 2: an index of 4294967295 entries"),
        Unknown(DATABASE, "package number 3: it ends too early"),
    ]


FOR_EVER = """
DROP TABLE Packages;
CREATE VIEW Packages AS WITH RECURSIVE n(hnum) AS (SELECT 1 UNION ALL SELECT hnum + 1 FROM n)
SELECT hnum, 'x' AS blob FROM n;
"""


def overwrite(machine: MachineFolder) -> None:
    """The pages behind the first are no longer those of a database."""
    data = bytearray(machine.at(DATABASE).read_bytes())
    data[4096:] = b"\xff" * (len(data) - 4096)
    machine.at(DATABASE).write_bytes(data)


def replace(machine: MachineFolder, make: Callable[[Path], object]) -> None:
    at = machine.at(DATABASE)
    at.unlink()
    make(at)


SPOILT: dict[str, tuple[Callable[[MachineFolder], object], str]] = {
    "a text": (lambda m: m.file(DATABASE, "no database at all " * 300), "cannot be read: file is not a database"),
    "an empty file": (lambda m: m.file(DATABASE, ""), "has no table Packages"),
    "a pipe that nobody writes to": (lambda m: replace(m, os.mkfifo), "not a regular file"),
    "pages that were overwritten": (overwrite, "cannot be read: database disk image is malformed"),
    "a view that computes for ever": (
        lambda m: sqlite3.connect(m.at(DATABASE)).executescript(FOR_EVER).connection.close(),
        "has no table Packages",
    ),
}


@pytest.mark.parametrize("what", SPOILT)
def test_a_database_that_is_none_is_unknown(what: str, machine: MachineFolder) -> None:
    make, reason = SPOILT[what]
    put(machine, HEADER)
    make(machine)
    found = machine.look("rpm")
    assert (seen(found), unknown(found)) == ([], [Unknown(DATABASE, reason)])


def test_a_writer_s_log_that_is_not_empty_is_told(machine: MachineFolder) -> None:
    put(machine, HEADER)
    machine.file(f"{DATABASE}-wal", "x")
    found = machine.look("rpm")
    assert [one.name for one in seen(found)] == ["claude-desktop"]
    assert [place.where for place in unknown(found)] == [DATABASE]


def test_nothing_is_written_beside_the_database(machine: MachineFolder) -> None:
    put(machine, HEADER)
    with sqlite3.connect(machine.at(DATABASE)) as made:
        made.execute("PRAGMA journal_mode = WAL")
    made.close()
    before = {path.name: path.stat().st_mtime_ns for path in machine.at(FOLDER).iterdir()}
    assert seen(machine.look("rpm"))
    assert {path.name: path.stat().st_mtime_ns for path in machine.at(FOLDER).iterdir()} == before


@pytest.mark.parametrize(
    ("file", "reason"),
    [("Packages", "it is no Berkeley DB: it is too short"), ("Packages.db", "it is no database of rpm's ndb form")],
)
def test_another_form_that_is_none_is_unknown(file: str, reason: str, machine: MachineFolder) -> None:
    machine.file(f"/var/lib/rpm/{file}", "\0" * 100)
    assert unknown(machine.look("rpm")) == [Unknown(f"/var/lib/rpm/{file}", reason)]


def test_a_machine_without_rpm_has_nothing_and_is_whole(machine: MachineFolder) -> None:
    found = machine.look("rpm")
    assert (seen(found), found.complete) == ([], True)
