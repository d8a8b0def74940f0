"""The frozen agent: one folder with `interdict` and, on Linux, `interdict-gate`, by PyInstaller; the glibc it needs."""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

from making.source import ROOT, Build, copy_source

SPEC = ROOT / "packaging" / "frozen" / "interdict.spec"
PROGRAMS = {"linux": ("interdict", "interdict-gate"), "darwin": ("interdict",), "win32": ("interdict.exe",)}
"""The programs of each system, in the form of `sys.platform`. Only Linux has a gate: elsewhere nothing asks it."""
_SYMBOL = re.compile(r"\bGLIBC_(2\.[0-9]+)\b")


def freeze(build: Build, sign_as: str = "") -> Path:
    """Builds `OUT/interdict` for the system that this is, new in every run; modes and times are those of a package.

    `sign_as` is a name in the keychain of a Mac, for programs and libraries.

    Raises:
        RuntimeError: PyInstaller ended with an error, or a program is missing in what it made.
    """
    work = build.out / "work"
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    source = copy_source(build, work / "source")
    command = [sys.executable, "-m", "PyInstaller", "--noconfirm", "--log-level", "WARN"]
    command += ["--distpath", os.fspath(build.out), "--workpath", os.fspath(work / "pyinstaller"), os.fspath(SPEC)]
    # Its own folder for what PyInstaller keeps from run to run: nothing of another build comes in.
    own = {"INTERDICT_SOURCE": os.fspath(source), "PYINSTALLER_CONFIG_DIR": os.fspath(work / "kept")}
    own["INTERDICT_SIGN_AS"] = sign_as
    done = subprocess.run(command, env={**build.environment, **own}, capture_output=True, text=True, check=False)
    if done.returncode:
        raise RuntimeError(f"PyInstaller ended with {done.returncode}:\n{done.stderr[-3000:]}")
    made = build.out / "interdict"
    if sys.platform == "linux":
        _forget_places(made)
    _tidy(made, build)
    if system_of(made) != sys.platform:
        raise RuntimeError(f"{made}: not every program is there: {', '.join(PROGRAMS[sys.platform])}")
    return made


def system_of(folder: Path) -> str:
    """Which system a frozen agent is for, as `sys.platform` says it, by its programs; empty: none.

    A Mac's folder has `interdict` alone, Linux' has the gate beside it.
    """
    for system, programs in PROGRAMS.items():
        if all((folder / program).is_file() for program in programs):
            return system
    return ""


def _forget_places(folder: Path) -> None:
    """Takes out where libraries were looked for on the machine that built them: elsewhere that is somebody's folder."""
    for path in elves(folder / "lib"):
        shown = subprocess.run(
            ["patchelf", "--print-rpath", os.fspath(path)], capture_output=True, text=True, check=True
        )
        if shown.stdout.strip():
            subprocess.run(["patchelf", "--remove-rpath", os.fspath(path)], check=True)


def elves(folder: Path) -> list[Path]:
    """Every program and library of a folder."""
    found = [path for path in sorted(folder.rglob("*")) if path.is_file() and not path.is_symlink()]
    return [path for path in found if path.read_bytes()[:4] == b"\x7fELF"]


def _tidy(folder: Path, build: Build) -> None:
    """Modes by kind, one time for all, no traces of the machine that built it."""
    for path in sorted(folder.rglob("*")):
        if path.name in ("direct_url.json", "INSTALLER", "RECORD", "REQUESTED") and ".dist-info" in path.parent.name:
            path.unlink()
    for path in [folder, *sorted(folder.rglob("*"))]:
        if path.is_symlink():
            continue
        path.chmod(0o755 if path.is_dir() or path.name in PROGRAMS["linux"] else 0o644)
        os.utime(path, (build.epoch, build.epoch))


def glibc_floor(folder: Path) -> str:
    """The oldest glibc that has every symbol that is asked for, such as `2.35`."""
    found: set[str] = {"2.17"}
    for path in elves(folder):
        text = subprocess.run(["readelf", "-VW", os.fspath(path)], capture_output=True, text=True, check=True)
        found.update(_SYMBOL.findall(text.stdout))
    return max(found, key=lambda version: tuple(map(int, version.split("."))))


def size_of(folder: Path) -> int:
    """Bytes of all files."""
    return sum(path.stat().st_size for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
