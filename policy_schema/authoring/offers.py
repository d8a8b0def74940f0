"""What npm and PyPI offer, asked through the author's own clients, as those are configured.

The only place in `policy_schema` that starts programs. Nothing of a package is ever run: npm only fetches the archive,
pip installs wheels alone and without their dependencies, and both get a folder that is thrown away.
"""

from __future__ import annotations

import importlib.util
import json
import os
import platform
import re
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final, NamedTuple, Protocol

TIMEOUT: Final = 300.0
"""Seconds for one call of npm or pip."""
MAX_PACKAGE: Final = 512 << 20
"""Bytes of one unpacked package; a larger one is not fetched."""
MAX_FILES: Final = 100_000
_MANIFEST: Final = 4 << 20
_NAMES: Final = {
    "npm": re.compile(r"(@[A-Za-z0-9_~][A-Za-z0-9._~-]*/)?[A-Za-z0-9_~][A-Za-z0-9._~-]*", re.ASCII),
    "pypi": re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]*", re.ASCII),
}


class NoPackage(Exception):
    """The registry offers no package of this name."""


class CannotFetch(Exception):
    """It may be there, and could not be had on this machine: the client is missing, failed, or it does not fit."""


class Installed(NamedTuple):
    """A package on the disk, as its own manifest describes it."""

    folder: Path
    name: str
    version: str
    programs: tuple[str, ...]
    parts: tuple[str, ...] = ()
    """Packages that it names as parts of itself, one for each system (npm's optional dependencies)."""


class Registry(Protocol):
    """Where packages of one purl type come from."""

    def versions(self, name: str) -> tuple[str, ...]:
        """Every version that is offered.

        Raises:
            NoPackage: there is no such package.
            CannotFetch: the registry could not be asked.
        """

    def install(self, name: str, folder: Path) -> Installed:
        """Puts the newest version into an empty folder.

        Raises:
            NoPackage: there is no such package.
            CannotFetch: it cannot be had here.
        """


class Npm:
    """npm's registry."""

    def versions(self, name: str) -> tuple[str, ...]:
        """Every version that is offered."""
        listed = _json(npm(["view", checked("npm", name), "versions", "--json"]))
        return tuple(str(version) for version in (listed if isinstance(listed, list) else [listed]))

    def install(self, name: str, folder: Path) -> Installed:
        """The archive, unpacked. Scripts are not run, dependencies are not fetched."""
        facts = _json(npm(["view", f"{checked('npm', name)}@latest", *_NPM_FACTS, "--json"]))
        if not isinstance(facts, dict):
            raise CannotFetch("npm does not say which version is the latest")
        _check_fits(facts)
        folder.mkdir(parents=True)
        npm(["pack", f"{name}@{facts['version']}", "--silent", "--pack-destination", str(folder)])
        archives = list(folder.glob("*.tgz"))
        if len(archives) != 1:
            raise CannotFetch("npm fetched no archive")
        _unpack(archives[0], folder)
        archives[0].unlink()
        return read_npm(next(path for path in folder.iterdir() if path.is_dir()))


class PyPI:
    """The Python package index."""

    def versions(self, name: str) -> tuple[str, ...]:
        """Every version that is offered, for any Python."""
        text = pip(["index", "versions", checked("pypi", name), "--pre", "--ignore-requires-python"])
        found = re.search(r"^\s*Available versions: (.+)$", text, re.MULTILINE)
        if found is None:
            raise CannotFetch("pip does not list versions")
        return tuple(version.strip() for version in found[1].split(","))

    def install(self, name: str, folder: Path) -> Installed:
        """A wheel, installed beside nothing else. What exists as a source archive only is not built."""
        self.versions(name)
        fixed = ["--no-deps", "--only-binary=:all:", "--no-compile", "--no-warn-script-location", "--quiet"]
        try:
            pip(["install", *fixed, "--target", str(folder), checked("pypi", name)])
        except NoPackage:
            raise CannotFetch(f"no wheel fits Python {platform.python_version()} here") from None
        return read_wheel(folder)


REGISTRIES: Final[Mapping[str, Registry]] = {"npm": Npm(), "pypi": PyPI()}
"""By purl type. What else a catalogue entry names has no client that would run on every author's machine."""
_NPM_FACTS: Final = ("name", "version", "os", "cpu", "libc", "dist.unpackedSize")


def npm(arguments: Sequence[str]) -> str:
    """What npm prints; it runs no script.

    Raises:
        NoPackage: the registry has no such package, or no such version of it.
        CannotFetch: npm is missing, or failed.
    """
    program = shutil.which("npm")
    if program is None:
        raise CannotFetch("npm is not installed here")
    settings = {"npm_config_ignore_scripts": "true", "npm_config_audit": "false", "npm_config_fund": "false"}
    return _run([program, *arguments], {**settings, "npm_config_update_notifier": "false"}, ("E404", "ETARGET"))


def pip(arguments: Sequence[str]) -> str:
    """What pip prints.

    Raises:
        NoPackage: no distribution matches.
        CannotFetch: pip is missing, or failed.
    """
    if not getattr(sys, "frozen", False) and importlib.util.find_spec("pip"):
        command = [sys.executable, "-m", "pip"]
    elif program := shutil.which("pip3") or shutil.which("pip"):
        command = [program]
    else:
        raise CannotFetch("pip is not installed here")
    settings = {"PIP_DISABLE_PIP_VERSION_CHECK": "1", "PIP_NO_INPUT": "1"}
    return _run([*command, *arguments], settings, ("No matching distribution",))


def read_npm(folder: Path) -> Installed:
    """An unpacked npm package, by its `package.json`.

    Raises:
        CannotFetch: the manifest is none.
    """
    facts = _json(_text(folder / "package.json"))
    if not isinstance(facts, dict) or not isinstance(facts.get("name"), str):
        raise CannotFetch("its package.json cannot be used")
    programs = facts.get("bin") or {}
    names = [str(facts["name"]).rpartition("/")[2]] if isinstance(programs, str) else [str(name) for name in programs]
    optional = facts.get("optionalDependencies")
    parts = tuple(sorted(map(str, optional))) if isinstance(optional, dict) else ()
    return Installed(folder, facts["name"], str(facts.get("version") or ""), tuple(sorted(names)), parts)


def read_wheel(folder: Path) -> Installed:
    """A wheel in a folder of its own, by its `METADATA`.

    Raises:
        CannotFetch: there is not exactly one.
    """
    infos = list(folder.glob("*.dist-info"))
    if len(infos) != 1:
        raise CannotFetch(f"{len(infos)} packages in a folder for one")
    head = _text(infos[0] / "METADATA").split("\n\n", 1)[0]
    fields = dict(re.findall(r"^(Name|Version): *(.+?)\s*$", head, re.MULTILINE))
    if len(fields) != 2:
        raise CannotFetch("its METADATA cannot be used")
    programs = folder / "bin"
    names = [path.name for path in programs.iterdir()] if programs.is_dir() else []
    return Installed(folder, fields["Name"], fields["Version"], tuple(sorted(names)))


def fits(wanted: object, mine: Iterable[str]) -> bool:
    """Whether npm's `os`, `cpu` or `libc` mean a machine that calls itself one of `mine`; `!x` means all but x."""
    names = [wanted] if isinstance(wanted, str) else [str(name) for name in wanted] if isinstance(wanted, list) else []
    own = set(mine)
    refused = {name[1:] for name in names if name.startswith("!")}
    meant = {name for name in names if not name.startswith("!")}
    return not refused & own and (not meant or bool(meant & own))


def _check_fits(facts: Mapping[str, object]) -> None:
    system = {"win32": "win32", "darwin": "darwin"}.get(sys.platform, "linux")
    machine = {"x86_64": "x64", "AMD64": "x64", "aarch64": "arm64"}.get(platform.machine(), platform.machine())
    libc = ["glibc"] if platform.libc_ver()[0] == "glibc" else ["musl"]
    for field, mine in (
        ("os", [system]),
        ("cpu", [machine]),
        ("libc", libc if system == "linux" else ["glibc", "musl"]),
    ):
        if not fits(facts.get(field), mine):
            wanted = facts.get(field)
            shown = ", ".join(map(str, wanted)) if isinstance(wanted, list) else str(wanted)
            raise CannotFetch(f"{facts.get('version')} is offered, for {shown} only")
    size = facts.get("dist.unpackedSize")
    if isinstance(size, int) and size > MAX_PACKAGE:
        raise CannotFetch(f"{facts.get('version')} is offered, and too large to fetch ({size >> 20} MB)")


def _unpack(archive: Path, folder: Path) -> None:
    with tarfile.open(archive) as tar:
        size = 0
        for count, member in enumerate(tar):
            size += member.size
            if size > MAX_PACKAGE or count > MAX_FILES:
                raise CannotFetch("its archive is larger than it says")
        tar.extractall(folder, filter="data")


def checked(kind: str, name: str) -> str:
    """The name of an npm or PyPI package, fit to be an argument: no dash first, no version and no address in it.

    Raises:
        NoPackage: it is none.
    """
    if not _NAMES[kind].fullmatch(name):
        raise NoPackage(f"{name[:80]!r} is no name of a package")
    return name


def _run(command: Sequence[str], settings: Mapping[str, str], missing: Sequence[str]) -> str:
    try:
        done = subprocess.run(
            command, env={**os.environ, **settings}, capture_output=True, text=True, timeout=TIMEOUT, check=False,
            stdin=subprocess.DEVNULL, errors="replace",
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        raise CannotFetch(f"{Path(command[0]).name} did not end within {TIMEOUT:.0f} s") from None
    except OSError as error:
        raise CannotFetch(f"{command[0]}: {error.strerror}") from error
    if done.returncode and any(code in done.stderr + done.stdout for code in missing):
        raise NoPackage("the registry offers no such package")
    if done.returncode:
        said = next((line.strip() for line in reversed(done.stderr.splitlines()) if line.strip()), "it said nothing")
        raise CannotFetch(f"{Path(command[0]).name} failed: {said[:200]}")
    return done.stdout


def _text(path: Path) -> str:
    try:
        with path.open("rb") as file:
            return file.read(_MANIFEST).decode("utf-8", "replace")
    except OSError as error:
        raise CannotFetch(f"{path.name}: {error.strerror}") from error


def _json(text: str) -> object:
    try:
        return json.loads(text)
    except ValueError:
        raise CannotFetch("what came is not JSON") from None
