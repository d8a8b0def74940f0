"""Which files of an installation the gate marks: what an interpreter or a loader would be given to open."""

from __future__ import annotations

import json
import os
import sys
from pathlib import Path

import pytest

from agent.inventory.entries import MOST_ENTRIES, Sought, read_entries, sought
from agent.inventory.installations import group
from policy_schema.rules.observation import Face, Observation
from tests.fakes.policies import rulebook

pytestmark = pytest.mark.skipif(sys.platform == "win32", reason="links and paths are those of POSIX")
NAME = "@anthropic-ai/claude-code"
PURL = "pkg:npm/%40anthropic-ai/claude-code@2.1.197"
FOLDER = "/home/li/.npm-global/lib/node_modules/@anthropic-ai/claude-code"
VERSIONS = "/home/li/.local/share/claude/versions"
PACKAGE = Observation("npm", Face.PACKAGE, FOLDER, uid=1000, home="/home/li", purl=PURL, name=NAME, version="2.1.197")
FOR_LINUX = PACKAGE._replace(
    path=f"{FOLDER}-linux-x64", purl=PURL.replace("@2", "-linux-x64@2"), name="@anthropic-ai/claude-code-linux-x64"
)
PROGRAM = Observation("executables", Face.EXECUTABLE, f"{VERSIONS}/2.1.197", uid=1000, home="/home/li", name="2.1.197")
INSIDE = PROGRAM._replace(path=f"{FOLDER}/bin/x", container=PURL, container_path=FOLDER, content="claude-code/0")


@pytest.mark.parametrize(
    ("seen", "programs", "packages"),
    [
        ((PROGRAM,), (PROGRAM.path,), ()),
        ((PROGRAM._replace(path="/home/li/x", content="claude-code/0"),), ("/home/li/x",), ()),
        ((PROGRAM._replace(path="/home/li/bin/claude", name="claude"),), (), ()),
        ((PACKAGE,), (), ((FOLDER, PURL),)),
        ((PACKAGE, INSIDE), (INSIDE.path,), ((FOLDER, PURL),)),
        ((PACKAGE, FOR_LINUX), (), ((FOLDER, PURL), (FOR_LINUX.path, FOR_LINUX.purl))),
    ],
    ids=[
        "a native program in the tool's own folder",
        "a native program that its content gives away",
        "nothing where a name alone speaks",
        "what a package names",
        "a program inside a package, and what the package names",
        "a package and what it brings for this system",
    ],
)
def test_looked_for_are(
    seen: tuple[Observation, ...], programs: tuple[str, ...], packages: tuple[tuple[str, str], ...]
) -> None:
    book = rulebook()
    tables = book.tables
    (one,) = group(seen, lambda one: next(iter(tables.identify(one)), None), {})
    assert sought(one) == Sought(programs, packages)


def test_only_files_themselves_are_told_each_once_and_not_too_many(tmp_path: Path) -> None:
    package = tmp_path / "package"
    package.mkdir()
    (tmp_path / "outside").touch()
    for number in range(MOST_ENTRIES + 5):
        (package / f"{number:03}").touch()
    os.mkfifo(package / "fifo")
    (package / "link").symlink_to(package / "000")
    bins = {"a": "001", "again": "./001", "out": "../outside", "fifo": "fifo", "link": "link", "gone": "gone"}
    (package / "package.json").write_text(json.dumps({"name": "x", "version": "1.0.0", "bin": bins}))
    (tmp_path / "broken").mkdir()
    (tmp_path / "broken" / "package.json").write_text("{")
    many = tuple(os.fspath(package / f"{number:03}") for number in range(MOST_ENTRIES + 5))
    (here, inside) = (os.fspath(tmp_path), os.fspath(package))
    packages = ((f"{here}/broken", "pkg:npm/x@1.0.0"), (inside, "pkg:npm/x@1.0.0"))
    programs = (f"{inside}/002", f"{inside}/link", f"{inside}/fifo", inside, f"{inside}/gone")
    found = read_entries({"/both": Sought(programs, packages), "/many": Sought(many, ()), "/none": Sought((), ())})
    assert found == {"/both": (f"{inside}/002", f"{inside}/001"), "/many": many[:MOST_ENTRIES]}
