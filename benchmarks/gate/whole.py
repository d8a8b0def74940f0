"""The gate before the whole machine, for as long as a build takes: a watchdog kills it whatever happens.

Its orders ban a tool that does not exist, so nobody is refused; the makers of what is built are the system's own.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import statistics
import subprocess
import sys
import tarfile
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.gate import load
from benchmarks.gate.start import timed
from tests.fakes.gate import gate_before

WATCHDOG = ("timeout", "--foreground", "-s", "KILL", "60")
ROUNDS = 5
STARTS = 400
SOURCE = "lupa==2.4"
"""A distribution of PyPI that brings the C source of Lua."""
PROJECT = '{"name": "benchmark", "private": true, "dependencies": {"express": "4.21.2", "typescript": "5.6.3"}}'
Figures = tuple[str, float, float, str, float | None]
Work = Callable[[], float]


def measure() -> Iterator[Figures]:
    """With and without the gate in turns."""
    with tempfile.TemporaryDirectory(prefix="gate-whole-") as made:
        folder = Path(made)
        works: dict[str, tuple[Work, float | None]] = {"whole machine: 400 starts of /bin/true": (_true, 1.02)}
        if (source := _lua(folder)) is not None:
            works["whole machine: make -j2 of Lua"] = (lambda: _make(source), None)
        if _npm(folder) is not None:
            works["whole machine: npm install of express and typescript"] = (lambda: _npm(folder) or 0.0, None)
        for name, (work, goal) in works.items():
            with_gate, without = [], []
            for _ in range(ROUNDS):
                without.append(work())
                with _gate():
                    work()  # what is remembered is remembered
                    with_gate.append(work())
            yield name, statistics.median(with_gate) * 1000, statistics.median(without) * 1000, "ms", goal


@contextlib.contextmanager
def _gate() -> Iterator[None]:
    with (
        tempfile.TemporaryDirectory(prefix="gate-line-") as made,
        gate_before(Path(made), first=load.orders(), way=WATCHDOG),
    ):
        yield


def _true() -> float:
    return timed([["/bin/true"]] * STARTS, 0)


def _lua(folder: Path) -> Path | None:
    words = ["download", "-q", "--no-deps", "--no-binary", ":all:", "--no-build-isolation", "-d", os.fspath(folder)]
    done = subprocess.run([sys.executable, "-m", "pip", *words, SOURCE], capture_output=True, check=False)
    if done.returncode:
        print("Lua could not be fetched: left out", file=sys.stderr)
        return None
    with tarfile.open(next(folder.glob("lupa-*.tar.gz"))) as archive:
        archive.extractall(folder, filter="data")
    return next(folder.glob("lupa-*/third-party/lua51/src"))


def _make(source: Path) -> float:
    subprocess.run(["make", "-s", "-C", os.fspath(source), "clean"], check=True, capture_output=True)
    return timed([["/usr/bin/make", "-s", "-j2", "-C", os.fspath(source), "generic"]], 0)


def _npm(folder: Path) -> float | None:
    project = folder / "project"
    shutil.rmtree(project, ignore_errors=True)
    project.mkdir()
    (project / "package.json").write_text(PROJECT, encoding="utf-8")
    words = [
        "install",
        "--no-audit",
        "--no-fund",
        "--prefer-offline",
        "--loglevel=error",
        "--prefix",
        os.fspath(project),
    ]
    took = timed([["/usr/bin/npm", *words, "--cache", os.fspath(folder / "cache")]], 0)
    if not (project / "node_modules" / "express").exists():
        print("npm could not install: left out", file=sys.stderr)
        return None
    return took
