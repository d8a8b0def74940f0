"""Looks whether the claims of a policy hold, in the packages that they name.

A claim's `check` says which texts a version of a package contains, or does not. What a package brings for one system
comes as packages of its own (npm's optional dependencies of the same version, `NAME-linux-x64`): one of them is looked
into too, since newer versions keep the whole program there.
"""

from __future__ import annotations

import platform
import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from enum import StrEnum
from typing import NamedTuple

from policy_schema.authoring.archives import npm_manifest, texts_found
from policy_schema.authoring.registries import Archives, NotFetched, Package
from policy_schema.document.canonical import Json
from policy_schema.errors import BadFile
from policy_schema.rules.versions import parse_key

_SYSTEMS = {"linux": "linux", "darwin": "darwin", "win32": "win32"}
_MACHINES = {"x86_64": "x64", "amd64": "x64", "aarch64": "arm64", "arm64": "arm64"}


class Answer(StrEnum):
    """What a look at a claim says."""

    HOLDS = "holds"
    DOES_NOT_HOLD = "does-not-hold"
    CANNOT_BE_CHECKED = "cannot-be-checked"


class Looked(NamedTuple):
    """One version of a package, looked at. `missing` are the texts that it does not contain."""

    version: str
    expected: bool
    contains: bool | None
    """None when it could not be looked at; `trouble` says why."""
    archives: tuple[str, ...]
    missing: tuple[str, ...]
    trouble: str

    @property
    def as_claimed(self) -> bool | None:
        """Whether it is as the claim says; None when that is not known."""
        return None if self.contains is None else self.contains is self.expected


class Checked(NamedTuple):
    """One claim with what was seen."""

    ban: str
    claim: str
    standing: str
    answer: Answer
    package: str
    """Empty for a claim without a check."""
    texts: tuple[str, ...]
    looked: tuple[Looked, ...]


def check_claims(
    document: Mapping[str, Json], archives: Archives, progress: Callable[[str], None]
) -> Iterator[Checked]:
    """Every claim of a closed policy, one after the other."""
    for ban in _rows(document.get("bans")):
        for claim in _rows(ban.get("claims")):
            yield _claim(str(ban["id"]), claim, archives, progress)


def _claim(ban: str, claim: Mapping[str, Json], archives: Archives, progress: Callable[[str], None]) -> Checked:
    words, standing = str(claim["claim"]), str(claim["standing"])
    check = claim.get("check")
    if not isinstance(check, dict):
        return Checked(ban, words, standing, Answer.CANNOT_BE_CHECKED, "", (), ())
    purl, texts, expect = str(check["package"]), tuple(map(str, _list(check["contains_all"]))), check["expect"]
    assert isinstance(expect, dict)
    looked: list[Looked] = []
    for version, expected in sorted(expect.items(), key=lambda row: _order(purl, row[0])):
        progress(f"{purl}@{version}")
        looked.append(_look(purl, version, bool(expected), texts, archives))
    return Checked(ban, words, standing, _answer(looked), purl, texts, tuple(looked))


def _answer(looked: Sequence[Looked]) -> Answer:
    if any(row.as_claimed is False for row in looked):
        return Answer.DOES_NOT_HOLD
    if not looked or any(row.as_claimed is None for row in looked):
        return Answer.CANNOT_BE_CHECKED
    return Answer.HOLDS


def _look(purl: str, version: str, expected: bool, texts: Sequence[str], archives: Archives) -> Looked:
    names: list[str] = []
    found: set[str] = set()
    try:
        package = Package.of(purl)
        for one, number in _parts(package, version, archives):
            path = archives.get(one, number)
            names.append(path.name)
            found |= texts_found(path, texts)
    except (NotFetched, BadFile, ValueError) as error:
        return Looked(version, expected, None, tuple(names), (), str(error))
    missing = tuple(text for text in texts if text not in found)
    return Looked(version, expected, not missing, tuple(names), missing, "")


def _parts(package: Package, version: str, archives: Archives) -> Iterator[tuple[Package, str]]:
    """The package, and what it brings for one system: for this one if there is such a part, else its first one."""
    yield package, version
    if package.kind != "npm":
        return
    optional = npm_manifest(archives.get(package, version)).get("optionalDependencies")
    rows = optional if isinstance(optional, dict) else {}
    platforms = {name: str(number) for name, number in rows.items() if name.startswith(f"{package.name}-")}
    if platforms:
        own = f"{package.name}-{this_system()}"
        name = own if own in platforms else min(platforms)
        yield Package("npm", name), platforms[name].lstrip("^~=")


def _order(purl: str, version: str) -> tuple[bool, object, str]:
    """Older versions first; those that cannot be read last."""
    key = parse_key("pep440" if purl.startswith("pkg:pypi/") else "semver", version)
    return key is None, key or 0, version


def this_system() -> str:
    """As npm's packages are called: `linux-x64`."""
    machine = platform.machine().lower()
    return f"{_SYSTEMS.get(sys.platform, 'linux')}-{_MACHINES.get(machine, machine)}"


def _rows(value: Json | None) -> list[dict[str, Json]]:
    return [row for row in _list(value) if isinstance(row, dict)]


def _list(value: Json | None) -> list[Json]:
    return value if isinstance(value, list) else []
