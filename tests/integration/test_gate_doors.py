"""The door table, each door tried for real before a real gate: as root and as another person."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

import pytest

from tests.fakes.doors import DOORS, Door, Verdict
from tests.fakes.gate import Gate, gate_before, mounted, orders
from tests.fakes.other_person import UID, give_to
from tests.fakes.synthetic import (
    BANNER,
    native_payload,
    synthetic_native,
    synthetic_npm_install,
    synthetic_plain_package,
)

pytestmark = [pytest.mark.root, pytest.mark.node]
RAN = "(Claude Code)"
PEOPLE = {"root": 0, "another person": UID}
GIVE = f"""
import mmap, os, subprocess, sys
file = sys.argv[1]
for _ in range(3): subprocess.run([file, "--version"], capture_output=True)
os.chown(file, {UID}, {UID})
with open(file, "r+b") as held, mmap.mmap(held.fileno(), 0) as mapping:
    at = mapping.rfind(b"(x) Anthropic")
    mapping[at:at + 3] = b"(c)"
print(subprocess.run([file, "--version"], capture_output=True, text=True).stdout)
"""


class Site(NamedTuple):
    """Where doors are tried."""

    gate: Gate
    mount: Path
    originals: Path
    system: Path


def disguised(path: Path) -> Path:
    """The native program without the text that gives it away."""
    synthetic_native(path, "2.1.200")
    with path.open("r+b") as file:
        file.seek(-(4 << 20), os.SEEK_END)
        start, data = file.tell(), file.read()
        at = data.index(BANNER.encode())
        file.seek(start + at)
        file.write(b"(x)")
    return path


def dynamic(path: Path) -> Path:
    """A program that the loader can start, with the content behind it: it prints its arguments."""
    shutil.copy("/bin/echo", path)
    with path.open("r+b") as file:
        file.truncate(56 << 20)
        file.seek(0, os.SEEK_END)
        file.write(native_payload("2.1.200"))
    return path


def wheel(folder: Path) -> None:
    """A wheel with a command, as uvx would fetch it."""
    info = "claude_code-2.1.0.dist-info"
    files = {
        "claude_code.py": f"def main():\n    print('{RAN}')\n",
        f"{info}/METADATA": "Metadata-Version: 2.1\nName: claude-code\nVersion: 2.1.0\n",
        f"{info}/WHEEL": "Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
        f"{info}/entry_points.txt": "[console_scripts]\nclaude-code = claude_code:main\n",
    }
    rows = "".join(f"{name},,\n" for name in (*files, f"{info}/RECORD"))
    with zipfile.ZipFile(folder / "claude_code-2.1.0-py3-none-any.whl", "w") as made:
        for name, text in {**files, f"{info}/RECORD": rows}.items():
            made.writestr(name, text)


def originals(folder: Path) -> Path:
    """Everything that the doors start from."""
    folder.mkdir()
    package = synthetic_npm_install(folder / "prefix", "@anthropic-ai/claude-code", "2.1.112", "js")
    (folder / "cli.js").symlink_to(package / "cli.js")
    synthetic_native(folder / "native", "2.1.200")
    disguised(folder / "disguised")
    dynamic(folder / "dynamic")
    small = synthetic_plain_package(folder / "small", "2.1.112", "@anthropic-ai/claude-code")
    script = small / "bin" / "claude-code.js"
    script.write_text(f'#!/usr/bin/env node\nconsole.log("{RAN}");\n', encoding="utf-8")
    (folder / "give.py").write_text(GIVE, encoding="utf-8")
    wheel(folder)
    return folder


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
            if person == "root" or not door.needs:
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
    environment = {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": os.fspath(work),
        "SITE": os.fspath(site.originals),
        "SYSTEM": os.fspath(site.system),
        "LOADER": next(
            path for path in ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1") if Path(path).exists()
        ),
        "NEW_MOUNTS": "unshare -m" if uid == 0 else "unshare -Urm",
        "UVX": os.fspath(Path(sys.executable).parent / "uvx"),
        "npm_config_update_notifier": "false",
    }
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
