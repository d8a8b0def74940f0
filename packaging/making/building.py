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
from making.frozen import freeze, system_of
from making.linux import lay_out
from making.msi import make_msi, sign_msi
from making.pkg import make_pkg
from making.rpm import make_rpm
from making.sbom import write_sbom
from making.source import ROOT, Build


class Key(NamedTuple):
    """What installers are signed with; empty: they are not."""

    file: str = ""
    """A PKCS#12 file, for the MSI."""
    password_file: str = ""
    identity: str = ""
    """A name in the keychain of the Mac that builds, for the pkg (Apple: Developer ID Installer)."""
    programs: str = ""
    """Another, for what is in it (Apple: Developer ID Application)."""


class Kind(NamedTuple):
    """One thing that is built: the programs it needs, the frozen agent of which system it is made of, and how."""

    programs: tuple[str, ...]
    system: str
    """As `sys.platform` says it; `any`: of the system that this is; empty: it is not made of a frozen agent."""
    make: Callable[[Build, Path, Key], Path]


def _wheel(build: Build, _: Path, __: Key) -> Path:
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--no-build-isolation"]
    subprocess.run([*command, "--wheel-dir", os.fspath(build.out), os.fspath(ROOT)], env=build.environment, check=True)
    return max(build.out.glob("interdict-*.whl"), key=lambda path: path.stat().st_mtime)


def _frozen(build: Build, frozen: Path, _: Key) -> Path:
    write_sbom(build, frozen, build.out / "interdict.cdx.json")
    return build.out / "interdict.cdx.json"


def _msi(build: Build, frozen: Path, key: Key) -> Path:
    made = build.out / f"interdict-{build.version}.msi"
    if not key.file:
        return make_msi(frozen, build.version, made)
    work = build.out / "work"
    work.mkdir(exist_ok=True)
    made.unlink(missing_ok=True)  # the signer writes over nothing
    return sign_msi(make_msi(frozen, build.version, work / made.name), Path(key.file), Path(key.password_file), made)


def _pkg(build: Build, frozen: Path, key: Key) -> Path:
    return make_pkg(frozen, build.version, build.out, key.identity)


_FREEZING = ("patchelf", "readelf", "strip") if sys.platform == "linux" else ()

KINDS: Mapping[str, Kind] = {
    "frozen": Kind(_FREEZING, "any", _frozen),
    "deb": Kind(("dpkg-deb",), "linux", lambda build, frozen, _: make_deb(build, tree_of(build, frozen))),
    "rpm": Kind(("rpmbuild",), "linux", lambda build, frozen, _: make_rpm(build, tree_of(build, frozen))),
    "wheel": Kind((), "", _wheel),
    "msi": Kind(("wixl", "msibuild"), "win32", _msi),
    "pkg": Kind(("pkgbuild", "productbuild"), "darwin", _pkg),
}
_NAMES = {"linux": "Linux", "win32": "Windows", "darwin": "macOS"}
_UNSIGNED = Key()


def tree_of(build: Build, frozen: Path) -> Path:
    """The files of a machine, laid out once for all packages."""
    into = build.out / "work" / "tree"
    return into if (into / "usr").is_dir() else lay_out(build, frozen, into)


def build_all(
    build: Build, wanted: Iterable[str], payload: Path | None = None, key: Key = _UNSIGNED
) -> tuple[list[Path], dict[str, str]]:
    """Builds; what was made, and what could not be and why.

    `payload` is an agent that was frozen before, here or on another system: the MSI is put together on Linux of what
    was frozen on Windows. Without it the agent is frozen here, once.
    """
    made: list[Path] = []
    left_out: dict[str, str] = {}
    frozen = payload
    for name in wanted:
        kind = KINDS[name]
        if why := _lacks(kind, frozen):
            left_out[name] = why
            continue
        if kind.system and frozen is None:
            frozen = freeze(build, key.programs)
        made.append(kind.make(build, frozen or build.out, key))
    return made, left_out


def _lacks(kind: Kind, frozen: Path | None) -> str:
    """What is missing here to build it; empty when nothing is."""
    freezing = _FREEZING if kind.system and frozen is None else ()
    missing = [program for program in (*kind.programs, *freezing) if shutil.which(program) is None]
    if missing:
        return f"needs {', '.join(missing)}"
    system = sys.platform if frozen is None else system_of(frozen)
    if kind.system in ("", "any", system):
        return ""
    return f"needs an agent that was frozen on {_NAMES[kind.system]} (--payload FOLDER)"
