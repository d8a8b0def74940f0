"""Archives of packages, one for each package and version: from a folder of the author's, else from the registry.

An archive is only fetched, never installed: `npm pack` and `pip download` write the file that was published.
"""

from __future__ import annotations

import re
from pathlib import Path
from typing import NamedTuple

from policy_schema.authoring.offers import CannotFetch, NoPackage, checked, npm, pip
from policy_schema.rules.identity import normal_name, parse_purl

KINDS = ("npm", "pypi")
_VERSION = re.compile(r"[0-9A-Za-z][0-9A-Za-z.+!_-]{0,63}", re.ASCII)


class NotFetched(Exception):
    """There is no archive of this version to look into; the text says why."""


class Package(NamedTuple):
    """A package of npm or PyPI."""

    kind: str
    name: str

    @classmethod
    def of(cls, purl: str) -> Package:
        """The package that a purl names.

        Raises:
            ValueError: it is none, or of another registry.
        """
        kind, _, name = parse_purl(purl).key.partition("/")
        if kind not in KINDS:
            raise ValueError(f"{purl}: only archives of npm and PyPI can be looked into")
        return cls(kind, name)


class Archives:
    """Hands out archives. With a folder no registry is asked; else each is fetched once, into `scratch`."""

    def __init__(self, folder: Path | None, scratch: Path) -> None:
        self._folder = folder
        self._scratch = scratch

    def get(self, package: Package, version: str) -> Path:
        """The archive of one version.

        Raises:
            NotFetched: there is none.
        """
        if not _VERSION.fullmatch(version):
            raise NotFetched(f"{version[:40]!r} is no version")
        here = self._folder or self._scratch
        found = _find(here, package, version)
        if found is None and self._folder is not None:
            raise NotFetched(f"no archive of it is in {self._folder}")
        if found is None:
            self._fetch(package, version)
            found = _find(here, package, version)
        if found is None:
            raise NotFetched("the registry gave no archive of it")
        return found

    def _fetch(self, package: Package, version: str) -> None:
        try:
            name = checked(package.kind, package.name)
            if package.kind == "npm":
                npm(["pack", f"{name}@{version}", "--silent", "--pack-destination", str(self._scratch)])
            else:
                wheel = ["--no-deps", "--only-binary=:all:", "--ignore-requires-python", "--quiet"]
                pip(["download", *wheel, "--dest", str(self._scratch), f"{name}=={version}"])
        except (NoPackage, CannotFetch) as refused:
            raise NotFetched(str(refused)) from refused


def _find(folder: Path, package: Package, version: str) -> Path | None:
    if package.kind == "npm":
        # As `npm pack` calls it: @scope/name becomes scope-name.
        path = folder / f"{package.name.removeprefix('@').replace('/', '-')}-{version}.tgz"
        return path if path.is_file() else None
    return next((path for path in sorted(folder.glob("*.whl")) if _is_wheel_of(path, package, version)), None)


def _is_wheel_of(path: Path, package: Package, version: str) -> bool:
    name, _, rest = path.name.partition("-")
    return normal_name("pypi", name) == package.name and rest.partition("-")[0] == version
