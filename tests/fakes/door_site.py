"""What the doors are tried with: the originals in `$SITE`, and the words that the scripts find around them."""

from __future__ import annotations

import os
import shutil
import sys
import threading
import time
import zipfile
from pathlib import Path

from tests.fakes.other_person import UID
from tests.fakes.synthetic import (
    BANNER,
    native_payload,
    synthetic_native,
    synthetic_npm_install,
    synthetic_plain_package,
)

RAN = "(Claude Code)"
PEOPLE = {"root": 0, "another person": UID}
LOADERS = ("/lib64/ld-linux-x86-64.so.2", "/lib/ld-linux-aarch64.so.1")
GIVE = f"""
import mmap, os, subprocess, sys
file = sys.argv[1]
for _ in range(3): subprocess.run([file, "--version"], capture_output=True)
os.chown(file, {UID}, {UID})
with open(file, "r+b") as held, mmap.mmap(held.fileno(), 0) as mapping:
    at = mapping.rfind(b"(x) Anthropic")
    mapping[at:at + 3] = b"(c)"
print(subprocess.run([file, *sys.argv[2:]], capture_output=True, text=True).stdout)
"""


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


def dynamic(path: Path, program: str = "/bin/echo") -> Path:
    """A program that the loader can start, with the content behind it: it prints its arguments (or waits)."""
    shutil.copy(program, path)
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


def originals(folder: Path, *, waits: bool = False) -> Path:
    """Everything that the doors start from. `waits`: as in `surroundings`."""
    folder.mkdir()
    package = synthetic_npm_install(folder / "prefix", "@anthropic-ai/claude-code", "2.1.112", "js")
    (folder / "cli.js").symlink_to(package / "cli.js")
    synthetic_native(folder / "native", "2.1.200")
    disguised(folder / "disguised")
    dynamic(folder / "dynamic", "/bin/sleep" if waits else "/bin/echo")
    small = synthetic_plain_package(folder / "small", "2.1.112", "@anthropic-ai/claude-code")
    script = small / "bin" / "claude-code.js"
    script.write_text(f'#!/usr/bin/env node\nconsole.log("{RAN}");\n', encoding="utf-8")
    (folder / "give.py").write_text(GIVE, encoding="utf-8")
    wheel(folder)
    return folder


def surroundings(work: Path, originals: Path, system: Path, uid: int, *, waits: bool = False) -> dict[str, str]:
    """The environment of a door's script. `waits`: what starts runs until it is ended, instead of telling its name."""
    return {
        "PATH": "/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
        "HOME": os.fspath(work),
        "SITE": os.fspath(originals),
        "SYSTEM": os.fspath(system),
        "LOADER": next(path for path in LOADERS if Path(path).exists()),
        "NEW_MOUNTS": "unshare -m" if uid == 0 else "unshare -Urm",
        "UVX": os.fspath(Path(sys.executable).parent / "uvx"),
        "SHOW": "" if waits else "--version",
        "SAY": "60" if waits else RAN,
        "npm_config_update_notifier": "false",
    }


def wait_until_settled(path: Path) -> None:
    """Until a file's ctime is older than what the gate keeps."""
    threading.Event().wait(max(0.0, path.stat().st_ctime + 2.1 - time.time()))
