"""Packages of this very tree in two versions, built once for each state of the sources."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
from pathlib import Path
from typing import NamedTuple

from tests.architecture.source import ROOT

OLD, NEW = "0.1.0", "0.2.0"
_SOURCES = ("agent", "policy_schema", "packaging", "installers", "CHANGELOG.md")
ENVIRONMENT = {"SOURCE_DATE_EPOCH": "1792000000", **os.environ}
"""One time for all: git's last commit may have changed nothing that is in a package."""


class Built(NamedTuple):
    """The packages of one version."""

    version: str
    folder: Path

    @property
    def deb(self) -> Path:
        """The Debian package."""
        return next(self.folder.glob("interdict_*.deb"))

    @property
    def rpm(self) -> Path:
        """The rpm package."""
        return next(self.folder.glob("interdict-*.rpm"))

    @property
    def frozen(self) -> Path:
        """The folder with the two programs."""
        return self.folder / "interdict"


def built(version: str) -> Built:
    """Builds deb and rpm of this tree as if it had this version; a state that was built before is taken as it is.

    `INTERDICT_BUILT` names a folder with one folder a version to take instead, for work on the tests themselves.
    """
    given = os.environ.get("INTERDICT_BUILT", "")
    if given:
        return Built(version, Path(given) / version)
    base = Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "interdict-built"
    folder = base / f"{_digest()}-{version}"
    if not (folder / "done").exists():
        words = [sys.executable, os.fspath(ROOT / "packaging" / "build"), "frozen", "deb", "rpm"]
        words += ["--version", version, "--out", os.fspath(folder)]
        subprocess.run(words, check=True, stdout=subprocess.PIPE, env=ENVIRONMENT)
        (folder / "done").touch()
    return Built(version, folder)


def _digest() -> str:
    """Of all files that go into a package, and of the Python that is frozen."""
    digest = hashlib.sha256(sys.version.encode())
    for source in _SOURCES:
        for path in [ROOT / source, *sorted((ROOT / source).rglob("*"))]:
            inside = path.relative_to(ROOT).parts
            if path.is_file() and "__pycache__" not in inside and not any(part.startswith(".") for part in inside):
                digest.update(f"{path.relative_to(ROOT)}\0".encode() + path.read_bytes())
    return digest.hexdigest()[:16]
