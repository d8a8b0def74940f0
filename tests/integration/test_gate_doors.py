"""The door table, each door tried for real before a real gate: as root and as another person."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fakes.door_site import PEOPLE, RAN, disguised, originals, surroundings
from tests.fakes.doors import DOORS, Door, Verdict
from tests.fakes.gate import Gate, gate_before, mounted, orders
from tests.fakes.other_person import give_to

pytestmark = [pytest.mark.root, pytest.mark.node]


class Site(NamedTuple):
    """Where doors are tried."""

    gate: Gate
    mount: Path
    originals: Path
    system: Path


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    folder = Path(tempfile.mkdtemp(prefix="gate-doors-"))
    folder.chmod(0o711)
    try:
        with mounted(folder / "m", megabytes=2000) as mount, mounted(folder / "system") as system:
            made = originals(mount / "originals")
            system.chmod(0o755)
            (system / "bin").mkdir()
            disguised(system / "bin" / "tool")
            (folder / "gate").mkdir()
            entries = [os.fspath((made / "cli.js").resolve()), os.fspath(made / "dynamic")]
            with gate_before(folder / "gate", mount, system, first=orders(entries=entries)) as gate:
                yield Site(gate, mount, made, system)
    finally:
        shutil.rmtree(folder, ignore_errors=True)


def tries() -> Iterator[object]:
    """Each door with each person who can try it."""
    for door in DOORS:
        for person in PEOPLE:
            if door.needs in (("", "root") if person == "root" else ("",)):
                yield pytest.param(door, person, id=f"{door.name}, as {person}: {door.verdict.value}")


@pytest.mark.parametrize(("door", "person"), list(tries()))
def test_a_door_is_as_the_table_says(site: Site, door: Door, person: str) -> None:
    work = Path(tempfile.mkdtemp(dir=site.mount))
    uid = PEOPLE[person]
    give_to(work)
    if uid == 0:
        os.chown(work, 0, 0)
    before = len(site.gate.so_far("refused"))

    output = open_door(site, door, work, uid)

    if door.verdict is Verdict.REFUSED:
        assert RAN not in output
        refused = site.gate.so_far("refused")[before:] or [site.gate.wait(lambda message: message["t"] == "refused")]
        assert {(row["ban"], row["uid"]) for row in refused} == {("claude-code", uid)}
    else:
        assert RAN in output
    shutil.rmtree(work)


def open_door(site: Site, door: Door, work: Path, uid: int) -> str:
    """Runs a door's script; everything that it printed."""
    environment = surroundings(work, site.originals, site.system, uid)
    done = subprocess.run(
        ["sh", "-c", door.script],
        cwd=work,
        env=environment,
        user=uid,
        group=uid,
        extra_groups=[],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    print(json.dumps({"door": door.name, "out": done.stdout[-400:], "error": done.stderr[-600:]}))
    return done.stdout


def test_what_needs_the_file_but_does_not_run_it_works(site: Site) -> None:
    """Copying, backing up and uninstalling a banned package is nobody's crime."""
    work = Path(tempfile.mkdtemp(dir=site.mount))
    package = (site.originals / "cli.js").resolve().parent
    for words in (
        ["cp", "-r", package, work / "copy"],
        ["tar", "-cf", work / "backup.tar", "-C", package, "."],
        [
            "/usr/bin/python3",
            "-c",
            "import shutil, sys; shutil.copy(*sys.argv[1:])",
            package / "cli.js",
            work / "by-python",
        ],
        ["sha256sum", package / "cli.js"],
        ["rm", "-r", work / "copy"],
    ):
        subprocess.run(list(map(os.fspath, words)), check=True, capture_output=True)  # type: ignore[call-overload]
    assert (work / "by-python").stat().st_size == (package / "cli.js").stat().st_size
