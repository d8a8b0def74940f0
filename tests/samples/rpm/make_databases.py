"""Makes the databases in this folder anew; not run by the tests.

    python tests/samples/rpm/make_databases.py PATH/OF/AN/RPM/THAT/WRITES/NDB

As root, with rpm, rpmbuild and Berkeley DB's db_load (Debian: rpm, db-util). Debian's rpm writes no ndb; the one in the
PyPI package rpm-inspector-rpm does. rpm has not written Berkeley DB for years, so its headers go into a hash of
db_load's, as rpm's did: little-endian in pages long enough to hold short headers, big-endian in the shortest pages.
"""

from __future__ import annotations

import sqlite3
import subprocess
import sys
import tempfile
from contextlib import closing
from pathlib import Path
from typing import Literal

HERE = Path(__file__).parent
sys.path.insert(0, str(HERE.parents[2]))

from tests.fakes.system_roots import ndb_rpm, rpm, rpm_package  # noqa: E402

MANY = tuple(f"/opt/many/{number % 3}/file-{number:03}" for number in range(150))


def _packages(folder: Path) -> list[str]:
    """What is installed; `gone` is taken out again."""
    return [
        str(rpm_package(folder, "claude-desktop", "1.2.3~rc1", ("/usr/bin/claude", "/opt/claude/bin/run"), epoch=2)),
        str(rpm_package(folder, "many", "7.1", MANY)),
        str(rpm_package(folder, "gone", "9.9", ("/usr/bin/gone",))),
        str(rpm_package(folder, "short", "0.1")),
        str(rpm_package(folder, "other", "3", ("/usr/bin/other", "/opt/other/claude"))),
    ]


def _hash(to: Path, headers: list[tuple[int, bytes]], page: int, order: Literal["little", "big"]) -> None:
    """A hash as db_load makes it; record 0 is rpm's counter."""
    number = {"little": 1234, "big": 4321}[order]
    rows = [(0, (headers[-1][0]).to_bytes(4, order)), *headers]
    text = f"VERSION=3\nformat=bytevalue\ntype=hash\ndb_pagesize={page}\ndb_lorder={number}\nHEADER=END\n"
    text += "".join(f" {key.to_bytes(4, order).hex()}\n {value.hex()}\n" for key, value in rows)
    to.unlink(missing_ok=True)
    subprocess.run(["db_load", str(to)], input=f"{text}DATA=END\n", text=True, check=True)


def main() -> None:
    """See above."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        packages = _packages(folder)
        for root, manager in ((folder / "sqlite", rpm), (folder / "ndb", ndb_rpm(Path(sys.argv[1])))):
            (root / "var/lib/rpm").mkdir(parents=True)
            manager(root, "--install", *packages)
            manager(root, "--erase", "gone")
        (HERE / "Packages.db").write_bytes((folder / "ndb/var/lib/rpm/Packages.db").read_bytes())
        with closing(sqlite3.connect(folder / "sqlite/var/lib/rpm/rpmdb.sqlite")) as database:
            headers = list(database.execute("SELECT hnum, blob FROM Packages ORDER BY hnum"))
        _hash(HERE / "Packages.little", headers, 8192, "little")
        _hash(HERE / "Packages.big", headers, 512, "big")


if __name__ == "__main__":
    main()
