"""A developer's home of 300,000 files, made once from real packages and kept under `~/.cache/interdict-bench`.

40 projects with a `node_modules` each, 25 virtual environments, 200 extensions of an editor. A few packages are
installed for real by npm and pip; the rest are copies (files of their own, no hard links: a copy costs a cold look what
another package would), the extensions with a name of their own. What is left of the 300,000 is source text.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

from benchmarks.rig import CannotMeasure

FILES, TREES, ENVIRONMENTS, EXTENSIONS = 300_000, 40, 25, 200
NPM = ("express@4", "jest@29", "typescript@5")
PYPI = ("requests", "flask", "black", "httpx")
_FORM = "5"
"""Raised when what this writes changes: the home is then made anew."""
_PER_FOLDER = 50


def developer_home(say: Callable[[str], None]) -> Path:
    """The home, made when it is not there yet (minutes, and a network).

    Raises:
        CannotMeasure: npm or pip failed.
    """
    home = Path.home() / ".cache" / "interdict-bench" / "home"
    mark = home / ".made"
    if mark.exists() and mark.read_text(encoding="ascii") == _FORM:
        return home
    say(f"making a home of {FILES} files in {home} (once)")
    shutil.rmtree(home, ignore_errors=True)
    parts = home.parent / "parts"
    modules, venv = node_modules(parts), environment(parts)
    count = 0
    for number in range(TREES):
        project = home / "work" / f"app-{number:02}"
        count += copy_tree(modules, project / "node_modules")
        write(project / "package.json", json.dumps({"name": f"app-{number}", "version": "1.0.0"}))
    for number in range(ENVIRONMENTS):
        project = home / "work" / f"tool-{number:02}"
        count += copy_tree(venv, project / ".venv")
        write(project / "pyproject.toml", f'[project]\nname = "tool-{number}"\n')
    count += extensions(modules, home / ".vscode" / "extensions", EXTENSIONS)
    count += TREES + ENVIRONMENTS
    if count > FILES:
        raise CannotMeasure(f"the packages alone are {count} files: choose fewer")
    _sources(home / "work" / "notes", FILES - count)
    write(mark, _FORM)
    return home


def node_modules(parts: Path) -> Path:
    """A `node_modules` that npm has filled."""
    folder = parts / "npm"
    if not (folder / "node_modules").exists():
        folder.mkdir(parents=True, exist_ok=True)
        write(folder / "package.json", '{"name": "app", "version": "1.0.0"}')
        run(["npm", "install", "--no-audit", "--no-fund", "--ignore-scripts", *NPM], folder)
    return folder / "node_modules"


def environment(parts: Path) -> Path:
    """A virtual environment that pip has filled."""
    folder = parts / "pypi"
    if not (folder / "venv" / ".done").exists():
        folder.mkdir(parents=True, exist_ok=True)
        run([sys.executable, "-m", "venv", "venv"], folder)
        run(["venv/bin/python", "-m", "pip", "install", "-q", *PYPI], folder)
        write(folder / "venv" / ".done", "")
    return folder / "venv"


def extensions(modules: Path, place: Path, number: int) -> int:
    """Packages of npm as an editor's extensions: their own files, with a manifest that says so."""
    names = ("typescript", "express", "resolve", "yargs", "pure-rand")
    count = 0
    for at in range(number):
        name = names[at % len(names)]
        folder = place / f"publisher{at}.{name}-{at}-1.{at}.0"
        count += copy_tree(modules / name, folder)
        manifest = json.loads((folder / "package.json").read_text(encoding="utf-8"))
        manifest |= {"publisher": f"publisher{at}", "name": f"{name}-{at}", "version": f"1.{at}.0"}
        manifest["engines"] = {"vscode": "^1.90.0"}
        write(folder / "package.json", json.dumps(manifest, indent=2))
    return count


def _sources(place: Path, number: int) -> None:
    for at in range(number):
        folder = place / f"{at // _PER_FOLDER // _PER_FOLDER:02}" / f"{at // _PER_FOLDER:04}"
        if at % _PER_FOLDER == 0:
            folder.mkdir(parents=True)
        (folder / f"note-{at}.md").write_bytes(b"# a note\n")


def copy_tree(source: Path, target: Path) -> int:
    """Copies a tree and answers with the number of its files."""
    target.parent.mkdir(parents=True, exist_ok=True)
    run(["cp", "-a", "--reflink=auto", os.fspath(source), os.fspath(target)], target.parent)
    return sum(len(files) for _, _, files in os.walk(target))


def write(path: Path, text: str) -> None:
    """Writes a file and the folders above it."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text, encoding="utf-8")


def run(words: list[str], folder: Path) -> None:
    """Runs a program. Raises CannotMeasure when it fails."""
    done = subprocess.run(words, cwd=folder, capture_output=True, text=True)
    if done.returncode:
        raise CannotMeasure(f"{' '.join(words[:3])} failed: {done.stderr.strip()[-300:]}")
