"""Signed repositories of static files, for apt and for dnf: any web server can serve them."""

from __future__ import annotations

import gzip
import os
import shutil
import subprocess
import time
from collections.abc import Sequence
from pathlib import Path

from making.source import Build

ORIGIN, SUITE = "Interdict", "stable"


class Signer:
    """A key of GnuPG, in a folder of its own."""

    def __init__(self, home: Path, key: str) -> None:
        self._home = home
        self._key = key

    def _gpg(self, *words: str) -> list[str]:
        return ["gpg", "--homedir", os.fspath(self._home), "--batch", "--yes", "--local-user", self._key, *words]

    def clear(self, path: Path, into: Path) -> None:
        """A signature around the text."""
        subprocess.run(self._gpg("--output", os.fspath(into), "--clearsign", os.fspath(path)), check=True)

    def beside(self, path: Path, into: Path) -> None:
        """A signature in a file of its own."""
        words = ("--armor", "--output", os.fspath(into), "--detach-sign", os.fspath(path))
        subprocess.run(self._gpg(*words), check=True)

    def rpm(self, path: Path) -> None:
        """A signature inside a package."""
        macros = {"_gpg_name": self._key, "_gpg_path": os.fspath(self._home), "__gpg": shutil.which("gpg") or "gpg"}
        defined = [word for name, value in macros.items() for word in ("--define", f"{name} {value}")]
        subprocess.run(["rpmsign", *defined, "--addsign", os.fspath(path)], check=True, stdout=subprocess.DEVNULL)

    def public(self, into: Path) -> None:
        """The public half, which machines are given."""
        subprocess.run(self._gpg("--armor", "--output", os.fspath(into), "--export", self._key), check=True)


def apt_repository(build: Build, packages: Sequence[Path], into: Path, signer: Signer) -> None:
    """`pool/` and `dists/stable/` with InRelease and Release.gpg; the key beside them as `interdict.asc`."""
    shutil.rmtree(into, ignore_errors=True)
    pool = into / "pool"
    pool.mkdir(parents=True)
    for package in packages:
        shutil.copy2(package, pool / package.name)
    architectures = sorted({package.stem.rpartition("_")[2] for package in packages})
    for architecture in architectures:
        folder = into / "dists" / SUITE / "main" / f"binary-{architecture}"
        folder.mkdir(parents=True)
        listing = _said(["apt-ftparchive", "--arch", architecture, "packages", "pool"], into, build)
        (folder / "Packages").write_bytes(listing)
        (folder / "Packages.gz").write_bytes(gzip.compress(listing, mtime=0))
    suite = into / "dists" / SUITE
    facts = {"Origin": ORIGIN, "Label": ORIGIN, "Suite": SUITE, "Codename": SUITE, "Components": "main"}
    facts |= {"Architectures": " ".join(architectures), "Acquire-By-Hash": "no"}
    options = [word for name, value in facts.items() for word in ("-o", f"APT::FTPArchive::Release::{name}={value}")]
    release = _said(["apt-ftparchive", *options, "release", "."], suite, build).decode()
    dated = time.strftime("%a, %d %b %Y %H:%M:%S UTC", time.gmtime(build.epoch))
    lines = [f"Date: {dated}" if line.startswith("Date:") else line for line in release.splitlines()]
    (suite / "Release").write_text("\n".join(lines) + "\n", encoding="utf-8")
    signer.clear(suite / "Release", suite / "InRelease")
    signer.beside(suite / "Release", suite / "Release.gpg")
    signer.public(into / "interdict.asc")


def dnf_repository(build: Build, packages: Sequence[Path], into: Path, signer: Signer) -> None:
    """Signed packages, `repodata/` with its signature, and a `interdict.repo` to fill in."""
    shutil.rmtree(into, ignore_errors=True)
    into.mkdir(parents=True)
    for package in packages:
        signer.rpm(Path(shutil.copy2(package, into / package.name)))
    words = ["createrepo_c", "--quiet", f"--revision={build.epoch}", "--set-timestamp-to-revision", "."]
    _said(words, into, build)
    signer.beside(into / "repodata/repomd.xml", into / "repodata/repomd.xml.asc")
    signer.public(into / "interdict.asc")
    rows = ("name=Interdict", "baseurl=https://packages.example.com/rpm", "enabled=1", "gpgcheck=1", "repo_gpgcheck=1")
    text = "\n".join(["[interdict]", *rows, "gpgkey=https://packages.example.com/rpm/interdict.asc", ""])
    (into / "interdict.repo").write_text(text, encoding="utf-8")


def _said(words: Sequence[str], folder: Path, build: Build) -> bytes:
    return subprocess.run(words, cwd=folder, env=build.environment, check=True, capture_output=True).stdout
