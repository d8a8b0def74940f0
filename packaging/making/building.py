"""What can be built, in which order, and what each needs of the system."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import NamedTuple

from making.deb import make_deb
from making.frozen import freeze
from making.linux import lay_out
from making.rpm import make_rpm
from making.sbom import write_sbom
from making.source import ROOT, Build


class Kind(NamedTuple):
    """One thing that is built: the programs it needs, whether it is made of the frozen agent, and how."""

    programs: tuple[str, ...]
    frozen: bool
    make: Callable[[Build, Path], Path]


def _wheel(build: Build, _: Path) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", os.fspath(build.out), os.fspath(ROOT)], env=build.environment, check=True)
    return max(build.out.glob("interdict-*.whl"), key=lambda path: path.stat().st_mtime)


def _frozen(build: Build, frozen: Path) -> Path:
    write_sbom(build, frozen, build.out / "interdict.cdx.json")
    return build.out / "interdict.cdx.json"


_FREEZING = ("patchelf", "readelf", "strip")

KINDS: Mapping[str, Kind] = {
    "frozen": Kind(_FREEZING, True, _frozen),
    "deb": Kind(("dpkg-deb", *_FREEZING), True, lambda build, frozen: make_deb(build, tree_of(build, frozen))),
    "rpm": Kind(("rpmbuild", *_FREEZING), True, lambda build, frozen: make_rpm(build, tree_of(build, frozen))),
    "wheel": Kind((), False, _wheel),
}


def tree_of(build: Build, frozen: Path) -> Path:
    """The files of a machine, laid out once for all packages."""
    into = build.out / "work" / "tree"
    return into if (into / "usr").is_dir() else lay_out(build, frozen, into)


def build_all(build: Build, wanted: Iterable[str]) -> tuple[list[Path], dict[str, str]]:
    """Builds; what was made, and what could not be and why."""
    made: list[Path] = []
    left_out: dict[str, str] = {}
    frozen: Path | None = None
    for name in wanted:
        kind = KINDS[name]
        missing = [program for program in kind.programs if shutil.which(program) is None]
        if missing or (kind.frozen and sys.platform != "linux"):
            left_out[name] = f"needs {', '.join(missing)}" if missing else "needs Linux"
            continue
        if kind.frozen and frozen is None:
            frozen = freeze(build)
        made.append(kind.make(build, frozen or build.out))
    return made, left_out
