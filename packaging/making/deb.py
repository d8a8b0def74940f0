"""The Debian package, by dpkg-deb; the same bytes for the same build."""

from __future__ import annotations

import gzip
import hashlib
import os
import shutil
import subprocess
import time
from pathlib import Path

from making.frozen import glibc_floor, size_of
from making.linux import CONFFILES, LINUX, settle
from making.source import ROOT, Build

MACHINES = {"x86_64": "amd64", "aarch64": "arm64"}
MAINTAINER = "Interdict maintainers <interdict@example.org>"
_SCRIPTS = ("config", "postinst", "prerm", "postrm")


def make_deb(build: Build, tree: Path) -> Path:
    """Builds `OUT/interdict_VERSION_ARCH.deb` from the files of a machine."""
    root = build.out / "work" / "deb"
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(tree, root, symlinks=True)
    _documents(build, root / "usr/share/doc/interdict")
    overrides = root / "usr/share/lintian/overrides/interdict"
    overrides.parent.mkdir(parents=True)
    shutil.copyfile(LINUX / "deb" / "lintian-overrides", overrides)
    sums = _sums(root)
    control = root / "DEBIAN"
    control.mkdir()
    for name in _SCRIPTS:
        shutil.copyfile(LINUX / "deb" / name, control / name)
        (control / name).chmod(0o755)
    shutil.copyfile(LINUX / "deb" / "templates", control / "templates")
    (control / "conffiles").write_text("".join(f"{name}\n" for name in CONFFILES), encoding="ascii")
    (control / "md5sums").write_text(sums, encoding="utf-8")
    architecture = MACHINES[os.uname().machine]
    (control / "control").write_text(_control(build, root, architecture), encoding="utf-8")
    settle(root, build)
    made = build.out / f"interdict_{build.version}_{architecture}.deb"
    # One thread: xz splits its work differently on machines with other numbers of cores.
    command = ["dpkg-deb", "--root-owner-group", "-Zxz", "--threads-max=1", "--build", os.fspath(root), os.fspath(made)]
    subprocess.run(command, env=build.environment, check=True, stdout=subprocess.DEVNULL)
    return made


def _control(build: Build, root: Path, architecture: str) -> str:
    text = (LINUX / "deb" / "control").read_text(encoding="utf-8")
    facts = {
        "version": build.version,
        "architecture": architecture,
        "maintainer": MAINTAINER,
        "glibc": glibc_floor(root / "usr/lib/interdict"),
        "size": str(-(-size_of(root) // 1024)),
    }
    for name, value in facts.items():
        text = text.replace(f"@{name}@", value)
    return text


def _documents(build: Build, folder: Path) -> None:
    """What Debian asks for: the licence, and a changelog in its own form."""
    shutil.copyfile(LINUX / "deb" / "copyright", folder / "copyright")
    date = time.strftime("%a, %d %b %Y %H:%M:%S +0000", time.gmtime(build.epoch))
    entry = f"interdict ({build.version}) stable; urgency=medium\n\n  * See CHANGELOG.md of the project.\n\n"
    entry += f" -- {MAINTAINER}  {date}\n"
    (folder / "changelog.gz").write_bytes(gzip.compress(entry.encode(), mtime=0))
    (folder / "NEWS.md.gz").write_bytes(gzip.compress((ROOT / "CHANGELOG.md").read_bytes(), mtime=0))


def _sums(root: Path) -> str:
    """What `dpkg --verify` compares with."""
    files = sorted(path for path in root.rglob("*") if path.is_file() and not path.is_symlink())
    named = ((path.relative_to(root).as_posix(), path) for path in files)
    rows = ((name, path) for name, path in named if f"/{name}" not in CONFFILES)
    return "".join(f"{hashlib.md5(path.read_bytes()).hexdigest()}  {name}\n" for name, path in rows)
